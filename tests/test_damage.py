"""Damage is seen: checkpoints, states and results that were flipped, cut or exchanged are refused, or load unchanged."""

import random

import pandas as pd
import pytest
import torch
from safetensors.torch import save_file

from eca_edu import ModelConfig, build_model, fit, load_checkpoint, make_cue_switch, save_checkpoint
from eca_edu.studies.runs import Study, read_results, run_study

CONFIG = ModelConfig(width=4)
DATA = make_cue_switch(64), make_cue_switch(32, 1)
FOREIGN = [b"", b"\x00" * 4096, b"a,b\n1,2\n", b"{}", b"PK\x03\x04" + b"\x00" * 60, "ö".encode("utf-16")]


def network():
    torch.manual_seed(0)
    return build_model(CONFIG)


def write_checkpoint(path):
    save_checkpoint(path, network(), CONFIG, {"seed": 7, "data": "süß", "test_accuracy": 0.978})


def read_checkpoint(path):
    model, card = load_checkpoint(path)
    return [*model.state_dict().items()], card


def write_state(path):
    [*fit(network(), *DATA, epochs=1, state=path)]


def read_state(path):
    model = network()
    records = [{**vars(record), "seconds": 0} for record in fit(model, *DATA, epochs=1, state=path)]
    return records, [*model.state_dict().items()]


def write_results(path):
    run_study(path, Study("tiny", [ModelConfig(attention="none", width=4), CONFIG], seeds=2, epochs=2), *DATA)


KINDS = {
    "net.safetensors": (write_checkpoint, read_checkpoint),
    "net.state": (write_state, read_state),
    "tiny.csv": (write_results, lambda path: read_results(path).to_dict("list")),
}


def damaged(content, seed):
    """The content with a bit flipped (half of the seeds), cut, with a piece overwritten, or exchanged."""
    chance = random.Random(seed)
    place = chance.randrange(len(content))
    if seed % 2:
        return content[:place] + bytes([content[place] ^ 1 << chance.randrange(8)]) + content[place + 1 :]
    return [
        content[:place],
        content[:place] + chance.randbytes(16) + content[place + 16 :],
        content[:place] + content[place + chance.randint(1, 99) :],
        chance.choice(FOREIGN),
    ][seed // 2 % 4]


def equal(a, b):
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(equal, a, b))
    return a == b or (pd.isna(a) is True and pd.isna(b) is True)


@pytest.mark.parametrize("name", KINDS)
def test_damage_at_forty_places_is_refused_with_the_name_of_the_file(name, tmp_path_factory):
    write, read = KINDS[name]
    path = tmp_path_factory.mktemp("whole") / name
    write(path)
    content, refused = path.read_bytes(), []
    assert equal([*read(path)], [*read(path)])
    for seed in range(40):
        path.write_bytes(damaged(content, seed))
        try:
            came = read(path)
        except (ValueError, OSError) as error:
            refused.append(str(error))
        else:
            path.write_bytes(content)
            assert equal([*came], [*read(path)]), f"seed {seed} loaded, and changed"
    assert all(name in said and ("anew" in said or "name another" in said) for said in refused)
    assert len(refused) >= 35  # a cut of nothing, or in the empty end of a file, is harmless


@pytest.fixture
def study(tmp_path):
    path = tmp_path / "tiny.csv"
    write_results(path)
    return path, path.read_text().splitlines()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda lines: lines[:2] + lines[3:], "line 3: epoch 2 of a run must stand here; got epoch 1"),
        (lambda lines: lines[:-1], "line 8: epoch 2 of the last run is missing"),
        (lambda lines: [*lines, *lines[1:3]], "line 10: the run of none, seed 0, stands there twice|line 11"),
        (lambda lines: [*lines[:2], lines[2] + ",more", *lines[3:]], "line 3: there must be 26 fields; got 27"),
        (lambda lines: [*lines[:4], lines[4][:40]], r"line 5: there must be 26 fields; got \d+"),
    ],
)
def test_results_that_are_not_whole_are_refused_before_anything_is_trained(change, words, study):
    path, lines = study
    path.write_text("\n".join(change(lines)) + "\n")
    for use in (read_results, lambda path: run_study(path, Study("tiny", [CONFIG], 3, 2), *DATA, on_batch=pytest.fail)):
        with pytest.raises(ValueError, match=rf"tiny\.csv is damaged in ({words})"):
            use(path)


@pytest.mark.parametrize(
    "line", ['"abc', f"a,{'b' * 200_000}", '"a"b,c', "a\0b"], ids=["open", "long", "behind", "NUL"]
)
def test_a_first_line_that_is_no_csv_is_refused(line, tmp_path):
    (tmp_path / "x.csv").write_text(line)
    with pytest.raises(ValueError, match=r"x\.csv must have the columns study, "):
        read_results(tmp_path / "x.csv")


@pytest.mark.parametrize("value", ["nan", "", "0,97", "-5", "93", "inf", "0.123"])
def test_another_accuracy_is_refused_with_and_without_the_check(value, study):
    path, _ = study
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    table.loc[0, "test_accuracy"] = value
    table.to_csv(path, index=False)
    with pytest.raises(ValueError, match=r"tiny\.csv is damaged in line 2: "):
        read_results(path)
    table.drop(columns="check").to_csv(path, index=False)
    if value == "0.123":
        assert len(read_results(path)) == 8  # nothing tells that another number was written
    else:
        with pytest.raises(ValueError, match=r"tiny\.csv is damaged in line 2: test_accuracy must "):
            read_results(path)


def test_a_spreadsheet_may_save_results_in_its_own_way(study):
    path, lines = study
    expected = read_results(path)
    path.write_text("\ufeff" + "\r\n".join(line.replace(",2.0,1.0,", ",2,1,") for line in lines), encoding="utf-8")
    pd.testing.assert_frame_equal(read_results(path), expected)
    run_study(path, Study("tiny", [CONFIG], seeds=2, epochs=2), *DATA, on_batch=pytest.fail)  # nothing is left to do


@pytest.mark.parametrize("card", ["[1]", "null", "{}", '{"config": 3}', '{"config": {"width": 1000000000}}', "no JSON"])
def test_a_card_that_does_not_fit_takes_no_memory(card, tmp_path):
    path = tmp_path / "net.safetensors"
    save_file(network().state_dict(), path, metadata={"card": card})
    with pytest.raises(ValueError, match=r"net\.safetensors is damaged or"):
        load_checkpoint(path)
