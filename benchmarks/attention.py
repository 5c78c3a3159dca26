"""How fast is ECA, and what would a fused gradient save?

Measures three modules on the same feature maps: timm's EcaModule, this package's ECA, and `FusedECA` below, whose backward
pass is written by hand so that it moves fewer bytes. Forward is without gradients; forward+backward gives the gradients of
the input and the kernel. The three take turns within one loop, so that whatever else the computer does hits all alike; a
number is the median of at least 15 rounds and about a second. The shapes are those of the stages of a small ResNet for
CIFAR-10 (batch 128) and of ResNet-50 (batch 8).

`FusedECA` stays here, outside the package: it is of no use in the forward pass, which reads x twice and writes it once in
any case; it cannot be differentiated twice; and its gate is out of reach for hooks and attributions.

Run as: python benchmarks/attention.py [--quick]
"""

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial

import pandas as pd
import timm
import torch
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

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


class _Fused(torch.autograd.Function):
    """ECA in one piece: the gradient of x is one expression, g ω + gy / (H W), written once."""

    @staticmethod
    def forward(ctx, x, kernel):  # x: (N, C, H, W), kernel: (1, 1, k)
        y = x.mean((2, 3))  # (N, C)
        weights = F.conv1d(y.unsqueeze(1), kernel, padding=kernel.shape[2] // 2).squeeze(1).sigmoid()  # (N, C)
        ctx.save_for_backward(x, y, weights, kernel)
        return x * weights[:, :, None, None]

    @staticmethod
    @once_differentiable
    def backward(ctx, g):
        x, y, weights, kernel = ctx.saved_tensors
        k, area = kernel.shape[2], x.shape[2] * x.shape[3]
        room = x * g  # it is only summed, so that the result can take its place
        logits_grad = room.sum((2, 3)) * weights * (1 - weights)  # (N, C)
        y_grad = F.conv1d(logits_grad.unsqueeze(1), kernel.flip(2), padding=k // 2).squeeze(1)  # (N, C)
        neighbours = F.pad(y, (k // 2, k // 2)).unfold(1, k, 1)  # (N, C, k)
        kernel_grad = torch.einsum("nck,nc->k", neighbours, logits_grad).view_as(kernel)
        torch.addcmul((y_grad / area)[:, :, None, None], g, weights[:, :, None, None], out=room)
        return room, kernel_grad


class FusedECA(ECA):
    """ECA with zero padding and the gradient of `_Fused`."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return _Fused.apply(x, self.conv.weight)


def candidates(channels: int) -> dict[str, torch.nn.Module]:
    """Return the three modules with the same kernel."""
    modules = {"timm": timm.layers.EcaModule(channels), "ours": ECA(channels), "fused": FusedECA(channels)}
    for module in modules.values():
        module.conv.weight.data.copy_(modules["ours"].conv.weight.data)
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
                results = [step() for step in steps.values()]  # also warms up
                for result in results[1:]:
                    torch.testing.assert_close(result, results[0], rtol=1e-3, atol=1e-3)
                ms = medians(steps, rounds, seconds)
                ratios = {f"timm/{name}": ms["timm"] / ms[name] for name in ("ours", "fused")}
                rows.append({"shape": "x".join(map(str, shape)), "layout": layout, "what": way, **ms, **ratios})
    table = pd.DataFrame(rows)
    print(f"median ms, torch {torch.__version__}, timm {timm.__version__}, {torch.get_num_threads()} threads, CPU")
    print(table.to_string(index=False, float_format="{:.2f}".format))
    for way, part in [*table.groupby("what"), ("both", table)]:
        for ratio in ("timm/ours", "timm/fused"):
            mean = statistics.geometric_mean(part[ratio])
            print(f"{way:17} {ratio:10}  geometric mean {mean:.2f}  minimum {part[ratio].min():.2f}")


if __name__ == "__main__":
    main()
