"""No command replaces a file that this very run did not write; a finished command shows its result."""

import os
import shutil
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

import pandas as pd
import pytest
import torch

from eca_edu import fit, load_checkpoint
from eca_edu._files import printable
from eca_edu.app.cli import main

CHECKPOINTS = Path(__file__).parents[1] / "data" / "checkpoints"
SMALL = ["--width", "4", "--epochs", "1", "--device", "cpu", "--precision", "float32"]  # a trial may find this or that


@pytest.fixture(scope="module")
def train(cifar10_folder):
    def train(out, *arguments):
        return main(["train", "--data", str(cifar10_folder), *SMALL, "--out", str(out), *arguments])

    return train


@pytest.fixture(scope="module")
def compare(cifar10_folder):
    def compare(out, *arguments):
        configurations = ["--attention", "none", "eca", "--seeds", "1"]
        return main(["compare", "--data", str(cifar10_folder), *SMALL, *configurations, "--out", str(out), *arguments])

    return compare


def content(folder):
    return {path.name: path.read_bytes() for path in folder.glob("[!.]*")}


def test_a_study_is_not_overwritten_by_a_curve_nor_a_curve_by_a_study(train, compare, tmp_path, capsys):
    assert compare(tmp_path / "study.csv") == 0
    before = content(tmp_path)
    for overwrite in ([], ["--overwrite"]):
        assert train(tmp_path / "study.safetensors", *overwrite) == 1
        assert "study.csv exists already, and it was not written by a training run" in capsys.readouterr().err
    assert content(tmp_path) == before
    assert train(tmp_path / "net.safetensors") == 0
    before = content(tmp_path)
    assert compare(tmp_path / "net.csv") == 1
    assert "net.csv must have the columns study," in capsys.readouterr().err
    assert content(tmp_path) == before


def test_a_finished_run_repeated_shows_its_result_and_another_one_is_refused(train, tmp_path, capsys, monkeypatch):
    out = tmp_path / "net.safetensors"
    assert train(out) == 0
    before = content(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr("eca_edu.app.commands.fit", pytest.fail)
        assert train(out) == 0
        assert "This run is finished: " in capsys.readouterr().out
        for other, words in [
            (["--epochs", "2"], "its epochs is 1, not 2 as in this run; --overwrite starts anew in its place"),
            (["--attention", "se"], "its config is {"),
            (["--seed", "1"], "its seed is 0, not 1"),
        ]:
            assert train(out, *other) == 1
            assert words in capsys.readouterr().err
    assert content(tmp_path) == before
    assert train(out, "--seed", "1", "--overwrite") == 0
    assert load_checkpoint(out)[1]["seed"] == 1


def test_default_names_tell_the_runs_apart(cifar10_folder, tmp_path, monkeypatch):
    monkeypatch.setattr("eca_edu.app.commands.data_folder", lambda: tmp_path)
    for other in ([], ["--epochs", "2"], ["--gamma", "1"], ["--kernel-size", "5"], ["--seed", "1"], ["--no-flip"]):
        assert main(["train", "--data", str(cifar10_folder), *SMALL, *other]) == 0
    cards = [load_checkpoint(path)[1] for path in tmp_path.glob("runs/*.safetensors")]
    assert sorted(card["flip"] for card in cards) == [False, *[True] * 5]


def test_runs_without_mirroring_have_their_own_tables(compare, tmp_path, capsys):
    assert compare(tmp_path / "study.csv") == compare(tmp_path / "study.csv", "--no-flip") == 0
    assert "2 of 2 runs are to be done" in capsys.readouterr().out
    assert main(["results", str(tmp_path / "study.csv")]) == 0
    assert capsys.readouterr().out.count("not mirrored, source ") == 1


def test_files_without_their_checkpoint_or_state_are_left_alone(train, tmp_path, capsys):
    card = (CHECKPOINTS / "cifar10-eca.json").read_bytes()
    (tmp_path / "net.json").write_bytes(card)
    assert train(tmp_path / "net.safetensors") == 1
    assert "net.json exists already, and there is no checkpoint beside it" in capsys.readouterr().err
    assert content(tmp_path) == {"net.json": card}


@pytest.mark.parametrize("name", ["net.safetensors", "net.json", "net.csv", "net.state"])
def test_a_file_of_another_program_is_never_replaced(train, name, tmp_path, capsys):
    (tmp_path / name).write_text('{"mine": 1}')
    for overwrite in ([], ["--overwrite"]):
        assert train(tmp_path / "net.safetensors", *overwrite) == 1
        assert f"{name} exists already, and it was not written by a training run" in capsys.readouterr().err
    assert content(tmp_path) == {name: b'{"mine": 1}'}


def test_another_run_is_there_until_the_first_epoch_is_done_in_its_place(train, tmp_path, monkeypatch):
    out, epochs = tmp_path / "net.safetensors", ["--epochs", "2"]
    assert train(out) == 0
    before = content(tmp_path)

    def interrupted(done, total):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("eca_edu.app.commands.fit", partial(fit, on_batch=interrupted))
        assert train(out, *epochs, "--overwrite") == 130
        assert content(tmp_path) == {**before, "net.state": (tmp_path / "net.state").read_bytes()}
    assert train(out, *epochs) == 0  # goes on, and takes nothing from the other run
    assert train(tmp_path / "new" / "net.safetensors", *epochs) == 0
    weights, weights2 = (load_checkpoint(path)[0].state_dict() for path in (out, tmp_path / "new" / out.name))
    torch.testing.assert_close(weights, weights2, rtol=0, atol=0)
    assert list(pd.read_csv(tmp_path / "net.csv")["epoch"]) == [1, 2]


def test_a_run_that_was_stopped_is_given_up_with_overwrite_only(train, tmp_path, monkeypatch, capsys):
    out = tmp_path / "net.safetensors"

    def interrupted(done, total):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("eca_edu.app.commands.fit", partial(fit, on_batch=interrupted))
        assert train(out, "--seed", "1") == 130
    assert train(out) == 1
    assert "net.state keeps another run: seed is '1' there and '0' here" in capsys.readouterr().err
    assert train(out, "--overwrite") == 0
    assert load_checkpoint(out)[1]["seed"] == 0


def test_a_link_is_followed(train, tmp_path):
    for name in ("net.safetensors", "net.json", "net.csv"):
        (tmp_path / name).symlink_to(tmp_path / "elsewhere" / name)
    assert train(tmp_path / "net.safetensors") == 0
    assert all(path.is_symlink() for path in tmp_path.glob("net.*"))
    assert {*content(tmp_path / "elsewhere")} == {"net.safetensors", "net.json", "net.csv"}


def test_no_lock_stays_behind(train, tmp_path):
    assert train(tmp_path / "net.safetensors") == 0
    assert {path.name for path in tmp_path.iterdir()} == {"net.safetensors", "net.json", "net.csv"}


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder that exists and takes no new file")
def test_where_no_lock_can_be_made_nobody_waits(train, capsys):
    assert train("/proc/net.safetensors") == 1
    assert "/proc/net.safetensors cannot be written: No such file or directory" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["file/net.safetensors", "n" * 250 + ".safetensors"])
