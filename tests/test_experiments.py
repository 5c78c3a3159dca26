"""Studies: paired runs, nothing trained twice, and statistics that agree with scipy."""

import math
import multiprocessing
import os
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings, strategies as st
from matplotlib.figure import Figure
from scipy import stats

from eca_edu import ModelConfig, build_model, load_checkpoint, make_cue_switch
from eca_edu.app.cli import main
from eca_edu.attention import ATTENTION, FOLLOWS_PSI
from eca_edu.figures.experiments import draw_differences
from eca_edu.studies import runs as experiments
from eca_edu.studies.results import COLUMNS, read_results
from eca_edu.studies.runs import Study, final_accuracies, paired_difference, pending_runs, run_study

CONFIGS = [ModelConfig(attention="none", width=8), ModelConfig(width=8), ModelConfig(width=8, kernel_size=5)]
STUDY = Study("tiny", CONFIGS, seeds=2, epochs=2)
TRAIN, TEST = make_cue_switch(64), make_cue_switch(32, 1)
BATCHES = 2 * 1 * 6  # epochs × batches × runs


def without_seconds(path):
    return pd.read_csv(path).drop(columns=["seconds", "check"])


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    path = tmp_path_factory.mktemp("study") / "tiny.csv"
    run_study(path, STUDY, TRAIN, TEST, command="made by hand")
    return path


@pytest.mark.parametrize("attention", ATTENTION)
def test_a_pair_starts_from_the_same_weights_outside_the_gate(attention):
    plain = build_model(ModelConfig(attention="none", width=16), 3).state_dict()
    config = ModelConfig(attention=attention, width=16)
    model = build_model(config, 3).state_dict()
    assert all(torch.equal(model[name], tensor) for name, tensor in plain.items())
    gate = {name for name in model if name not in plain}
    assert all(".attention." in name for name in gate)
    again, other = build_model(config, 3).state_dict(), build_model(config, 4).state_dict()
    assert all(torch.equal(model[name], again[name]) for name in gate)
    assert not any(torch.equal(model[name], other[name]) for name in gate)
    if attention in FOLLOWS_PSI:
        fixed = build_model(ModelConfig(attention=attention, width=16, kernel_size=9), 3).state_dict()
        assert all(torch.equal(fixed[name], tensor) for name, tensor in plain.items())


def test_a_build_model_leaves_the_global_generator_alone():
    before = torch.get_rng_state()
    build_model(CONFIGS[1], 0)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_study_has_one_row_for_each_epoch_of_each_run(undisturbed):
    results = read_results(undisturbed)
    assert (*results.columns,) == (*COLUMNS, "configuration")
    assert list(results["configuration"].unique()) == ["none", "eca", "eca k=5"]
    assert len(results) == 3 * 2 * 2
    assert not results.duplicated(["configuration", "seed", "epoch"]).any()
    row = results.iloc[-1]
    assert (row["study"], row["data"], row["kernel_size"], row["seed"], row["epoch"]) == ("tiny", "cue-switch", 5, 1, 2)
    assert (row["device"], row["torch"], row["command"]) == ("cpu", torch.__version__, "made by hand")
    assert not [*undisturbed.parent.glob(".tiny.runs/*")]  # neither states nor locks stay behind


@pytest.mark.parametrize("batch", [1, 2, 3, 7, BATCHES])
def test_an_interrupted_study_goes_on_and_repeats_nothing(batch, undisturbed, tmp_path):
    path, trained = tmp_path / "tiny.csv", []

    def interrupt(done, total):
        trained.append(done)
        if len(trained) == batch:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_study(path, STUDY, TRAIN, TEST, command="made by hand", on_batch=interrupt)
    assert len(pending_runs(path, STUDY, TRAIN, TEST)) == 6 - (batch - 1) // 2
    run_study(path, STUDY, TRAIN, TEST, command="made by hand", on_batch=lambda done, total: trained.append(done))
    assert len(trained) == BATCHES + 1  # the batch in which it was stopped is the only one to be done again
    pd.testing.assert_frame_equal(without_seconds(path), without_seconds(undisturbed))
    before = path.read_bytes()
    run_study(path, STUDY, TRAIN, TEST, on_batch=interrupt)
    assert path.read_bytes() == before


