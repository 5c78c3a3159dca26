"""How does a network for photographs get here? timm's networks with ECA and SE, and photos cut as they want them."""

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import requests
import torch
from torch import nn
from torchvision.transforms.functional import resized_crop

from eca_edu._arguments import one_of, positive_integer
from eca_edu.checkpoints import read_tensors
from eca_edu.datasets.image_data import ImageData
from eca_edu.datasets.image_folder import read_image
from eca_edu.files import printable, read_whole

#: timm's name: (tag of its weights, MB, how the SHA-256 of the .pth file in timm's list begins). Licence: Apache 2.0, says timm.
NETWORKS = {
    "eca_resnet33ts": ("ra2_in1k", 79, "8f98face"),
    "seresnet33ts": ("ra2_in1k", 79, "f8ad44d9"),
    "eca_resnext26ts": ("ch_in1k", 41, "5a1d030f"),
    "seresnext26ts": ("ch_in1k", 42, "6f0d74a3"),
    "ecaresnet26t": ("ra2_in1k", 64, "46609757"),
    "ecaresnet50d": ("miil_in1k", 102, "93c81e3b"),
    "seresnet50": ("a1_in1k", 112, "ffa00869"),
}
#: How much of the square in the middle of a photo a random crop shows at least, as a share of its side.
SMALLEST_CROP = 0.6


def load_image_network(name: str, *, weights: str | Path | None = None) -> nn.Module:
    """Return a network of timm, trained on the photographs of ImageNet, in evaluation mode, on the CPU.

    name: one of NETWORKS. weights: a file in the place of the download, .safetensors, or the .pth in timm's list, whose
    SHA-256 is checked. With None timm's own loader downloads the weights, once, into the cache of the Hugging Face hub.
    The network makes (N, 1000) of what `load_photos` gives; its `pretrained_cfg` tells which input it wants.
    Raises ValueError for another name, and for a file that is damaged or fits another network; ModuleNotFoundError without
    timm; and OSError for a file that cannot be read, and where the weights can neither be found nor downloaded.
    """
    one_of("name", name, NETWORKS)
    try:
        import huggingface_hub
        import timm
    except ModuleNotFoundError as error:
        how = 'pip install "timm>=1.0.20", or pip install -e ".[photos]" in the folder of the course'
        raise ModuleNotFoundError(f"timm, which has the networks for photographs, is not installed: {how}") from error
    tag, megabytes, begins = NETWORKS[name]
    entry = f"{name}.{tag}"
    cached = huggingface_hub.try_to_load_from_cache(f"timm/{entry}", "model.safetensors")  # a path, or not
    if isinstance(file := cached if weights is None else weights, str | Path):
        overlay = {"state_dict": _tensors(Path(file), begins)}
        try:
            model: Any = timm.create_model(entry, pretrained=True, pretrained_cfg_overlay=overlay)
        except Exception as error:  # another network misses layers, has other ones, or of other shapes
            raise ValueError(f"{file} holds no weights of {name}: {_reason(error)}") from error
        model.pretrained_cfg.pop("state_dict")  # a second copy of all weights
        return model.eval()
    try:
        if os.environ.get("ECA_EDU_OFFLINE"):
            raise OSError("ECA_EDU_OFFLINE is set")
        requests.head(huggingface_hub.constants.ENDPOINT, timeout=10)  # timm alone would try for a minute
        return timm.create_model(entry, pretrained=True).eval()
    except Exception as error:  # the hub, a proxy and a certificate each raise their own kind
        what = f"the weights of {name} ({megabytes} MB) cannot be downloaded: {_reason(error)}"
        url = getattr(timm.get_pretrained_cfg(entry), "url", "them")
        raise OSError(f"{what}. Download {url} elsewhere, and give the file as weights=") from error


def load_photos(paths: Iterable[str | Path], network: nn.Module, *, crops: int = 1) -> ImageData:
    """Return photos cut to squares as the network wants them; each photo is a class, named as its file.

    paths: of image files, read as `load_image_folder` reads them. network: from `load_image_network`. crops: of each photo.
    The first is its middle, as timm tests the network; the others show a smaller part at a random place, half of them
    mirrored, the same at each call. -> images (photos · crops, 3, size, size), the crops of a photo one after another.
    Raises TypeError or ValueError for other arguments, FileNotFoundError for a photo that is not there, and ValueError for
    one that cannot be read, with its name.
    """
    config = getattr(network, "pretrained_cfg", None)
    if not isinstance(config, dict):
        raise TypeError(f"network must be one that load_image_network returned; got {type(network).__name__}")
    if isinstance(paths, str | Path) or not (files := [Path(path) for path in paths]):
        raise ValueError(f"paths must be a list of at least one file; got {paths!r}")
    crops = positive_integer("crops", crops)
    size = config["input_size"][-1]
    side = int(size / config["crop_pct"])
    middle, generator = round((side - size) / 2), torch.Generator().manual_seed(0)
    images = []
    for file in files:
        photo = torch.from_numpy(read_image(file, side))  # (3, side, side)
        images.append(photo[:, middle : middle + size, middle : middle + size])
        for share, top, left, mirrored in torch.rand(crops - 1, 4, generator=generator).tolist():
            edge = round(side * (SMALLEST_CROP + (1 - SMALLEST_CROP) * share))
            place = [int((side - edge + 1) * top), int((side - edge + 1) * left), edge, edge]
            crop = resized_crop(photo, *place, [size, size])
            images.append(crop.flip(-1) if mirrored < 0.5 else crop)
    names, labels = tuple(printable(file.name) for file in files), torch.arange(len(files)).repeat_interleave(crops)
    mean, std = (torch.tensor(config[name]) for name in ("mean", "std"))
    return ImageData("photos", names, torch.stack(images), labels, mean, std, source="photos of the reader")


def _tensors(path: Path, begins: str) -> dict[str, torch.Tensor]:
    """Return the tensors of a file by their names; no program code in it is run."""
    if path.suffix not in (".safetensors", ".pth"):
        raise ValueError(f"weights must end in .safetensors or .pth; got {str(path)!r}")
    if path.suffix == ".pth":
        found = hashlib.sha256(read_whole(path)).hexdigest()
        if not found.startswith(begins):
            wanted = f"the SHA-256 of the file in timm's list begins with {begins}, its own with {found[:8]}"
            raise ValueError(f"{path} is damaged or another file: {wanted}")
    return read_tensors(path)


def _reason(error: Exception) -> str:
    """Return the first line of what an error says, without its end."""
    if isinstance(error, requests.RequestException):
        return "the Hugging Face hub does not answer"
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(":. ")