def test_a_refusal_names_the_file_that_was_asked_for(train, name, tmp_path, capsys):
    (tmp_path / "file").touch()
    assert train(tmp_path / name) == 1
    assert f"eca_edu train: {tmp_path / name} cannot be written: " in capsys.readouterr().err


def test_a_finished_study_repeated_shows_its_result(compare, tmp_path, capsys):
    out = tmp_path / "study.csv"
    assert compare(out) == 0
    first, before = capsys.readouterr().out, content(tmp_path)
    assert compare(out) == 0
    again = capsys.readouterr().out
    assert f"All 2 runs are finished, in {out}." in again
    assert first.endswith(again.split("\n", 1)[1])
    assert content(tmp_path) == before


def test_work_in_a_copy_of_the_notebooks_is_left_alone(tmp_path, monkeypatch, capsys):
    (tmp_path / "notebooks").mkdir()
    for path in sorted((Path(__file__).parents[1] / "notebooks").glob("0[01]*.ipynb")):
        shutil.copy(path, tmp_path / "notebooks")
    monkeypatch.setattr("eca_edu.practice.solutions.data_folder", lambda: tmp_path / "data")
    for _ in range(2):  # the same again is no harm
        assert main(["solutions"]) == 0
    first, second = sorted((tmp_path / "solutions").iterdir())
    first.unlink()
    second.write_text("a teacher's notes")
    assert main(["solutions"]) == 1
    assert f"{second.name} exists already, and it is not as the solutions would be" in capsys.readouterr().err
    assert content(tmp_path / "solutions") == {second.name: b"a teacher's notes"}


def test_two_processes_with_one_output_give_the_result_of_one(train, cifar10_folder, tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    assert train(tmp_path / "one" / "net.safetensors") == 0
    out = tmp_path / "two" / "net.safetensors"
    command = [sys.executable, "-m", "eca_edu", "train", "--data", str(cifar10_folder), *SMALL, "--out", str(out)]
    environment = {**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())}
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) for _ in range(2)]
    said = [process.communicate()[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sum("This run is finished" in text for text in said) == 1
    weights, weights2 = (load_checkpoint(tmp_path / n / "net.safetensors")[0].state_dict() for n in ("one", "two"))
    torch.testing.assert_close(weights, weights2, rtol=0, atol=0)


def test_a_device_without_numbers_leaves_nothing_behind(train, tmp_path, capsys):
    assert train(tmp_path / "net.safetensors", "--device", "meta") == 1
    assert "device must be one that this machine has" in capsys.readouterr().err
    assert content(tmp_path) == {}


@pytest.mark.skipif(os.name == "nt" or os.getuid() != 0, reason="only root can become another user")
def test_what_may_not_be_read_is_not_called_damaged():
    """Of three kinds of file, as a user who may not read them."""
    code = (
        "import os, sys; from pathlib import Path; from eca_edu import load_checkpoint; "
        "from eca_edu.training.resume import kept_epochs; from eca_edu.studies.results import read_results\n"
        "import safetensors.torch, pandas; os.setuid(65534)\n"
        "for use, name in [(load_checkpoint, 'net.safetensors'), (kept_epochs, 'net.state'), (read_results, 'net.csv')]:\n"
        "    try: use(Path(sys.argv[1]) / name)\n"
        "    except PermissionError as error: print(error)\n"
    )
    with tempfile.TemporaryDirectory() as folder:  # pytest closes its own folders to other users
        Path(folder).chmod(0o755)
        for name in ("net.safetensors", "net.state", "net.csv"):
            Path(folder, name).touch(mode=0)
        done = subprocess.run([sys.executable, "-c", code, folder], capture_output=True, text=True)
    assert done.stdout.count("cannot be read: Permission denied") == 3, done.stderr


def test_a_name_cannot_command_the_terminal():
    assert printable("a\x1b[31mb\nγ ö 犬\u3000猫") == "a\\x1b[31mb\nγ ö 犬\u3000猫"
