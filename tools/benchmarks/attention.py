"""How fast does ECA train, beside timm's module?

Measures both on the same feature maps. Forward is without gradients; forward+backward is in training mode and gives the
gradients of the input and the kernel. The two take turns within one loop, so that whatever else the computer does hits both
alike; a number is the median of at least 15 rounds and about a second. The shapes are those of the stages of a small ResNet
for CIFAR-10 (batch 128) and of ResNet-50 (batch 8).

Run as: python tools/benchmarks/attention.py [--quick]
"""

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial

import pandas as pd
import timm
import torch

from eca_edu import ECA

SHAPES = [
    (128, 64, 32, 32),
    (128, 128, 16, 16),
    (128, 256, 8, 8),
    (8, 256, 56, 56),
    (8, 512, 28, 28),
    (8, 1024, 14, 14),
    (8, 2048, 7, 7),
]
LAYOUTS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}


def candidates(channels: int) -> dict[str, torch.nn.Module]:
    """Return the two modules with the same kernel."""
    modules = {"timm": timm.layers.EcaModule(channels), "ours": ECA(channels)}
    modules["timm"].load_state_dict(modules["ours"].state_dict())
    return modules


def one_step(module: torch.nn.Module, x: torch.Tensor, g: torch.Tensor | None) -> tuple[torch.Tensor, ...]:
    """Run `module` forward, and backward from the gradient `g` of its output unless it is None."""
    if g is None:
        with torch.no_grad():
            return (module(x),)
    return torch.autograd.grad(module(x), (x, module.conv.weight), g)


def medians(steps: dict[str, Callable], rounds: int, seconds: float) -> dict[str, float]:
    """Return the median milliseconds of each step, taken in turns for at least so many rounds and seconds."""
    times: dict[str, list[float]] = {name: [] for name in steps}
    start, names = time.perf_counter(), list(steps)
    while len(times[names[0]]) < rounds or time.perf_counter() - start < seconds:
        names = names[1:] + names[:1]  # what went before leaves its traces in the cache
        for name in names:
            begin = time.perf_counter()
            steps[name]()
            times[name].append(1000 * (time.perf_counter() - begin))
    return {name: statistics.median(values) for name, values in times.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer rounds, for a first impression")
    rounds, seconds = (5, 0.1) if parser.parse_args().quick else (15, 1.0)
    torch.manual_seed(0)
    rows = []
    for shape in SHAPES:
        for layout, memory_format in LAYOUTS.items():
            x = torch.randn(shape).contiguous(memory_format=memory_format)
            for way, g in [("forward", None), ("forward+backward", torch.randn_like(x))]:
                x.requires_grad_(g is not None)
                steps = {name: partial(one_step, module, x, g) for name, module in candidates(shape[1]).items()}
                torch.testing.assert_close(steps["ours"](), steps["timm"](), rtol=1e-3, atol=1e-3)  # also warms up
                ms = medians(steps, rounds, seconds)
                names = {"shape": "x".join(map(str, shape)), "layout": layout, "what": way}
                rows.append({**names, **ms, "timm/ours": ms["timm"] / ms["ours"]})
    table = pd.DataFrame(rows)
    print(f"median ms, torch {torch.__version__}, timm {timm.__version__}, {torch.get_num_threads()} threads, CPU")
    print(table.to_string(index=False, float_format="{:.2f}".format))
    for way, part in [*table.groupby("what"), ("both", table)]:
        ratios = part["timm/ours"]
        print(
            f"{way:17} geometric mean of timm/ours {statistics.geometric_mean(ratios):.2f}  minimum {ratios.min():.2f}"
        )


if __name__ == "__main__":
    main()