def test_a_study_can_be_given_more_seeds(undisturbed, tmp_path):
    path, seen = tmp_path / "tiny.csv", []
    path.write_bytes(undisturbed.read_bytes())
    more = Study("tiny", CONFIGS[:2], seeds=3, epochs=2)
    assert pending_runs(path, more, TRAIN, TEST) == [(config, 2) for config in CONFIGS[:2]]
    run_study(path, more, TRAIN, TEST, on_epoch=lambda config, seed, epoch: seen.append((config, seed, epoch.epoch)))
    assert seen == [(config, 2, epoch) for config in CONFIGS[:2] for epoch in (1, 2)]
    assert path.read_bytes().startswith(undisturbed.read_bytes())


def share_a_study(path):
    torch.set_num_threads(1)
    run_study(path, STUDY, TRAIN, TEST, command="made by hand")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no forkserver, and takes long to start processes without it")
def test_two_processes_share_a_study(undisturbed, tmp_path):
    path = tmp_path / "tiny.csv"
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["torch._dynamo"])
    processes = [context.Process(target=share_a_study, args=(path,)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(600)
    assert [process.exitcode for process in processes] == [0, 0]
    order = ["attention", "kernel_size", "seed", "epoch"]
    found, expected = (without_seconds(p).sort_values(order, ignore_index=True) for p in (path, undisturbed))
    pd.testing.assert_frame_equal(found, expected, rtol=1e-4)  # they may have used another number of threads


def test_other_pixels_are_other_runs(undisturbed, tmp_path):
    path = tmp_path / "tiny.csv"
    path.write_bytes(undisturbed.read_bytes())
    changed = replace(TRAIN, images=TRAIN.images.flip(3))
    assert len(pending_runs(path, STUDY, changed, TEST)) == 6
    assert pending_runs(path, STUDY, TRAIN, TEST) == []


def test_runs_without_mirroring_are_other_runs_and_no_pairs(undisturbed, tmp_path):
    path, study = tmp_path / "tiny.csv", Study("tiny", CONFIGS[:1], 1, 2)
    path.write_bytes(undisturbed.read_bytes())
    assert pending_runs(path, study, TRAIN, TEST, flip=False) == [(CONFIGS[0], 0)]
    results = run_study(path, study, TRAIN, TEST, flip=False)
    assert pending_runs(path, study, TRAIN, TEST, flip=False) == pending_runs(path, study, TRAIN, TEST) == []
    mirrored, unmirrored = (rows["train_loss"].iloc[0] for _, rows in results.groupby("data"))
    assert mirrored != unmirrored
    with pytest.raises(ValueError, match="same conditions can be compared; these differ in data"):
        final_accuracies(results)


def test_names_that_look_like_gaps_are_read_as_they_are(tmp_path):
    run_study(tmp_path / "a.csv", Study("None", CONFIGS[:1], 1, 1), replace(TRAIN, name="NA", source=""), TEST)
    row = read_results(tmp_path / "a.csv").iloc[0]
    assert (row["study"], row["data"], row["source"]) == ("None", "NA", "")
    assert pd.isna(row["kernel_size"])


def test_another_csv_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match=r"table\.csv must have the columns study, data, .*; name another file"):
        run_study(path, STUDY, TRAIN, TEST)
    assert path.read_text() == "a,b\n1,2\n"
    with pytest.raises(FileNotFoundError, match=r"there are no results in .*none\.csv; `python -m eca_edu compare`"):
        read_results(tmp_path / "none.csv")


def test_a_folder_that_cannot_be_written_to_is_a_sentence(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=r"tiny\.csv cannot be written: "):
        run_study(tmp_path / "file" / "tiny.csv", STUDY, TRAIN, TEST)


def made_up(accuracies):
    """Results in which each configuration has the given final accuracies, of seeds 0, 1, …"""
    same = {"study": "s", "data": "d", "source": "x", "checksum": "c", "backbone": "b", "width": 8, "epochs": 2}
    same |= {"optimizer": "sgd", "precision": "float32"}
    same |= {"train_images": 9, "test_images": 9}
    rows = [
        {**same, "configuration": name, "seed": seed, "epoch": epoch, "test_accuracy": accuracy * epoch / 2}
        for name, values in accuracies.items()
        for seed, accuracy in enumerate(values)
        for epoch in (1, 2)
    ]
    return pd.DataFrame(rows)


def test_the_last_epoch_counts_of_runs_under_the_same_conditions():
    results = made_up({"none": [0.5, 0.6], "eca": [0.7]})
    assert final_accuracies(results) == {"none": {0: 0.5, 1: 0.6}, "eca": {0: 0.7}}
    results.loc[results["configuration"] == "eca", ["width", "data"]] = [16, "e"]
    with pytest.raises(ValueError, match="same conditions can be compared; these differ in data, width"):
        final_accuracies(results)


def test_summary_is_mean_std_and_interval_in_percent():
    values = [0.9, 0.92, 0.93]
    row = experiments.summarize(made_up({"none": values, "eca": [0.91]})).loc["none"]
    low, high = stats.t.interval(0.95, 2, loc=np.mean(values), scale=stats.sem(values))
    expected = [3, 100 * np.mean(values), 100 * np.std(values, ddof=1), 100 * low, 100 * high]
    assert list(row[["seeds", "mean", "std", "low", "high"]]) == pytest.approx(expected)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=2, max_size=12))
