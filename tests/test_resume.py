"""A run goes on after anything: killed at any moment, stopped in a batch, on a full disk, with a spoilt file."""

import multiprocessing
import os
import signal
from collections import Counter
from pathlib import Path

import pytest
import torch

from eca_edu import ModelConfig, build_model, fit, make_cue_switch
from eca_edu.training.resume import kept_epochs

EPOCHS, BATCHES = 5, 4  # of 64 images
#: Moments at which one process after the other is killed, and the how manieth in this process.
KILLS = [
    ("batch", 2),
    ("half written", 1),  # the state after epoch 1
    ("written", 2),  # that after epoch 2, which was not moved into its place
    ("in its place", 1),  # that after epoch 2, whose record was not yielded
    ("batch", 1),  # of epoch 3
    ("batch", 2 * BATCHES),  # the last one of epoch 4
]


def images():
    return make_cue_switch(256, seed=0), make_cue_switch(64, seed=1)


def run(state=None, *, on_batch=None, model=None, attention="eca", data=None, **options):
    """Train a tiny network; return it and its records without their seconds."""
    torch.manual_seed(0)
    model = model or build_model(ModelConfig(attention=attention, width=8))
    options = {"epochs": 3, "batch_size": 64, **options}
    records = [*fit(model, *(data or images()), state=state, on_batch=on_batch, **options)]
    return model, [{**vars(record), "seconds": None} for record in records]


def assert_same_weights(model, model2):
    torch.testing.assert_close(model.state_dict(), model2.state_dict(), rtol=0, atol=0)


def train_in_a_process(folder: Path, name: str, moment: str, number: int) -> None:
    """Train to the end and save the weights, unless it is killed: by itself, when this moment comes for the n-th time."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    write_bytes, replace, times = Path.write_bytes, os.replace, Counter()

    def reach(this):
        times[this] += 1
        if (this, times[this]) == (moment, number):
            os.kill(os.getpid(), signal.SIGKILL)

    def write_in_two(path, content):
        write_bytes(path, content[: len(content) // 2])
        reach("half written")
        return write_bytes(path, content)

    def move(source, target):
        reach("written")
        replace(source, target)
        reach("in its place")

    Path.write_bytes, os.replace = write_in_two, move
    model = build_model(ModelConfig(width=8))
    options = {"epochs": EPOCHS, "batch_size": 64, "state": folder / f"{name}.state"}
    list(fit(model, *images(), **options, on_batch=lambda done, total: reach("batch")))
    torch.save(model.state_dict(), folder / f"{name}.pt")


@pytest.mark.skipif(os.name == "nt", reason="Windows has neither SIGKILL nor forkserver")
def test_killed_at_any_moment_it_ends_with_the_same_weights(tmp_path):
    context = multiprocessing.get_context("forkserver")  # torch is imported once, in a clean process
    context.set_forkserver_preload(["torch._dynamo"])

    def ended(name, moment="never", number=0):
        process = context.Process(target=train_in_a_process, args=(tmp_path, name, moment, number))
        process.start()
        process.join()
        return process.exitcode

    assert ended("undisturbed") == 0
    kept = []
    for moment, number in KILLS:
        assert ended("killed", moment, number) == -signal.SIGKILL, moment
        kept.append(kept_epochs(tmp_path / "killed.state"))
    assert kept == [0, 0, 1, 2, 2, 3]  # only the running epoch is lost
    assert ended("killed") == 0
    assert kept_epochs(tmp_path / "killed.state") == EPOCHS
    weights, weights2 = (torch.load(tmp_path / f"{name}.pt") for name in ("undisturbed", "killed"))
    torch.testing.assert_close(weights, weights2, rtol=0, atol=0)


class Stopped(Exception):
    """What a Stop button raises between two batches."""


def stop_after(batches):
    def on_batch(done, total):
        assert total == 3 * BATCHES
        if done == batches:
            raise Stopped

    return on_batch


@pytest.mark.parametrize("batches", [1, BATCHES, BATCHES + 2, 3 * BATCHES])
def test_stopped_within_a_batch_it_goes_on_from_the_last_whole_epoch(batches, tmp_path):
    state = tmp_path / "run.state"
    model, records = run()
    torch.manual_seed(0)
    stopped = build_model(ModelConfig(width=8))
    with pytest.raises(Stopped):
        run(state, model=stopped, on_batch=stop_after(batches))
    assert kept_epochs(state) == (batches - 1) // BATCHES
    asked = []
    _, records2 = run(state, model=stopped, on_batch=lambda done, total: asked.append(done))
    assert asked == list(range((batches - 1) // BATCHES * BATCHES + 1, 3 * BATCHES + 1))
    assert records == records2
    assert_same_weights(model, stopped)


def test_a_finished_run_is_shown_again_and_not_trained(tmp_path):
    model, records = run(tmp_path / "run.state")
    model2, records2 = run(tmp_path / "run.state", on_batch=stop_after(1))
    assert records == records2
    assert_same_weights(model, model2)


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"epochs": 4}, "epochs is '3' there and '4' here"),
        ({"seed": 1}, "seed is '0' there and '1' here"),
        ({"batch_size": 32}, "batch_size is '64' there and '32' here"),
        ({"flip": False}, "flip is 'True' there and 'False' here"),
        ({"optimizer": "sgd"}, r"optimizer is 'KernelMuon \(' there and 'SGD \(' here"),
        ({"peak_learning_rate": 0.2}, "optimizer is 'initial_lr: 0.1' there and 'initial_lr: 0.2' here"),
        ({"precision": "bfloat16"}, "precision is 'float32' there and 'bfloat16' here"),
        ({"attention": "none"}, r"network is '.attention.: ECA\(' there and '.attention.: Identity\(\)' here"),
        ({"attention": "eca-circular"}, "network is .*padding_mode=circular"),
        (
            {"data": (make_cue_switch(300), images()[1])},
            "data is 'cue-switch, 256 training and .* and 'cue-switch, 300",
        ),
    ],
)
def test_another_run_is_refused(other, words, tmp_path):
    state = tmp_path / "run.state"
    run(state)
    before = state.read_bytes()
    with pytest.raises(ValueError, match=f"run.state keeps another run: {words}.*; go on with the settings"):
        run(state, **other)
    assert state.read_bytes() == before


def test_a_folder_that_cannot_be_written_to_is_told_before_the_first_batch(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=r"run\.state cannot be written: "):
        run(tmp_path / "file" / "run.state", on_batch=stop_after(1))


def test_a_full_disk_leaves_the_last_whole_epoch(tmp_path, full_disk):
    state = tmp_path / "run.state"
    model, records = run()
    with pytest.raises(Stopped):
        run(state, on_batch=stop_after(BATCHES + 1))
    with full_disk(), pytest.raises(OSError, match=r"run\.state cannot be written: No space left on device"):
        run(state)
    assert [path.name for path in tmp_path.iterdir()] == ["run.state"]
    model2, records2 = run(state)
    assert records == records2
    assert_same_weights(model, model2)


def test_a_loss_that_is_no_number_stops_at_its_batch(tmp_path):
    batches = []
    with pytest.raises(FloatingPointError, match=r"training loss became .* in epoch 1; lower peak_learning_rate"):
        run(tmp_path / "run.state", peak_learning_rate=1e30, on_batch=lambda done, total: batches.append(done))
    assert len(batches) < BATCHES
    assert kept_epochs(tmp_path / "run.state") == 0
