"""A trained network that runs in the page: every map, weight and probability can be looked at, every gate be changed."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import traitlets
from torch import nn

from eca_edu._files import atomic_write
from eca_edu.channel_weights import record_channel_weights
from eca_edu.datasets.image_data import ImageData
from eca_edu.explorers import page
from eca_edu.explorers.explorer import Explorer, pick_images, to_base64
from eca_edu.explorers.network import network_numbers

MEANS_OF = 500  # images whose mean channel weights are offered


class LiveNetwork(Explorer):
    """Networks that run in the page: `network`, `image`, `turned`, `beside` (a picture, or -1) and `changes` to their gates.

    models: a network or several by name, each an ECACNN or ECAResNet8 up to width 32 with ECA, SE or no attention, for the
    same classes.
    data: images to choose from, of which `images` are shown; with a kernel any other one can be asked for.
    turned: the same images with their stripes turned, from `make_cue_switch(…, turned=True)`.
    changes: {block: {"kind": "own", "open", "closed", "mean" or "other", "channels": {channel: weight}}}.
    Raises ValueError for a network that the page cannot run or whose weights are not finite, for no image, and for turned
    images that are not as many.
    """

    script, needs = "live_network", ("network",)
    network = traitlets.Unicode().tag(sync=True, state=True)
    image = traitlets.Int(0).tag(sync=True, state=True)
    turned = traitlets.Bool(False).tag(sync=True, state=True)
    beside = traitlets.Int(-1).tag(sync=True, state=True)
    changes = traitlets.Dict().tag(sync=True, state=True)
    pictures = traitlets.List(traitlets.Dict()).tag(sync=True)
    asked = traitlets.Int(-1).tag(sync=True)

    def __init__(
        self,
        models: nn.Module | Mapping[str, nn.Module],
        data: ImageData,
        *,
        turned: ImageData | None = None,
        images: int = 24,
        **state,
    ):
        shown = pick_images(data, images).tolist()
        if turned is not None and len(turned) != len(data):
            raise ValueError(f"turned must hold the images of data, turned; got {len(turned)} for {len(data)}")
        self.data, self.turned_data = data, turned
        named: dict[str, Any] = dict(models) if isinstance(models, Mapping) else {"network": models}
        networks = {name: network_numbers(model) for name, model in named.items()}
        for model in named.values():
            for layer, values in model.state_dict().items():
                if not values.isfinite().all():  # JSON has no NaN
                    raise ValueError(f"model must have finite weights; those of {layer} are not")
            if (classes := model.head.out_features) != len(data.class_names):
                raise ValueError(f"data must have the {classes} classes of the network; got {len(data.class_names)}")
        numbers: dict[str, Any] = {
            "networks": networks,
            "means": {name: mean_weights(model, data) for name, model in named.items()},
            "classes": list(data.class_names),
            "size": list(data.images.shape[2:]),
            "mean": data.mean.tolist(),
            "std": data.std.tolist(),
            "images": len(data),
        }
        state.setdefault("network", next(reversed(named)))
        super().__init__(numbers, pictures=[self._picture(index) for index in shown], **state)
        self.when(["asked"], self._answer)

    def _picture(self, index: int) -> dict[str, Any]:
        """Return an image of the data for the page, and the same with its stripes turned."""
        versions = [data for data in (self.data, self.turned_data) if data is not None]
        return {
            "index": index,
            "labels": [int(data.labels[index]) for data in versions],
            "pixels": [to_base64(data.images[index]) for data in versions],  # (3, H, W)
            "context": None if self.data.context is None else int(self.data.context[index]),
        }

    def _answer(self, change: dict) -> None:
        if not 0 <= change["new"] < len(self.data):
            raise ValueError(f"image must lie in 0…{len(self.data) - 1}; got {change['new']}")
        self.pictures = [*self.pictures, self._picture(change["new"])]
        self.image = len(self.pictures) - 1


def write_page(
    path: str | Path,
    model: nn.Module,
    data: ImageData,
    *,
    title: str,
    turned: ImageData | None = None,
    overwrite: bool = False,
) -> Path:
    """Write one page with the network live on some of the images, which needs neither kernel nor network; return its path.

    path: ends in .html. turned: as in `LiveNetwork`. overwrite: whether another file that is there is replaced.
    Raises ValueError for another ending, a network that the page cannot run or classes that are not those of the images,
    FileExistsError if another file is there, and OSError where nothing can be written.
    """
    path = Path(path)
    if path.suffix != ".html":
        raise ValueError(f"path must end in .html; got {str(path)!r}")
    live = LiveNetwork(model, data, turned=turned)
    live.key = "network"  # a random one would make another page each time
    with atomic_write(path, overwrite=overwrite) as temporary:
        temporary.write_text(page.standalone_page(title, live.to_html()), encoding="utf-8")
    return path


@torch.no_grad()
def mean_weights(model: nn.Module, data: ImageData) -> dict[str, list[float]]:
    """Return {block: mean channel weights (C,)} over images of the data, at most MEANS_OF; nothing for no attention."""
    x = data.normalize(data.spread(MEANS_OF).images.to(next(model.parameters()).device))
    try:
        with record_channel_weights(model.eval()) as weights:
            model(x)
    except ValueError:  # it holds no gate
        return {}
    return {layer.partition(".")[0]: values.mean(0).tolist() for layer, values in weights.items()}