def test_the_interval_is_that_of_the_paired_t_test(pairs):
    a, b = np.array(pairs).T
    if np.std(a - b) < 1e-9:  # scipy has no answer without spread
        return
    difference = paired_difference(dict(enumerate(a)), dict(enumerate(b)))
    test = stats.ttest_rel(a, b)
    interval = test.confidence_interval(0.95)
    assert difference.mean == pytest.approx(np.mean(a - b), abs=1e-12)
    assert (difference.low, difference.high) == pytest.approx((interval.low, interval.high), abs=1e-9)
    assert (test.pvalue < 0.05) == (difference.low > 0 or difference.high < 0) or abs(test.pvalue - 0.05) < 1e-6


def test_only_seeds_that_both_have_are_pairs():
    difference = paired_difference({0: 0.5, 1: 0.6, 7: 0.9}, {1: 0.5, 7: 0.7, 8: 0.1})
    assert difference.by_seed == pytest.approx({1: 0.1, 7: 0.2})
    with pytest.raises(ValueError, match="must have a seed in common"):
        paired_difference({0: 0.5}, {1: 0.5})


@pytest.mark.parametrize(
    ("differences", "words"),
    [
        ([0.01, 0.011, 0.012], r"eca - none: \+1\.10 points, .* \+0\.85 to \+1\.35, 3 seeds: eca was better than none"),
        ([-0.01, -0.011, -0.012], "eca was worse than none here"),
        ([0.01, -0.011, 0.012], r"\+0\.37 points.*: these 3 seeds do not show a difference\."),
        ([0.01], r"-inf to \+inf, 1 seed: 1 seed cannot show a difference"),
        ([0.0, 0.0, 0.0], "these 3 seeds do not show a difference"),
    ],
)
def test_the_verdict_follows_from_the_interval(differences, words):
    zeros = dict.fromkeys(range(len(differences)), 0.0)
    verdict = paired_difference(dict(enumerate(differences)), zeros).verdict("eca", "none")
    assert pd.Series([verdict]).str.contains(words).all(), verdict


# Cohen's d_z and the sample size that G*Power gives: two-sided, 5 %, 80 %.
@pytest.mark.parametrize(("effect", "n"), [(0.2, 199), (0.5, 34), (0.8, 15), (1, 10)])
def test_seeds_needed_are_those_of_the_tables(effect, n):
    assert experiments.seeds_needed(effect * 0.3, 0.3) == n


@settings(max_examples=60, deadline=None)
@given(st.floats(0.02, 8))
def test_seeds_needed_are_just_enough(effect):
    n = experiments.seeds_needed(effect, 1)
    assert experiments._power(effect, n) >= 0.8
    assert n == 2 or experiments._power(effect, n - 1) < 0.8


def test_seeds_needed_at_the_ends():
    assert experiments.seeds_needed(0.005, 0) == 2
    assert experiments.seeds_needed(1, 1e-6) == 2
    assert experiments.seeds_needed(1e-4, 1) == pytest.approx(7.849e8, rel=1e-3)
    for difference, std in [(0, 1), (-1, 1), (math.nan, 1), (1, -1), (1, math.nan)]:
        with pytest.raises(ValueError, match=r"must be (greater than|at least) 0"):
            experiments.seeds_needed(difference, std)


def test_the_table_of_differences():
    results = made_up({"none": [0.5, 0.6], "eca": [0.52, 0.61], "se": [0.5]})
    table = experiments.difference_table(results, "none")
    assert list(table.index) == ["eca", "se"]
    assert table.loc["eca", "mean"] == pytest.approx(1.5)
    assert table.loc["eca", "seeds_for_half_a_point"] == experiments.seeds_needed(0.005, np.std([0.02, 0.01], ddof=1))
    assert pd.isna(table.loc["se", "seeds_for_half_a_point"])
    with pytest.raises(ValueError, match="baseline must be one of none, eca, se; got 'eca k=3'"):
        experiments.difference_table(results, "eca k=3")


