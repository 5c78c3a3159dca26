"""How do several processes train one network? torchrun starts them, and each takes its share of every batch.

Without torchrun there is one process, and each function here does nothing. `fit` in `training` cuts each batch into the
shares; in `resume` and `commands` the first process alone reads, writes and shows.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel


@contextmanager
def process_group() -> Iterator[None]:
    """Join the processes that torchrun started, as long as the block lasts; nothing happens where torchrun started none.

    On a machine with a GPU for each process it uses that of its LOCAL_RANK, and they talk by nccl; on a CPU by gloo.
    """
    if "WORLD_SIZE" not in os.environ:
        yield
        return
    local_rank = int(os.environ["LOCAL_RANK"])
    if local_rank < torch.cuda.device_count():  # with fewer GPUs than processes only `--device cpu` works
        torch.cuda.set_device(local_rank)
    distributed.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo")
    try:
        yield
    finally:
        distributed.destroy_process_group()


def rank_and_size() -> tuple[int, int]:
    """Return which process this is, from 0, and how many there are; (0, 1) for one that is alone."""
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank(), distributed.get_world_size()
    return 0, 1


def share_gradients(model: nn.Module) -> nn.Module:
    """Return the network to call in training: after each backward pass all processes have the mean of their gradients.

    It starts from the weights of the first process and shares its parameters with `model`.
    Raises ValueError for several processes on a device that is neither CPU nor CUDA.
    """
    if rank_and_size()[1] == 1:
        return model
    device = next(model.parameters()).device.type
    if device not in ("cpu", "cuda"):
        raise ValueError(f"several processes train on cpu or cuda; got {device}")
    # Each process keeps the batch norm statistics of its own shares, for `average_buffers`.
    return DistributedDataParallel(model, broadcast_buffers=False)


def sum_over(values: Iterable[torch.Tensor]) -> list[float]:
    """Return the sum of each value over all processes; values: tensors with one number each."""
    total = torch.stack([value.cpu().double() for value in values])
    if rank_and_size()[1] > 1:
        distributed.all_reduce(total)
    return total.tolist()


@torch.no_grad()
def average_buffers(model: nn.Module) -> None:
    """Give every process the mean of the statistics of its batch norms, so that all hold the same network."""
    size = rank_and_size()[1]
    if size == 1:
        return
    for buffer in model.buffers():
        if buffer.is_floating_point():
            distributed.all_reduce(buffer)
            buffer /= size


def from_first_process(value: Any) -> Any:
    """Return the value that the first process has; the values of the others do not count."""
    values = [value]
    if rank_and_size()[1] > 1:
        distributed.broadcast_object_list(values)
    return values[0]
