"""How fast do we train? Our input pipeline beside torchvision's, what attention costs, and our network beside a ResNet-20.

All parts run side by side in one go, the contestants in turn, on CIFAR-10 if it is there and on cue-switch otherwise. Each
network trains in the precision in which it is faster here.

    python tools/benchmarks/training.py [--seconds 180] [--images 50000]

--seconds: how long our network trains in the last part; the ResNet-20, with the usual recipe, gets three times as long. Time
for evaluation is not counted. --images: how many training images are used at most.
"""

import argparse
import itertools
import math
import statistics
import time
from collections.abc import Iterator

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

from eca_edu import BasicBlock, ImageData, ModelConfig, build_model, evaluate, fit, load_images
from eca_edu.models import conv_bn_act
from eca_edu.training.loop import MARGIN, augment
from eca_edu.training.precision import autocast, trial_times

BATCH = 256  # of the input pipelines, as in fit
USUAL_BATCH = 128  # of the usual recipe
WANTED = 0.8
LONGER = 3  # times our time is what the ResNet-20 gets
ROUNDS = 15  # of short epochs with each attention


class Images(Dataset):
    """Our images one by one, through torchvision's transforms, as most training scripts have it."""

    def __init__(self, data: ImageData, crop: v2.Transform):
        self.images, self.labels = data.images, data.labels
        self.transform = v2.Compose(
            [
                crop,
                v2.RandomHorizontalFlip(),
                v2.ToDtype(torch.float32, scale=True),
                v2.Normalize(data.mean.tolist(), data.std.tolist()),
            ]
        )

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, i: int) -> tuple[torch.Tensor, int]:
        return self.transform(self.images[i]), int(self.labels[i])


def same_augmentation(data: ImageData, workers: int) -> DataLoader:
    """Return a DataLoader with the augmentation and batches that `fit` has."""
    crop = v2.RandomCrop(32, padding=MARGIN, padding_mode="reflect")
    return DataLoader(Images(data, crop), BATCH, shuffle=True, num_workers=workers)


def usual_augmentation(data: ImageData) -> DataLoader:
    """Return a DataLoader with the crops of the usual recipe: up to 4 pixels of zeros at each side."""
    return DataLoader(Images(data, v2.RandomCrop(32, padding=4)), USUAL_BATCH, shuffle=True, num_workers=2)


def our_batches(data: ImageData, padded: torch.Tensor) -> Iterator[torch.Tensor]:
    """Yield the batches of one epoch, as `fit` makes them; it pads the images once for all epochs."""
    generator = torch.Generator().manual_seed(0)
    for batch in torch.randperm(len(data), generator=generator).split(BATCH):
        yield data.normalize(augment(padded, batch, generator))


def images_per_second(batches: Iterator, images: int) -> float:
    """Return the rate of batches, up to so many images. The clock starts with the first, when all workers are at work."""
    next(batches)
    start, seen = time.perf_counter(), 0
    for batch in batches:
        seen += len(batch[0]) if isinstance(batch, (list, tuple)) else len(batch)
        if seen >= images:
            break
    return seen / (time.perf_counter() - start)


def compare_pipelines(train: ImageData) -> None:
    """Print the images per second of each pipeline, the medians of three rounds in turn."""
    start = time.perf_counter()
    padded = F.pad(train.images, (MARGIN,) * 4, mode="reflect").contiguous(memory_format=torch.channels_last)
    print(f"ours pads all images once for a run, in {time.perf_counter() - start:.2f} s")
    contestants = {
        "ours": lambda: our_batches(train, padded),
        "DataLoader, 0 workers": lambda: iter(same_augmentation(train, 0)),
        "DataLoader, 1 worker": lambda: iter(same_augmentation(train, 1)),
        "DataLoader, 2 workers": lambda: iter(same_augmentation(train, 2)),
    }
    rates = {name: [] for name in contestants}
    for _, (name, batches) in itertools.product(range(3), contestants.items()):
        rates[name].append(images_per_second(batches(), len(train) if name == "ours" else 10_000))
    medians = {name: statistics.median(rate) for name, rate in rates.items()}
    for name, rate in medians.items():
        print(f"{name:22} {rate:10,.0f} images/s")
    best = max(rate for name, rate in medians.items() if name != "ours")
    print(f"Our pipeline is {medians['ours'] / best:.1f} times as fast as the better DataLoader.")


def faster_precision(model: nn.Module, train: ImageData) -> str:
    """Return the precision in which a step of the network is faster here."""
    times = trial_times(model, train)
    return min(times, key=times.__getitem__)


