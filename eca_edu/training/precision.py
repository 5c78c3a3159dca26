"""In which precision is a network trained? In bfloat16 where this machine is faster with it, else in float32."""

import copy
import itertools
import math
import statistics
import time
from contextlib import AbstractContextManager

import torch
from torch import nn
from torch.nn import functional as F

from eca_edu._arguments import one_of
from eca_edu.datasets.image_data import ImageData
from eca_edu.models import fastest_layout

PRECISIONS = ("float32", "bfloat16")


def autocast(device: torch.device, precision: str) -> AbstractContextManager:
    """Return a context in which convolutions and matrix products compute in `precision`; weights stay float32.

    Raises ValueError for a precision that is not in PRECISIONS.
    """
    one_of("precision", precision, PRECISIONS)
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16")


def trial_times(model: nn.Module, data: ImageData, *, batch_size: int = 256) -> dict[str, float]:
    """Return the seconds that a training step takes in each precision, the median of three in turn, without training `model`.

    A precision that is far behind after its first step gets no other one. The time is infinite where the loss is no number.
    The fastest is `min(times, key=times.get)`.
    """
    device = next(model.parameters()).device
    layout = fastest_layout(model)
    trial = copy.deepcopy(model).to(memory_format=layout).train()
    batch = data.take(slice(batch_size))
    x = data.normalize(batch.images.to(device)).contiguous(memory_format=layout)
    y = batch.labels.to(device)

    def step(precision: str, images: int = batch_size) -> float:
        start = time.perf_counter()
        with autocast(device, precision):
            loss = F.cross_entropy(trial(x[:images]), y[:images])
        trial.zero_grad()
        loss.backward()
        finite = math.isfinite(loss.item())  # waits for the device
        return time.perf_counter() - start if finite else math.inf

    with torch.random.fork_rng():  # dropout draws
        for precision in PRECISIONS:
            step(precision, images=8)  # what has to be loaded first
        seconds = {precision: [step(precision)] for precision in PRECISIONS}
        first = {precision: spent[0] for precision, spent in seconds.items()}
        close = [precision for precision in PRECISIONS if first[precision] < 3 * min(first.values())]
        for _, precision in itertools.product(range(2), close):
            seconds[precision].append(step(precision))
    return {precision: statistics.median(spent) for precision, spent in seconds.items()}
