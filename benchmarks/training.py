"""How fast do we train? Our input pipeline beside torchvision's, and our network beside a ResNet-20 with the usual recipe.

Both parts run side by side in one go, on CIFAR-10 if it is there and on cue-switch otherwise.

    python benchmarks/training.py [--seconds 180]

--seconds: how long each network may train in the second part; the time for evaluation is not counted.
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
from eca_edu.training import MARGIN, augment, normalize

BATCH = 128
WANTED = 0.8


class Images(Dataset):
    """Our images one by one, through torchvision's transforms, as most training scripts have it."""

    def __init__(self, data: ImageData):
        self.images, self.labels = data.images, data.labels
        self.transform = v2.Compose(
            [
                v2.RandomCrop(32, padding=MARGIN, padding_mode="reflect"),
                v2.RandomHorizontalFlip(),
                v2.ToDtype(torch.float32, scale=True),
                v2.Normalize(data.mean.tolist(), data.std.tolist()),
            ]
        )

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, i: int) -> tuple[torch.Tensor, int]:
        return self.transform(self.images[i]), int(self.labels[i])


def loader(data: ImageData, workers: int) -> DataLoader:
    """Return a DataLoader with the augmentation that `fit` has."""
    return DataLoader(Images(data), BATCH, shuffle=True, num_workers=workers)


def our_batches(data: ImageData) -> Iterator[torch.Tensor]:
    """Yield the batches of one epoch, as `fit` makes them."""
    padded = F.pad(data.images, (MARGIN,) * 4, mode="reflect")
    generator = torch.Generator().manual_seed(0)
    for batch in torch.randperm(len(data), generator=generator).split(BATCH):
        yield normalize(augment(padded, batch, generator), data.mean, data.std)


def images_per_second(batches: Iterator, images: int) -> float:
    """Return the rate of the first batches, up to so many images."""
    start, seen = time.perf_counter(), 0
    for batch in batches:
        seen += len(batch[0]) if isinstance(batch, (list, tuple)) else len(batch)
        if seen >= images:
            break
    return seen / (time.perf_counter() - start)


def compare_pipelines(train: ImageData) -> None:
    """Print the images per second of each pipeline, the medians of three rounds in turn."""
    contestants = {
        "ours": lambda: our_batches(train),
        "DataLoader, 0 workers": lambda: iter(loader(train, 0)),
        "DataLoader, 2 workers": lambda: iter(loader(train, 2)),
    }
    rates = {name: [] for name in contestants}
    for _, (name, batches) in itertools.product(range(3), contestants.items()):
        rates[name].append(images_per_second(batches(), len(train) if name == "ours" else 10_000))
    medians = {name: statistics.median(rate) for name, rate in rates.items()}
    for name, rate in medians.items():
        print(f"{name:22} {rate:10,.0f} images/s")
    best = max(rate for name, rate in medians.items() if name != "ours")
    print(f"Our pipeline is {medians['ours'] / best:.1f} times as fast as the better DataLoader.")


def resnet20(num_classes: int) -> nn.Module:
    """Return the ResNet-20 for CIFAR-10 (He et al., 2016): nine BasicBlocks of 16, 32 and 64 channels."""
    widths = [16] * 3 + [32] * 3 + [64] * 3
    blocks = [
        BasicBlock(before, width, stride=1 if before == width else 2)
        for before, width in itertools.pairwise([16, *widths])
    ]
    return nn.Sequential(conv_bn_act(3, 16), *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, num_classes))


def train_usual(model: nn.Module, train: ImageData, test: ImageData, seconds: float) -> Iterator[tuple[float, float]]:
    """Train by DataLoader, SGD 0.1 with momentum and weight decay 1e-4, cosine to 0 over the time that there is.

    Yields (seconds of training, test accuracy) about ten times.
    """
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)
    spent, reports, start = 0.0, 0, time.perf_counter()
    model.train()
    for x, y in itertools.chain.from_iterable(itertools.repeat(loader(train, workers=2))):
        optimizer.param_groups[0]["lr"] = 0.05 * (1 + math.cos(math.pi * spent / seconds))
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        now = time.perf_counter()
        spent, start = min(seconds, spent + now - start), now
        if spent >= (reports + 1) * seconds / 10:
            reports += 1
            yield spent, evaluate(model, test)[1]
            model.train()
            start = time.perf_counter()
        if spent == seconds:
            return


def train_ours(train: ImageData, test: ImageData, epochs: int) -> Iterator[tuple[float, float]]:
    """Train the default network with `fit`; yield (seconds of training, test accuracy) after each epoch."""
    torch.manual_seed(0)
    model = build_model(ModelConfig(num_classes=len(train.class_names)))
    spent = 0.0
    for record in fit(model, train, test, epochs=epochs):
        spent += record.seconds
        yield spent, record.test_accuracy


def compare_training(train: ImageData, test: ImageData, seconds: float) -> None:
    """Print the accuracy of both networks after the same time, and when each reached what is wanted."""
    few = train.take(slice(2048))
    pace = next(fit(build_model(ModelConfig()), few, test.take(slice(1)), epochs=1)).seconds / len(few)
    epochs = max(1, round(seconds / (pace * len(train))))
    print(f"Our network trains for {epochs} epochs.")
    torch.manual_seed(0)
    runs = {
        "ours": train_ours(train, test, epochs),
        "ResNet-20": train_usual(resnet20(len(train.class_names)), train, test, seconds),
    }
    for name, run in runs.items():
        curve = list(run)
        reached = next((spent for spent, accuracy in curve if accuracy >= WANTED), None)
        when = f"{WANTED:.0%} after {reached:.0f} s" if reached else f"{WANTED:.0%} not reached"
        print(f"{name}: {curve[-1][1]:.2%} after {curve[-1][0]:.0f} s of training; {when}", flush=True)


def main() -> None:
    """Run both comparisons."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=180)
    seconds = parser.parse_args().seconds
    train, test = load_images("cifar10")
    print(f"{train.name}, {len(train)} training images, {torch.get_num_threads()} threads")
    compare_pipelines(train)
    compare_training(train, test, seconds)


if __name__ == "__main__":
    main()
