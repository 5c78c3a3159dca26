"""A teacher sees which exercises are solved in the notebooks that were handed in."""

import asyncio
import importlib
import os
import shutil
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

from eca_edu.app.cli import main
from eca_edu.practice.answers import load_answers, save_answer
from eca_edu.practice.exercises import check
from eca_edu.practice.progress import notebooks_below, progress
from eca_edu.practice.questions import instrument

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools" / "book"))
make = importlib.import_module("make")

RIGHT = "from eca_edu.practice.exercises import check\ncheck.squeeze(lambda x: x.mean((2, 3)))"
WRONG = "def excite(*_): return 1\ncheck.excite(excite)"
STUB = "def phi(kernel_size, gamma, b): ...\ncheck.channels_for(phi)"
NOT_RUN = "check.kernel_size(kernel_size)"


@pytest.fixture(scope="module")
def handed_in(tmp_path_factory):
    folder = tmp_path_factory.mktemp("class")
    notebook = new_notebook(cells=[new_code_cell(source) for source in (RIGHT, WRONG, STUB, "1 + 1")])

    def deafen(cell, cell_index):
        if cell_index == 3:  # no one tells of the last reply, as it happens on a busy machine
            asyncio.get_running_loop().remove_reader(client.kc.shell_channel.socket.fileno())

    client = NotebookClient(notebook, timeout=600, shutdown_kernel="immediate", on_cell_execute=deafen)
    make.run(client, env={**os.environ, "ECA_EDU_PROGRESS": str(tmp_path_factory.mktemp("own") / "progress.json")})
    notebook.cells.append(new_code_cell(NOT_RUN))
    (folder / "anna" / ".ipynb_checkpoints").mkdir(parents=True)
    for place in ("anna", "anna/.ipynb_checkpoints"):
        nbformat.write(notebook, folder / place / "some.ipynb")
    (folder / "ben.ipynb").write_text("mailed as text")
    return folder


def test_each_state_is_told(handed_in):
    states = {"squeeze": "OK", "excite": "wrong", "channels_for": "not tried", "kernel_size": "not run"}
    assert progress(handed_in / "anna" / "some.ipynb") == states


def test_a_line_for_each_notebook_and_a_broken_one_stops_nothing(handed_in, capsys):
    assert main(["progress", str(handed_in)]) == 0
    first, second = capsys.readouterr().out.splitlines()
    name = str(notebooks_below(handed_in)[0].relative_to(handed_in))
    assert first == f"{name}: 1 of 4 (squeeze OK, excite wrong, channels_for not tried, kernel_size not run)"
    assert second.startswith("ben.ipynb: ")
    assert second.endswith("is no notebook (NotJSONError)")


NOTEBOOK = b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": %b}'
CELL = b'[{"cell_type": "code", "id": "a", "metadata": {}, "execution_count": null, "source": %b, "outputs": %b}]'
CELLS = [b"{}", b"[{}]", b"[3]", b"[null]", b'[{"cell_type": "code"}]', b'[{"cell_type": 7}]']
CELLS += [CELL % (b"5", b"[]"), CELL % (b'""', b"[7]")]
HOSTILE = [b"", b"{}", b"[]", b"null", b"3", b'"text"', b"\xff\xfe", b"[" * 100_000]
HOSTILE += [b'{"nbformat": "4"}', b'{"nbformat": 99}', *(NOTEBOOK % cells for cells in CELLS)]


@pytest.mark.parametrize("content", HOSTILE, ids=range(len(HOSTILE)))
def test_what_is_no_notebook_is_refused_with_its_name(content, tmp_path):
    (tmp_path / "thesis.ipynb").write_bytes(content)
    with pytest.raises(ValueError, match=r"thesis\.ipynb is no notebook"):
        progress(tmp_path / "thesis.ipynb")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_and_a_folder_called_like_a_notebook_hold_nobody_up(handed_in, tmp_path, capsys):
    shutil.copytree(handed_in / "anna", tmp_path / "anna")
    os.mkfifo(tmp_path / "pipe.ipynb")
    (tmp_path / "folder.ipynb").mkdir()
    assert main(["progress", str(tmp_path)]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert "1 of 4" in first
    assert second.endswith("pipe.ipynb cannot be read: it is no ordinary file")


def test_a_folder_without_notebooks_is_an_error(tmp_path, capsys):
    assert main(["progress", str(tmp_path / "missing")]) == 1
    assert "there are no notebooks in" in capsys.readouterr().err


def test_the_answers_of_a_class_are_added_up_and_ones_own_forgotten(handed_in, tmp_path, monkeypatch, capsys):
    questions = instrument()
    for reader, right in [("anna", 12), ("ben", 3), ("cleo", 0)]:
        monkeypatch.setenv("ECA_EDU_PROGRESS", str(tmp_path / reader / "notebooks" / "progress.json"))
        save_answer("exercises", "squeeze", True)
        for i, (name, texts) in enumerate(questions.items()):
            save_answer("before", name, "I do not know")
            if reader != "cleo":
                save_answer("after", name, texts["truth"] if i < right else "I do not know")
    (tmp_path / "dora").mkdir()
    (tmp_path / "dora" / "progress.json").write_text("{}")
    assert main(["progress", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "progress.json holds no answers to this course" in out
    assert "exercises solved: 1, 1, 1" in out
    assert "answered before and after by 2 of 3" in out
    assert out.count("  0 right before, 2 after") == 3
    assert out.count("  0 right before, 1 after") == 9
    assert main(["progress", "--forget", str(tmp_path / "anna")]) == 0
    assert not (tmp_path / "anna" / "notebooks" / "progress.json").exists()
    assert (tmp_path / "ben" / "notebooks" / "progress.json").exists()
    assert main(["progress", "--forget", str(tmp_path / "anna")]) == 0
    assert "nothing, no answers are kept here" in capsys.readouterr().out


def test_a_file_of_another_program_is_not_forgotten(tmp_path, monkeypatch, capsys):
    (tmp_path / "notebooks").mkdir()
    monkeypatch.setenv("ECA_EDU_PROGRESS", str(tmp_path / "notebooks" / "progress.json"))
    save_answer("exercises", "squeeze", True)
    (tmp_path / "progress.json").write_text('{"my": "webpack"}')
    assert main(["progress", "--forget", str(tmp_path)]) == 0
    assert f"{tmp_path / 'progress.json'} holds no answers to this course" in capsys.readouterr().out
    assert (tmp_path / "progress.json").read_text() == '{"my": "webpack"}'
    assert not (tmp_path / "notebooks" / "progress.json").exists()


def test_a_solved_exercise_is_kept_and_one_that_cannot_be_kept_is_right_all_the_same(tmp_path, monkeypatch):
    assert check.squeeze(lambda x: x.mean((2, 3))).passed
    assert not check.excite(lambda y, w1, w2: y).passed
    assert load_answers()["exercises"] == {"squeeze": True}
    monkeypatch.setenv("ECA_EDU_PROGRESS", str(tmp_path))
    with pytest.warns(UserWarning, match="that squeeze is solved is not kept"):
        assert check.squeeze(lambda x: x.mean((2, 3))).passed
