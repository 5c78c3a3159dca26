"""How is a model trained?

The whole data set is held as one tensor on the device; a batch is gathered, cropped and flipped by a few tensor
operations. `fit` is a generator: it trains one epoch for each record that it is asked for.
"""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from eca_edu._arguments import one_of, positive_integer
from eca_edu.datasets.image_data import ImageData
from eca_edu.models import fastest_layout
from eca_edu.training.distributed import average_buffers, rank_and_size, share_gradients, sum_over
from eca_edu.training.optimizers import WARM_UP, make_optimizers
from eca_edu.training.precision import PRECISIONS, autocast
from eca_edu.training.resume import keep_run, resume_run

MARGIN = 2  # pixels by which a training image is padded before it is cropped
EPOCH_SEEDS = 1_000_003  # seeds lie this far apart, so that no two runs share an epoch's randomness
LARGEST_SEED = 2**32 - 1  # as in NumPy


@dataclass(frozen=True)
class Epoch:
    """What one epoch gave: mean cross-entropies (without label smoothing), accuracies as shares of 1, seconds of training."""

    epoch: int
    train_loss: float
    train_accuracy: float
    test_loss: float
    test_accuracy: float
    seconds: float


def best_device() -> torch.device:
    """Return the fastest device of this machine: CUDA, Apple's MPS, or the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def check_seed(seed: int) -> None:
    """Raise ValueError for a seed that is negative or above 4,294,967,295."""
    if not 0 <= seed <= LARGEST_SEED:
        raise ValueError(f"seed must be from 0 to {LARGEST_SEED:,}; got {seed}")


def augment(
    padded: torch.Tensor, indices: torch.Tensor, generator: torch.Generator, *, flip: bool = True
) -> torch.Tensor:
    """Return the chosen images, each cropped at a random place and, with `flip`, mirrored left to right half of the time.

    padded: (N, 3, H + 4, W + 4), fastest in channels_last; indices: (B,) -> (B, 3, H, W) in channels_last, each crop at one
    of 5 × 5 places. The crops are the same with and without `flip`.
    """
    places = 2 * MARGIN + 1
    windows = padded.unfold(2, padded.shape[2] - 2 * MARGIN, 1).unfold(3, padded.shape[3] - 2 * MARGIN, 1)
    windows = windows.permute(0, 2, 3, 4, 5, 1)  # (N, 5, 5, H, W, 3), a view
    top, left = torch.randint(places, (2, len(indices)), generator=generator).to(padded.device)
    mirrored = torch.randint(2, (len(indices),), generator=generator, dtype=torch.bool).to(padded.device)
    crops = windows[indices, top, left]  # (B, H, W, 3)
    if flip:
        rows = mirrored.nonzero().squeeze(1)  # whole images are copied faster by number than by a mask
        crops.index_copy_(0, rows, crops.index_select(0, rows).flip(2))
    return crops.permute(0, 3, 1, 2)


def fit(
    model: nn.Module,
    train: ImageData,
    test: ImageData,
    *,
    epochs: int = 9,
    seed: int = 0,
    batch_size: int = 256,
    optimizer: str = "muon",
    peak_learning_rate: float | None = None,
    label_smoothing: float = 0.1,
    flip: bool = True,
    precision: str = "float32",
    state: Path | None = None,
    on_batch: Callable[[int, int], None] | None = None,
    on_loss: Callable[[torch.Tensor], None] | None = None,
) -> Iterator[Epoch]:
    """Train `model` on its device, and yield a record after each epoch; nothing runs until the next record is asked for.

    optimizer, peak_learning_rate: as in `make_optimizers` in `optimizers`. The learning rate rises linearly to its peak,
    over the first tenth of the run with "muon" and the first quarter with "sgd", and falls to 0.
    seed: fixes all that is random: order, augmentation, dropout. With the same initial weights, machine, versions and
    number of threads it gives the same run on the CPU. The generators of the caller are left alone.
    flip: whether training images are mirrored left to right at random; not where the mirror image is another class (digits,
    letters, left and right).
    precision: "float32", or "bfloat16", in which convolutions and matrix products compute, in training and test; which is
    faster tells `eca_edu.training.precision.trial_times`.
    state: a file that keeps the run after each epoch, before its record is yielded. If it is there already, the weights of
    `model` are replaced by those of the file, the records of the epochs done are yielded first, and training goes on after
    them, to the same weights as without the interruption. The file stays when the run is finished.
    on_batch: called after each batch with the number of batches done and of all batches of the run. It may wait, to pause
    the training, and whatever it raises ends the training at once: that is how a Stop button stops it.
    on_loss: called before `on_batch` with the mean cross-entropy of the batch (without label smoothing), a scalar on the
    device of `model`; whoever reads it at once makes a GPU wait after every batch.
    Under `process_group` in `distributed` each process trains on its share of every batch, and all get the same weights
    and records; batch norm counts each share by itself, so that the curve is close to that of one process, not equal to it.
    Raises TypeError or ValueError for an argument out of range or a state that is damaged or of another run, OSError where
    the state cannot be written, and FloatingPointError when the loss is no longer a number.
    """
    for name, value in [
        ("epochs", epochs),
        ("batch_size", batch_size),
        ("len(train)", len(train)),
        ("len(test)", len(test)),
    ]:
        positive_integer(name, value)
    one_of("precision", precision, PRECISIONS)
    check_seed(seed)
    rank, processes = rank_and_size()
    smallest = len(train) % batch_size or min(batch_size, len(train))
    if smallest < processes:
        raise ValueError(
            f"every batch must have an image for each of the {processes} processes; with {len(train)} images and "
            f"batch_size {batch_size} the last has {smallest}"
        )
    device = next(model.parameters()).device
    layout = fastest_layout(model)
    model.to(memory_format=layout)
    padded = F.pad(train.images, (MARGIN,) * 4, mode="reflect").to(device, memory_format=torch.channels_last)
    labels = train.labels.to(device)
    optimizers = make_optimizers(optimizer, model, peak_learning_rate, precision)
    steps = math.ceil(len(train) / batch_size)
    share = partial(one_cycle, total_steps=epochs * steps, warm_up=WARM_UP[optimizer])
    schedules = [torch.optim.lr_scheduler.LambdaLR(part, share) for part in optimizers]

    parts: dict[str, Any] = {"model": model}  # all that changes while the run goes on
    parts |= {f"optimizer {i}": part for i, part in enumerate(optimizers)}
    parts |= {f"schedule {i}": part for i, part in enumerate(schedules)}
    settings = {  # all that must be the same for a run to go on; the texts tell layers, learning rate, weight decay …
        "epochs": epochs,
        "seed": seed,
        "batch_size": batch_size,
        "data": f"{train.name}, {len(train)} training and {len(test)} test images",
        "checksums": [train.checksum, test.checksum],
        "label_smoothing": label_smoothing,
        "flip": flip,
        "precision": precision,
        "optimizer": "\n".join(map(str, optimizers)),
        "network": str(model),
    }
    records = resume_run(state, settings, parts)
    network = share_gradients(model)

    def train_one_epoch(epoch: int, generator: torch.Generator) -> tuple[float, float]:
        sums = torch.zeros(2, device=device)  # of the losses and of the right answers
        model.train()
        batches = torch.randperm(len(train), generator=generator).to(device).split(batch_size)
        for done, batch in enumerate(batches, (epoch - 1) * steps + 1):
            x = augment(padded, batch, generator, flip=flip)  # (len(batch), 3, H, W)
            x = x[rank::processes]  # (B, 3, H, W) of B = len(batch) / processes images
            y = labels[batch][rank::processes]
            x = train.normalize(x).contiguous(memory_format=layout)
            with autocast(device, precision):
                scores = network(x)  # (B, classes)
            scores = scores.float()
            loss = F.cross_entropy(scores, y, label_smoothing=label_smoothing)
            loss = loss * (len(y) * processes / len(batch))  # shares may differ by an image; their mean is the batch's
            model.zero_grad()
            loss.backward()
            for part in optimizers:
                part.step()
            for schedule in schedules:
                schedule.step()
            if device.type == "cpu":  # to ask another device now would mean to wait for it after every batch
                _check_finite(loss.item(), epoch)
            batch_loss = F.cross_entropy(scores.detach(), y, reduction="sum")
            sums[0] += batch_loss
            sums[1] += (scores.argmax(1) == y).sum()
            if on_loss:
                on_loss(batch_loss / len(y))
            if on_batch:
                on_batch(done, epochs * steps)
        average_buffers(model)
        total_loss, total_correct = sum_over(sums)
        _check_finite(total_loss, epoch)
        return total_loss / len(train), total_correct / len(train)

    yield from (Epoch(**record) for record in records)
    for epoch in range(len(records) + 1, epochs + 1):
        start = time.perf_counter()
        with torch.random.fork_rng():
            torch.manual_seed(EPOCH_SEEDS * seed + epoch)  # for dropout
            generator = torch.Generator().manual_seed(EPOCH_SEEDS * seed + epoch)
            train_loss, train_accuracy = train_one_epoch(epoch, generator)
        seconds = time.perf_counter() - start
        record = Epoch(epoch, train_loss, train_accuracy, *evaluate(model, test, precision=precision), seconds)
        records.append(asdict(record))
        keep_run(state, settings, parts, records)
        yield record


def _check_finite(loss: float, epoch: int) -> None:
    if not math.isfinite(loss):
        raise FloatingPointError(f"the training loss became {loss} in epoch {epoch}; lower peak_learning_rate")


def one_cycle(step: int, total_steps: int, warm_up: float = 0.1) -> float:
    """Return the share of the peak learning rate at a step: a straight line up to 1 at a share of all steps, then to 0."""
    progress = (step + 1) / (total_steps + 1)
    return min(progress / warm_up, (1 - progress) / (1 - warm_up))


@torch.no_grad()
def evaluate(
    model: nn.Module, data: ImageData, *, batch_size: int = 500, precision: str = "float32"
) -> tuple[float, float]:
    """Return the mean cross-entropy and the accuracy (a share of 1) on all images, on the model's device.

    precision: as in `fit`; between the two some answers may differ. The model is left in evaluation mode.
    Raises ValueError if there are no images.
    """
    positive_integer("len(data)", len(data))
    device = next(model.parameters()).device
    model.eval()
    sums = torch.zeros(2, device=device)  # of the losses and of the right answers
    for images, labels in zip(data.images.split(batch_size), data.labels.to(device).split(batch_size), strict=True):
        with autocast(device, precision):
            scores = model(data.normalize(images.to(device))).float()  # (B, classes)
        sums[0] += F.cross_entropy(scores, labels, reduction="sum")
        sums[1] += (scores.argmax(1) == labels).sum()
    loss, correct = sums.tolist()
    return loss / len(data), int(correct) / len(data)