def compare_attention(train: ImageData) -> None:
    """Print what an epoch of the default network costs with none, SE and ECA: medians, and of the ratios in each round."""
    few, one = train.take(slice(16 * BATCH)), train.take(slice(1))
    precision = faster_precision(our_network(train), train)
    models = {name: our_network(train, name) for name in ("none", "se", "eca")}
    seconds = {name: [] for name in models}
    for turn in range(ROUNDS + 1):
        names = [*models][turn % 3 :] + [*models][: turn % 3]  # so that none is always the first
        for name in names:
            (record,) = fit(models[name], few, one, epochs=1, precision=precision)
            seconds[name].append(record.seconds)
    for name, spent in seconds.items():
        ratios = sorted(a / b for a, b in zip(spent[1:], seconds["none"][1:], strict=True))
        low, high = ratios[len(ratios) // 4], ratios[-1 - len(ratios) // 4]
        epoch = statistics.median(spent[1:]) * len(train) / len(few)
        ratio = f"{statistics.median(ratios):.3f} of none's (middle half {low:.3f} to {high:.3f})"
        print(f"{name:5} {epoch:6.1f} s an epoch in {precision}, {ratio}")


def resnet20(num_classes: int) -> nn.Module:
    """Return the ResNet-20 for CIFAR-10 (He et al., 2016): nine BasicBlocks of 16, 32 and 64 channels."""
    widths = [16] * 3 + [32] * 3 + [64] * 3
    blocks = [
        BasicBlock(before, width, stride=1 if before == width else 2)
        for before, width in itertools.pairwise([16, *widths])
    ]
    return nn.Sequential(conv_bn_act(3, 16), *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, num_classes))


def train_usual(
    model: nn.Module, train: ImageData, test: ImageData, seconds: float, precision: str
) -> Iterator[tuple[float, float]]:
    """Train by DataLoader, SGD 0.1 with momentum and weight decay 1e-4, cosine to 0 over the time that there is.

    Yields (seconds of training, test accuracy) ten times.
    """
    model.to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)
    spent, reports, start = 0.0, 0, time.perf_counter()
    model.train()
    for x, y in itertools.chain.from_iterable(itertools.repeat(usual_augmentation(train))):
        optimizer.param_groups[0]["lr"] = 0.05 * (1 + math.cos(math.pi * spent / seconds))
        with autocast(x.device, precision):
            scores = model(x.contiguous(memory_format=torch.channels_last))
        loss = F.cross_entropy(scores.float(), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        now = time.perf_counter()
        spent, start = min(seconds, spent + now - start), now
        if spent >= (reports + 1) * seconds / 10:
            reports += 1
            yield spent, evaluate(model, test, precision=precision)[1]
            model.train()
            start = time.perf_counter()
        if spent == seconds:
            return


def our_network(train: ImageData, attention: str = "eca") -> nn.Module:
    """Return the default network with the weights of seed 0."""
    torch.manual_seed(0)
    return build_model(ModelConfig(attention=attention, num_classes=len(train.class_names)))


def train_ours(train: ImageData, test: ImageData, epochs: int, precision: str) -> Iterator[tuple[float, float]]:
    """Train the default network with `fit`; yield (seconds of training, test accuracy) after each epoch."""
    spent = 0.0
    for record in fit(our_network(train), train, test, epochs=epochs, precision=precision):
        spent += record.seconds
        yield spent, record.test_accuracy


def epochs_in(seconds: float, train: ImageData, precision: str) -> int:
    """Return how many epochs of our network fit into the time, after its pace on a few batches; at least 1."""
    few = train.take(slice(16 * BATCH))
    _, warm = fit(our_network(train), few, few.take(slice(1)), epochs=2, precision=precision)
    return max(1, int(seconds / (warm.seconds / len(few) * len(train))))


def compare_training(train: ImageData, test: ImageData, seconds: float) -> None:
    """Print the curves of both networks, which train in turn, and when each reached what is wanted."""
    torch.manual_seed(0)
    usual = resnet20(len(train.class_names))
    ours_in, usual_in = (faster_precision(model, train) for model in (our_network(train), usual))
    epochs = epochs_in(seconds, train, ours_in)
    print(f"Ours trains for {epochs} epochs in {ours_in}, ResNet-20 for {LONGER * seconds:.0f} s in {usual_in}.")
    runs = {
        "ours": train_ours(train, test, epochs, ours_in),
        "ResNet-20": train_usual(usual, train, test, LONGER * seconds, usual_in),
    }
    curves = {name: [] for name in runs}
    for points in itertools.zip_longest(*runs.values()):
        for (name, curve), point in zip(curves.items(), points, strict=True):
            if point:
                curve.append(point)
                print(f"{name:10} {point[0]:6.1f} s {point[1]:7.2%}", flush=True)

    end, ours = curves["ours"][-1]
    theirs = max((accuracy for spent, accuracy in curves["ResNet-20"] if spent <= end), default=0)
    print(f"After {end:.0f} s of training: ours {ours:.2%}, ResNet-20 at best {theirs:.2%}.")
    reached = {name: next((t for t, accuracy in curve if accuracy >= WANTED), None) for name, curve in curves.items()}
    for name, t in reached.items():
        print(f"{name}: {WANTED:.0%} " + (f"after {t:.0f} s" if t else f"not reached in {curves[name][-1][0]:.0f} s"))
    if reached["ours"]:
        t = reached["ResNet-20"]
        ratio = (t or curves["ResNet-20"][-1][0]) / reached["ours"]
        print(f"Ours is there {'' if t else 'more than '}{ratio:.1f} times as fast.")


def main(arguments: list[str] | None = None) -> None:
    """Run all comparisons."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=180)
    parser.add_argument("--images", type=int, default=50_000)
    options = parser.parse_args(arguments)
    train, test = load_images("cifar10")
    train = train.take(slice(options.images))
    print(f"{train.name}, {len(train)} training images, {torch.get_num_threads()} threads")
    compare_pipelines(train)
    compare_attention(train)
    compare_training(train, test, options.seconds)


if __name__ == "__main__":
    main()
