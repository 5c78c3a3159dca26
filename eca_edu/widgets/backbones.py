"""Pick a backbone and an attention: its stages, kernel sizes and cost follow."""

import re
from functools import lru_cache

import ipywidgets as W
import torch

from eca_edu.attention import ATTENTION, ECA, FOLLOWS_PSI, make_attention
from eca_edu.complexity import count_macs, count_parameters
from eca_edu.figures.backbones import draw_stages
from eca_edu.insertion import attention_places, attention_stages
from eca_edu.widgets.controls import b_slider, gamma_slider
from eca_edu.widgets.panel import Explorer, ImpossibleSetting

BACKBONES = ("resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "mobilenet_v2")


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
            "backbone": W.Dropdown(options=BACKBONES, value="resnet50", description="backbone"),
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
            options = self._options(attention, gamma, b, kernel_sizes, stages)
            if attention == "se":
                options = [{"reduction": reduction}] * len(stages)
            modules = [make_attention(attention, stages[i][0], **options[i]) for i in range(len(stages))]
        except ValueError as error:  # the text tells what does not go together
            raise ImpossibleSetting(str(error)) from error
        added = [count * count_parameters(module) for (_, count), module in zip(stages, modules, strict=True)]
        macs = sum(
            count * count_macs(module, (1, channels, 1, 1))
            for (channels, count), module in zip(stages, modules, strict=True)
        )
        kernels = [module.conv.kernel_size[0] for module in modules if isinstance(module, ECA)]
        labels = [f"{count:,}" for count in added]
        if kernels:
            labels = [f"{count} (k = {k})" for count, k in zip(added, kernels, strict=True)]
        draw_stages(self.ax, stages, added, labels)
        chosen = f" with kernel sizes {'-'.join(map(str, kernels))}" if kernels else ""
        chosen = f" with r = {reduction}" if attention == "se" else chosen
        return (
            f"{backbone} and {attention}{chosen}: <b>{sum(added):,} parameters</b> and {macs:,} multiply-accumulates "
            f"more, on top of {parameters:,} parameters (+{sum(added) / parameters:.4%})."
        )

    @staticmethod
    def _options(attention: str, gamma: float, b: float, kernel_sizes: str, stages: list) -> list[dict]:
        """Return the options of each stage's module; raise ValueError for a list that does not fit."""
        if attention not in FOLLOWS_PSI:
            return [{}] * len(stages)
        if not kernel_sizes.strip():
            return [{"gamma": gamma, "b": b}] * len(stages)
        numbers = [int(number) for number in re.findall(r"\d+", kernel_sizes)]
        if len(numbers) != len(stages):
            raise ValueError(f"k list must have {len(stages)} odd numbers, one for each stage; got {kernel_sizes!r}")
        return [{"kernel_size": number} for number in numbers]