def test_the_pictures_show_what_was_measured():
    results = made_up({"none": [0.5, 0.6, 0.7], "eca": [0.52, 0.61, 0.73], "se": [0.5]})
    differences = experiments.differences_to(results, "none")
    ax = Figure().subplots()
    draw_differences(ax, differences, "none")
    assert [label.get_text() for label in ax.get_yticklabels()] == ["eca", "se"]
    dots, interval, mean = (line.get_xdata() for line in ax.lines[:3])
    assert list(dots) == pytest.approx([2, 1, 3])
    assert list(interval) == pytest.approx([100 * differences["eca"].low, 100 * differences["eca"].high])
    assert list(mean) == pytest.approx([2])


def test_compare_and_results_on_the_command_line(cifar10_folder, tmp_path, capsys, monkeypatch):
    out = tmp_path / "small.csv"
    arguments = ["compare", "--data", str(cifar10_folder), "--attention", "none", "eca", "--kernel-sizes", "3"]
    arguments += ["--seeds", "2", "--width", "8", "--epochs", "1", "--device", "cpu", "--out", str(out)]
    calls = []

    def interrupted(config, seed):
        calls.append((config, seed))
        if len(calls) == 4:
            raise KeyboardInterrupt
        return build_model(config, seed)

    with monkeypatch.context() as patch:
        patch.setattr("eca_edu.studies.runs.build_model", interrupted)
        assert main(arguments) == 130
    assert f"6 of 6 runs are to be done; finished runs go to {out}." in capsys.readouterr().out
    assert main(arguments) == 0
    printed = capsys.readouterr().out
    assert "3 of 6 runs are to be done" in printed
    assert "eca - none: " in printed
    assert "eca k=3 - none: " in printed
    assert set(read_results(out)["command"]) == {f"python -m eca_edu {' '.join(arguments)}"}
    assert main(["results", str(out)]) == 0
    again = capsys.readouterr().out
    assert printed[printed.index("\nstudy small") :] in again


def test_train_and_compare_make_the_same_run_of_a_seed(cifar10_folder, tmp_path, monkeypatch):
    same = ["--data", str(cifar10_folder), "--width", "4", "--epochs", "1", "--device", "cpu", "--precision", "float32"]
    trained, fit = [], experiments.fit

    def kept(model, *arguments, **options):
        trained.append(model)
        return fit(model, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr("eca_edu.studies.runs.fit", kept)
        assert main(["compare", *same, "--seeds", "2", "--out", str(tmp_path / "study.csv")]) == 0
    compared = read_results(tmp_path / "study.csv").set_index(["configuration", "seed"])
    measured = ["train_loss", "train_accuracy", "test_loss", "test_accuracy"]
    for name, model in zip(["none", "se", "eca"], trained[3:], strict=True):  # of seed 1
        out = tmp_path / f"{name}.safetensors"
        assert main(["train", *same, "--attention", name, "--seed", "1", "--out", str(out)]) == 0
        curve = pd.read_csv(out.with_suffix(".csv"), dtype=str)[measured].astype(float)  # to the last bit
        assert list(curve.iloc[0]) == list(compared.loc[(name, 1), measured])
        state = load_checkpoint(out)[0].state_dict()
        torch.testing.assert_close(model.state_dict(), state, rtol=0, atol=0)


def test_a_table_without_runs_says_so(undisturbed, tmp_path, capsys):
    (tmp_path / "new.csv").write_text(undisturbed.read_text().partition("\n")[0] + "\n")
    assert main(["results", str(tmp_path / "new.csv")]) == 0
    assert capsys.readouterr().out == f"There are no runs in {tmp_path / 'new.csv'}.\n"


def test_a_run_that_diverges_is_named(tmp_path, monkeypatch):
    def diverge(*args, **options):
        raise FloatingPointError("the training loss became nan in epoch 1")

    monkeypatch.setattr("eca_edu.studies.runs.fit", diverge)
    with pytest.raises(FloatingPointError, match="none, seed 0: the training loss became nan"):
        run_study(tmp_path / "tiny.csv", STUDY, TRAIN, TEST)
