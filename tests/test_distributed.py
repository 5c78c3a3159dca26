"""Two processes train one network as one process does; `test_cli` starts them by torchrun."""

import copy
import multiprocessing
import os

import pytest
import torch
from torch import nn
from torch.distributed import TCPStore

from eca_edu import ModelConfig, build_model, fit, make_cue_switch
from eca_edu.training import distributed
from eca_edu.training.distributed import average_buffers, from_first_process, process_group, rank_and_size, sum_over

OPTIONS = {"epochs": 3, "batch_size": 65, "peak_learning_rate": 0.05}  # batches of 65 and 58: unequal shares


def networks():
    torch.manual_seed(0)
    return {
        "without batch norm": nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 10)),
        "with batch norm": build_model(ModelConfig(width=8)),
    }


def curves(folder=None):
    """Train each network and return the losses and accuracies of its epochs, and its weights."""
    found = {}
    for name, model in networks().items():
        state = folder and folder / f"{name}.state"
        records = list(fit(model, make_cue_switch(253), make_cue_switch(64, 1), state=state, **OPTIONS))
        curve = [(r.train_loss, r.train_accuracy, r.test_loss, r.test_accuracy) for r in records]
        found[name] = curve, model.state_dict()
    return found


def mean_seen_by_batch_norm(rank):
    """Show zeros to the batch norm of one process and tens to the other's, and bring both together."""
    norm = nn.BatchNorm2d(1)
    network = distributed.share_gradients(norm)
    for _ in range(50):
        network(torch.full((4, 1, 2, 2), 10.0 * rank)).sum().backward()
    average_buffers(norm)
    return norm.running_mean.item()


def train_as_one_of_two(rank, port, folder):
    torch.set_num_threads(1)
    os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE="2")
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    os.environ.update(TORCHELASTIC_USE_AGENT_STORE="True", TORCHELASTIC_RESTART_COUNT="0")
    with process_group():
        assert rank_and_size() == (rank, 2)
        assert from_first_process(rank) == 0
        assert sum_over([torch.tensor(rank + 1.0), torch.tensor(5)]) == [3, 10]
        first, again = curves(folder), curves(folder)  # the second time all comes from the files
        assert [curve for curve, _ in first.values()] == [curve for curve, _ in again.values()]
        assert mean_seen_by_batch_norm(rank) == pytest.approx(5, abs=0.1)
        torch.save(first, folder / f"{rank}.pt")
    assert rank_and_size() == (0, 1)


@pytest.fixture(scope="module")
def one_and_two(tmp_path_factory):
    """What one process finds, and what each of two finds."""
    folder = tmp_path_factory.mktemp("two")
    context = multiprocessing.get_context("spawn" if os.name == "nt" else "forkserver")
    if os.name != "nt":
        context.set_forkserver_preload(["torch._dynamo"])
    meeting = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)  # as torchrun does, at any free port
    processes = [context.Process(target=train_as_one_of_two, args=(rank, meeting.port, folder)) for rank in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(600)
    assert [process.exitcode for process in processes] == [0, 0]
    assert sorted(path.name for path in folder.glob("*.state")) == sorted(f"{name}.state" for name in networks())
    return curves(), [torch.load(folder / f"{rank}.pt") for rank in range(2)]


def test_both_processes_hold_the_same_network_and_records(one_and_two):
    _, (first, second) = one_and_two
    torch.testing.assert_close(first, second, rtol=0, atol=0)


def test_without_batch_norm_two_processes_do_what_one_does(one_and_two):
    (curve, weights), (curve2, weights2) = (
        found["without batch norm"] for found in (one_and_two[0], one_and_two[1][0])
    )
    torch.testing.assert_close(curve, curve2, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(weights, weights2, rtol=1e-3, atol=1e-5)


def test_with_batch_norm_the_curve_is_close(one_and_two):
    # Each process normalises its half of a batch, 32 images, by the statistics of that half.
    curve, curve2 = (torch.tensor(found["with batch norm"][0]) for found in (one_and_two[0], one_and_two[1][0]))
    torch.testing.assert_close(curve[:, 0], curve2[:, 0], rtol=0.02, atol=0)  # measured: 0.0013
    assert curve[-1, 0] < curve[0, 0]


def test_a_batch_smaller_than_the_number_of_processes_is_refused(monkeypatch):
    monkeypatch.setattr("eca_edu.training.loop.rank_and_size", lambda: (0, 3))
    words = "an image for each of the 3 processes; with 66 images and batch_size 64 the last has 2"
    with pytest.raises(ValueError, match=words):
        next(fit(networks()["without batch norm"], make_cue_switch(66), make_cue_switch(8), batch_size=64))


def test_alone_nothing_is_exchanged():
    model = networks()["with batch norm"]
    before = copy.deepcopy(model.state_dict())
    with process_group():
        average_buffers(model)
        assert rank_and_size() == (0, 1)
        assert from_first_process("kept") == "kept"
        assert sum_over([torch.tensor(2), torch.tensor(0.5)]) == [2, 0.5]
    torch.testing.assert_close(model.state_dict(), before, rtol=0, atol=0)
