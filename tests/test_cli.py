"""The command line, run as a user runs it."""

import json
import math
import os
import re
import subprocess
import sys

import pandas as pd
import pytest
import torch

from eca_edu import ModelConfig, build_model, load_checkpoint, save_checkpoint
from eca_edu.app.cli import main
from eca_edu.app.commands import _faster_precision
from eca_edu.app.doctor import CHECKS, diagnose


def test_doctor_finds_this_machine_ready(capsys):
    assert main(["doctor"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(CHECKS) + 1
    assert all(line.startswith(("[OK] ", "[NOTE] ")) for line in lines[:-1])
    assert "All is ready" in lines[-1]


def test_doctor_says_how_to_mend(monkeypatch, capsys):
    versions = {"matplotlib": "3.1"}
    real = __import__("importlib.metadata").metadata.version
    monkeypatch.setattr("eca_edu.app.doctor.metadata.version", lambda name: versions.get(name) or real(name))
    assert main(["doctor"]) == 1
    out = capsys.readouterr().out
    assert "[FAIL] packages: matplotlib 3.1 is installed, needed is >=3.9 -> run `make lab`" in out
    assert "1 of the checks failed" in out


def test_doctor_reports_a_check_that_breaks(monkeypatch):
    def broken():
        raise RuntimeError("no such operator")

    monkeypatch.setattr("eca_edu.app.doctor.CHECKS", [("torch", broken, "reinstall it")])
    assert [str(check) for check in diagnose()] == ["[FAIL] torch: RuntimeError: no such operator -> reinstall it"]


def test_doctor_knows_whether_trained_networks_and_cifar10_are_there(cifar10_folder, monkeypatch, tmp_path):
    def said(name):
        return next(str(check) for check in diagnose() if check.name == name)

    assert re.match(r"\[OK\] .*cue-switch-eca", said("trained networks"))
    monkeypatch.setattr("eca_edu.app.doctor.data_folder", lambda: tmp_path)
    assert re.match(r"\[NOTE\] .* put the folder data/ of the repository beside", said("trained networks"))
    monkeypatch.setenv("ECA_EDU_DATA", str(cifar10_folder))
    assert said("CIFAR-10") == f"[OK] CIFAR-10: found in {cifar10_folder}"


def test_doctor_leaves_nothing_behind(monkeypatch, tmp_path):
    monkeypatch.setattr("eca_edu.app.doctor.data_folder", lambda: tmp_path / "data" / "elsewhere")
    assert "[OK] data folder" in " ".join(map(str, diagnose()))
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize(
    ("command", "arguments", "words"),
    [
        ("train", ["--data", "mnist"], "data must be 'cifar10', 'cue-switch' or a folder that exists; got 'mnist'"),
        ("train", ["--data", "cifar10"], "CIFAR-10 is not in"),
        ("train", ["--attention", "cbam"], "attention must be one of"),
        ("train", ["--gamma", "0"], "gamma must be greater than 0; got 0.0"),
        ("train", ["--epochs", "0"], "epochs must be at least 1; got 0"),
        ("train", ["--device", "abacus"], "device must be"),
        ("train", ["--device", "hpu"], "device must be"),
        ("train", ["--device", "privateuseone"], "device must be"),
        ("train", ["--seed", "-1"], "seed must be from 0 to 4,294,967,295; got -1"),
        ("train", ["--seed", str(2**64)], "seed must be from 0 to 4,294,967,295; got 18446744073709551616"),
        ("train", ["--data", os.fsdecode(b"\xff")], "the command line must be UTF-8, since it is stored; got python"),
        ("train", ["--out", "net.pt"], "out must end in .safetensors; got 'net.pt'"),
        ("compare", ["--kernel-sizes", "4"], "kernel_size must be odd"),
        ("compare", ["--seeds", "0"], "seeds must be at least 1; got 0"),
        ("compare", ["--seeds", "1000000000"], "seeds must be at most 10,000; got 1000000000"),
        ("compare", ["--out", "study"], "out must end in .csv; got 'study'"),
        ("compare", ["--epochs", "0"], "epochs must be at least 1; got 0"),
        ("compare", ["--attention", "cbam"], "attention must be one of"),
        ("compare", ["--data", "mnist"], "data must be 'cifar10', 'cue-switch' or a folder"),
    ],
)
def test_bad_arguments_are_one_sentence(command, arguments, words, capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("ECA_EDU_DATA", str(tmp_path))
    monkeypatch.setattr("eca_edu.datasets.cifar10.data_folder", lambda: tmp_path)
    out = tmp_path / {"train": "net.safetensors", "compare": "r.csv"}[command]
    assert main([command, "--data", "cue-switch", "--out", str(out), *arguments]) == 1
    error = capsys.readouterr().err
    assert words in error
    assert "Traceback" not in error


def test_an_option_has_one_name(capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["compare", "--seed", "3"])
    assert "unrecognized arguments: --seed 3" in capsys.readouterr().err


def test_doctor_points_to_the_first_notebook_where_there_is_one(monkeypatch, tmp_path, capsys):
    start = tmp_path / "notebooks" / "00_start_here.ipynb"
    monkeypatch.setattr("eca_edu.app.cli.data_folder", lambda: tmp_path / "data")
    assert main(["doctor"]) == 0
    assert f"All checks passed, but {start} is missing" in capsys.readouterr().out
    start.parent.mkdir()
    start.touch()
    assert main(["doctor"]) == 0
    assert f"All is ready for the course: {start}." in capsys.readouterr().out


def test_a_precision_is_chosen_with_both_times(monkeypatch, capsys):
    monkeypatch.setattr("eca_edu.app.commands.trial_times", lambda *_: {"float32": 0.142, "bfloat16": 0.069})
    assert _faster_precision(None, None) == "bfloat16"
    assert capsys.readouterr().out == "Using bfloat16 (69 ms per step; float32 takes 142 ms).\n"


@pytest.mark.parametrize("command", ["page", "examine"])
def test_a_card_that_names_no_images_asks_for_them(command, tmp_path, capsys):
    config = ModelConfig(width=4)
    path = save_checkpoint(tmp_path / "net.safetensors", build_model(config), config, {})
    assert main([command, str(path)]) == 1
    assert "--data must be cifar10, cue-switch or a folder of images; " in capsys.readouterr().err


def test_a_page_can_turn_the_stripes_of_cue_switch(tmp_path, capsys):
    out = tmp_path / "page.html"
    assert main(["page", "data/checkpoints/cue-switch-none.safetensors", "--out", str(out)]) == 0
    page = out.read_text(encoding="utf-8")
    state = json.loads(re.search(r'<script type="application/json">(.*?)</script>', page)[1])
    assert len(state["pictures"]) == 24
    for picture in state["pictures"]:
        assert len({*picture["pixels"]}) == len({*picture["labels"]}) == 2  # as it is, and turned


def test_a_page_of_weights_that_are_not_finite_is_refused(tmp_path, capsys):
    config = ModelConfig(width=4)
    model = build_model(config)
    torch.nn.init.constant_(model.block2.attention.conv.weight, math.nan)
    path = save_checkpoint(tmp_path / "net.safetensors", model, config, {"data": "cue-switch"})
    assert main(["page", str(path)]) == 1
    assert "those of block2.attention.conv.weight are not" in capsys.readouterr().err
    assert not path.with_suffix(".html").exists()


def test_the_same_command_goes_on_after_an_interruption(cifar10_folder, tmp_path, capsys, monkeypatch):
    arguments = ["train", "--data", str(cifar10_folder), "--attention", "se", "--width", "8", "--epochs", "4"]
    arguments += [
        "--device",
        "cpu",
        "--precision",
        "float32",
        "--out",
    ]  # not what a trial on a busy machine finds faster
    assert main([*arguments, str(tmp_path / "undisturbed.safetensors")]) == 0
    calls = []

    def interrupted(*arguments, **options):
        calls.append(arguments)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return save_checkpoint(*arguments, **options)

    out = tmp_path / "net.safetensors"
    with monkeypatch.context() as patch:
        patch.setattr("eca_edu.app.commands.save_checkpoint", interrupted)
        assert main([*arguments, str(out)]) == 130
    assert load_checkpoint(out)[1]["epoch"] == 1
    assert "The same command goes on from there." in capsys.readouterr().out
    assert main([*arguments, str(out)]) == 0
    printed = capsys.readouterr().out
    assert f"Going on after epoch 2 of 4, which {tmp_path / 'net.state'} has kept." in printed
    assert not (tmp_path / "net.state").exists()
    (model, card), (model2, card2) = load_checkpoint(out), load_checkpoint(tmp_path / "undisturbed.safetensors")
    assert type(model.block1.attention).__name__ == "SqueezeExcitation"
    torch.testing.assert_close(model.state_dict(), model2.state_dict(), rtol=0, atol=0)
    assert (card["epoch"], card["epochs"], card["seed"], card["test_accuracy"]) == (4, 4, 0, card2["test_accuracy"])
    curves = [pd.read_csv(tmp_path / name).drop(columns="seconds") for name in ("net.csv", "undisturbed.csv")]
    pd.testing.assert_frame_equal(*curves)
    assert [*curves[0].epoch] == [1, 2, 3, 4]
    assert curves[0].test_accuracy.iloc[-1] == card["test_accuracy"]


def test_two_processes_train_one_network(cifar10_folder, tmp_path):
    arguments = ["train", "--data", str(cifar10_folder), "--width", "8", "--epochs", "3"]
    arguments += ["--device", "cpu", "--precision", "float32", "--out"]
    assert main([*arguments, str(tmp_path / "one.safetensors")]) == 0
    (tmp_path / "two").mkdir()
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*torchrun, "-m", "eca_edu", *arguments, str(tmp_path / "two" / "two.safetensors")],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Epoch 3 of 3 is in ") == 1  # one of them tells
    assert sorted(path.name for path in (tmp_path / "two").glob("[!.]*")) == ["two.csv", "two.json", "two.safetensors"]
    _, card = load_checkpoint(tmp_path / "two" / "two.safetensors")
    assert card["processes"] == 2
    one, two = pd.read_csv(tmp_path / "one.csv"), pd.read_csv(tmp_path / "two" / "two.csv")
    assert list(two.epoch) == [1, 2, 3]
    # Each process normalises its half of a batch by the statistics of that half, so that the curves only come close.
    assert list(two.train_loss) == pytest.approx(list(one.train_loss), rel=0.02)


INTERRUPTED = """
import os, signal, sys
from eca_edu.training import loop
from eca_edu.app.cli import main

augment, calls = loop.augment, []

def interrupted(*arguments, **options):
    calls.append(arguments)
    if len(calls) == 4:  # the last batch of epoch 2
        os.kill(os.getpid(), signal.SIGINT)
    return augment(*arguments, **options)

# A shell that runs the tests in the background makes its children ignore Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)
loop.augment = interrupted
sys.exit(main())
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows sends Ctrl-C to the whole console, the test runner included")
def test_ctrl_c_leaves_the_last_finished_epoch(cifar10_folder, tmp_path):
    out = tmp_path / "net.safetensors"
    arguments = ["train", "--data", str(cifar10_folder), "--width", "8", "--epochs", "5", "--out", str(out)]
    done = subprocess.run([sys.executable, "-c", INTERRUPTED, *arguments], capture_output=True, text=True)
    assert done.returncode == 130
    assert "Interrupted." in done.stderr
    assert "Traceback" not in done.stderr
    assert load_checkpoint(out)[1]["epoch"] == 1
    assert f"Epoch 1 of 5 is in {out}" in done.stdout
    assert sorted(p.name for p in tmp_path.glob("[!.]*")) == ["net.csv", "net.json", "net.safetensors", "net.state"]
