"""Pick a backbone and an attention: its stages, kernel sizes and cost follow."""

import re
from functools import lru_cache

import ipywidgets as W
import torch

from eca_edu.attention import ATTENTION, ECA, FOLLOWS_PSI, make_attention
from eca_edu.complexity import count_macs, count_parameters
from eca_edu.figures.colours import BLUE
from eca_edu.insertion import attention_places, attention_stages
from eca_edu.widgets.explorer import Explorer, ImpossibleSetting
from eca_edu.widgets.kernel_size import b_slider, gamma_slider

OF_TORCHVISION = ("resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "mobilenet_v2")


@lru_cache
def plain_network(name: str) -> tuple[int, list[tuple[int, int]]]:
    """Return the parameters and the stages of torchvision's network, built without memory for its weights."""
    import torchvision.models  # slow to import, and needed only here

    with torch.device("meta"):
        model = getattr(torchvision.models, name)()
    return count_parameters(model), attention_stages(attention_places(model))


class BackboneExplorer(Explorer):
    """What attention costs in a backbone: controls `backbone`, `attention`, `gamma`, `b` and `kernel_sizes`.

    kernel_sizes: "3-5-5-7" sets one kernel size for each stage by hand; empty, they follow from γ and b. SE has the reduction of
    the paper's Table 3.
    """

    def __init__(self):
        controls = {
            "backbone": W.Dropdown(options=OF_TORCHVISION, value="resnet50", description="backbone"),
            "attention": W.Dropdown(options=list(ATTENTION), value="eca", description="attention"),
            "gamma": gamma_slider(),
            "b": b_slider(),
            "kernel_sizes": W.Text("", placeholder="by γ and b", description="k list", continuous_update=False),
        }
        super().__init__(760, 330, controls)

    def prepare(self) -> None:
        self.ax = self.figure.subplots()
        self.figure.subplots_adjust(left=0.1, right=0.98, top=0.95, bottom=0.16)

    def update(self, backbone: str, attention: str, gamma: float, b: float, kernel_sizes: str) -> str:
        parameters, stages = plain_network(backbone)
        reduction = 8 if backbone == "mobilenet_v2" else 16  # SE's r in the paper's Table 3
        try:
            options = stage_options(attention, gamma, b, kernel_sizes, len(stages))
            if attention == "se":
                options = [{"reduction": reduction}] * len(stages)
            modules = [make_attention(attention, c, **given) for (c, _), given in zip(stages, options, strict=True)]
        except ValueError as error:  # the text tells what does not go together
            raise ImpossibleSetting(str(error)) from error
        added = [count * count_parameters(module) for (_, count), module in zip(stages, modules, strict=True)]
        macs = sum(count * count_macs(module, (1, c, 1, 1)) for (c, count), module in zip(stages, modules, strict=True))
        kernels = [module.conv.kernel_size[0] for module in modules if isinstance(module, ECA)]
        labels = [f"{count:,}" for count in added]
        if kernels:
            labels = [f"{count} (k = {k})" for count, k in zip(added, kernels, strict=True)]
        self._draw_stages(stages, added, labels)
        chosen = f" with kernel sizes {'-'.join(map(str, kernels))}" if kernels else ""
        chosen = f" with r = {reduction}" if attention == "se" else chosen
        return (
            f"{backbone} and {attention}{chosen}: <b>{sum(added):,} parameters</b> and {macs:,} multiply-accumulates "
            f"more, on top of {parameters:,} parameters (+{sum(added) / parameters:.4%})."
        )

    def _draw_stages(self, stages: list[tuple[int, int]], parameters: list[int], labels: list[str]) -> None:
        """Draw anew the parameters that attention adds to each stage, on a logarithmic axis."""
        ax, places, tops = self.ax, range(len(stages)), [max(count, 0.7) for count in parameters]
        ax.clear()
        ax.bar(places, tops, bottom=0.5, color=BLUE, width=0.6)
        for place, top, label in zip(places, tops, labels, strict=True):
            ax.annotate(label, (place, top + 0.5), (0, 4), textcoords="offset points", ha="center", fontsize=9)
        ax.set(yscale="log", ylim=(0.5, 3e8), ylabel="added parameters", xlabel="stage: modules × channels")
        ax.set_xticks(places, [f"{modules} × {channels}" for channels, modules in stages], fontsize=9)
        ax.set_xlim(-0.6, len(stages) - 0.4)


def stage_options(attention: str, gamma: float, b: float, kernel_sizes: str, stages: int) -> list[dict]:
    """Return the options of each stage's module; raise ValueError for a list that does not fit."""
    if attention not in FOLLOWS_PSI:
        return [{}] * stages
    if not kernel_sizes.strip():
        return [{"gamma": gamma, "b": b}] * stages
    numbers = [int(number) for number in re.findall(r"\d+", kernel_sizes)]
    if len(numbers) != stages:
        raise ValueError(f"k list must have {stages} odd numbers, one for each stage; got {kernel_sizes!r}")
    return [{"kernel_size": number} for number in numbers]
