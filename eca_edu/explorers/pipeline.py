"""ECA at work in a real block: the feature map, its averages, the logits, the weights, and the map rescaled."""

from collections.abc import Sequence
from typing import Any

import torch
import traitlets
from torch import nn

from eca_edu.attention import ECA, SqueezeExcitation
from eca_edu.datasets.image_data import ImageData
from eca_edu.explorers.explorer import Explorer, pick_images, to_base64


class PipelineExplorer(Explorer):
    """The four steps of ECA, row by row: `image`, `gate`, `channel`, and what was set by hand in `y` and `kernel`.

    model: a network whose `block` has a branch and a gate in `attention`, whose averages are shown. data: at least one image;
    `images` of them are shown. other: a network whose gate in the same block is laid on these averages: one of the two gates is
    ECA, the other SE. Without `other` the gate is ECA.
    y: {channel: average}. kernel: its weights.
    Raises ValueError for no image, and TypeError for other gates.
    """

    script = "pipeline"
    image = traitlets.Int(0).tag(sync=True, state=True)
    gate = traitlets.Enum(["ECA", "SE"], "ECA").tag(sync=True, state=True)
    channel = traitlets.Int(0).tag(sync=True, state=True)
    y = traitlets.Dict().tag(sync=True, state=True)
    kernel = traitlets.List(traitlets.Float()).tag(sync=True, state=True)

    def __init__(
        self,
        model: nn.Module,
        data: ImageData,
        *,
        block: str = "block1",
        images: int = 6,
        other: nn.Module | None = None,
        **state,
    ):
        indices = pick_images(data, images)
        shown = data.take(indices)
        place: Any = model.get_submodule(block)
        gates = [place.attention, *([] if other is None else [other.get_submodule(block).attention])]
        eca = next((gate for gate in gates if isinstance(gate, ECA) and gate.conv.padding_mode == "zeros"), None)
        se = next((gate for gate in gates if isinstance(gate, SqueezeExcitation)), None)
        if eca is None or (len(gates) > 1 and se is None):
            came = " and ".join(type(gate).__name__ for gate in gates)
            raise TypeError(
                f"{block} must have ECA padded with zeros in attention, and SE in the other network; got {came}"
            )
        maps: list[torch.Tensor] = []
        hook = place.branch.register_forward_hook(lambda module, inputs, output: maps.append(output.cpu()))
        with torch.no_grad(), hook:
            model.eval()(data.normalize(shown.images.to(next(model.parameters()).device)))
        pixels = [to_base64(image.permute(1, 2, 0)) for image in shown.images]
        names = [data.class_names[label] for label in shown.labels]
        drawn = {"pixels": pixels, "names": names, "indices": indices.tolist(), "size": list(data.images.shape[2:])}
        self._show(
            maps[0],
            eca.conv.weight.flatten().tolist(),
            {**drawn, "se": se and _layers(se)},
            {"gate": "SE" if place.attention is se else "ECA", **state},
        )

    @classmethod
    def of_tensor(cls, x: torch.Tensor, kernel: Sequence[float] | torch.Tensor, **state) -> "PipelineExplorer":
        """Return the explorer for a feature map x: (1, C, H, W) and a kernel: (k,), k odd."""
        explorer = cls.__new__(cls)
        weights = torch.as_tensor(kernel).detach().flatten().tolist()
        explorer._show(
            x.detach(), weights, {"pixels": [], "names": [], "indices": [], "size": [1, 1], "se": None}, state
        )
        return explorer

    def _show(self, maps: torch.Tensor, kernel: list[float], drawn: dict[str, Any], state: dict[str, Any]) -> None:
        numbers = {**drawn, "shape": list(maps.shape[1:]), "maps": [to_base64(one.float()) for one in maps]}
        state.setdefault("channel", maps.shape[1] // 2)
        super().__init__(numbers, kernel=kernel, **state)


def _layers(se: SqueezeExcitation) -> dict[str, Any]:
    layers = {"reduce": se.reduce, "expand": se.expand}
    zero = torch.zeros(1)
    return {
        name: {"weight": layer.weight.tolist(), "bias": (zero if layer.bias is None else layer.bias).tolist()}
        for name, layer in layers.items()
    }
