"""What did my experiment give? One page of HTML that holds all of it, pictures included."""

import base64
import io
from collections.abc import Sequence
from dataclasses import asdict
from importlib import metadata
from pathlib import Path

import jinja2
import numpy as np
import pandas as pd
import torch
from matplotlib import colormaps
from matplotlib.figure import Figure
from PIL import Image
from torch import nn

from eca_edu._files import atomic_write
from eca_edu.attention import FOLLOWS_PSI, ChannelAttention, choose_kernel_size
from eca_edu.attribution import integrated_gradients
from eca_edu.channel_weights import attending, record_channel_weights
from eca_edu.complexity import count_parameters
from eca_edu.datasets import ImageData
from eca_edu.explorers import LiveNetwork
from eca_edu.figures.colours import SIGNED
from eca_edu.figures.experiments import draw_differences
from eca_edu.figures.training import draw_curves
from eca_edu.models import ModelConfig
from eca_edu.statistics import share_interval
from eca_edu.studies.runs import WORTH_KNOWING, differences_to, final_accuracies, seeds_needed
from eca_edu.training.loop import Epoch, evaluate

CLASSES_LISTED = 12  # more would fill the page
IMAGES_WEIGHED = 500  # test images whose channel weights are recorded
BASELINE = "none"


def write_report(
    path: str | Path,
    config: ModelConfig,
    train: ImageData,
    test: ImageData,
    model: nn.Module,
    records: Sequence[Epoch],
    results: pd.DataFrame,
    *,
    repeat: str,
    overwrite: bool = False,
) -> Path:
    """Write one page about an experiment: network, images, curves, a fair comparison, channel weights; return its path.

    path: ends in .html. The page holds its pictures and tables; it needs no network. The same arguments give
    the same page.
    model: the network of `config`, trained on `train`; `records` is what `fit` yielded meanwhile, with seed 0.
    results: of a study that holds `config` and, to compare, the network without attention, as `run_study` returns them.
    repeat: how to do the experiment again; shown as it is. overwrite: whether another file that is there is replaced.
    Raises ValueError for another ending, no records, results without `config` or under several conditions, or a `config`
    with another number of classes than the images, FileExistsError if another file is there, and OSError where nothing can be
    written.
    """
    path = Path(path)
    if path.suffix != ".html":
        raise ValueError(f"path must end in .html; got {str(path)!r}")
    if not records:
        raise ValueError("records must hold at least one epoch; got none: train the network first")
    if config.num_classes != len(test.class_names):
        raise ValueError(f"config must have num_classes={len(test.class_names)}, as the images; got {config}")
    finished = final_accuracies(results)
    if config.name not in finished:
        raise ValueError(f"results must hold finished runs of {config.name}; got {', '.join(finished)}")
    gates = [module for module in model.modules() if isinstance(module, ChannelAttention)]
    psi = (config.gamma, config.b, config.kernel_size)
    content = {
        **{"config": config, "train": train, "test": test, "records": records, "results": results, "repeat": repeat},
        "listed": CLASSES_LISTED,
        "interval": share_interval(records[-1].test_accuracy * len(test), len(test)),
        "parameters": count_parameters(model),
        "gate_parameters": sum(map(count_parameters, gates)),
        "kernel_sizes": [choose_kernel_size(gate.channels, *psi) for gate in gates if config.attention in FOLLOWS_PSI],
        "curves": _curves(records),
        "comparison": _comparison(config.name, results),
        "weights": _channel_weights(model, test) if gates else None,
        "classes": _classes(model, train, test),
        "live": _live(model, test),
        "attributions": _attributions(model, test),
        "version": metadata.version("eca-edu"),
        "torch": torch.__version__,
        "training": pd.DataFrame(map(asdict, records)),
    }
    page = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    page.filters |= {"count": _count, "csv": _csv, "percent": lambda share, digits=1: f"{share:.{digits}%}"}
    template = page.from_string(Path(__file__).with_suffix(".html").read_text(encoding="utf-8"))
    with atomic_write(path, overwrite=overwrite) as temporary:
        temporary.write_text(template.render(content), encoding="utf-8")
    return path


def _curves(records: Sequence[Epoch]) -> str:
    figure = Figure((8, 2.9), layout="constrained")
    draw_curves(figure.subplots(1, 2), records)
    return _png(figure)


def _comparison(name: str, results: pd.DataFrame) -> dict | None:
    """Lay the runs with and without attention side by side, seed by seed; None where there is no pair."""
    accuracies = final_accuracies(results)
    found = differences_to(results, BASELINE) if BASELINE in accuracies else {}
    if name not in found:
        return None
    difference = found[name]
    figure = Figure((8, 1.5), layout="constrained")
    draw_differences(figure.subplots(), {name: difference}, BASELINE)
    return {
        "verdict": difference.verdict(name, BASELINE),
        "pairs_needed": seeds_needed(WORTH_KNOWING, difference.std) if len(difference.by_seed) > 1 else None,
        "picture": _png(figure),
        "pairs": [(i, accuracies[BASELINE][i], accuracies[name][i], 100 * d) for i, d in difference.by_seed.items()],
    }


def _channel_weights(model: nn.Module, test: ImageData) -> dict:
    """Count how much the channel weights differ from image to image."""
    some = test.spread(IMAGES_WEIGHED)
    with record_channel_weights(model) as weights:
        evaluate(model, some)
    return {
        "images": len(some),
        "rows": [
            (layer, w.shape[1], *w.aminmax(), w.mean(), attending(w) if min(w.shape) > 1 else None)
            for layer, w in weights.items()
        ],
    }


def _live(model: nn.Module, test: ImageData) -> str | None:
    """Return the network as it runs in the page on some of the images, or None for one that no page can run."""
    try:
        live = LiveNetwork(model, test)
    except ValueError:
        return None
    live.key = "network"  # a random one would make another page each time
    return live.to_html()


@torch.no_grad()
def _classes(model: nn.Module, train: ImageData, test: ImageData) -> list[dict]:
    """Count the images of each class, those that the network names right, and what the others are taken for."""
    device, rows, parts = next(model.parameters()).device, [], test.images.split(500)
    answers = torch.cat([model.eval()(test.normalize(part.to(device))).argmax(1).cpu() for part in parts])
    for label, name in enumerate(test.class_names):
        given = answers[test.labels == label]
        wrong, images = given[given != label], int((train.labels == label).sum())
        taken_for = test.class_names[int(wrong.mode().values)] if len(wrong) else ""
        rows.append({"name": name, "train": images, "test": len(given), "wrong": len(wrong), "taken_for": taken_for})
    return rows


def _attributions(model: nn.Module, test: ImageData) -> dict:
    """Show which pixels spoke for the answer, for the first test image of each class, all maps on one scale."""
    labels = test.labels.unique()[:CLASSES_LISTED]
    shown = test.take(torch.tensor([int((test.labels == label).nonzero()[0]) for label in labels]))
    x = shown.normalize(shown.images).to(next(model.parameters()).device)
    found = integrated_gradients(model, x)
    largest = float(found.pixels.abs().max()) or 1  # a network that ignores its input has maps of 0
    maps = colormaps[SIGNED]((found.pixels.numpy() / largest + 1) / 2, bytes=True)[..., :3]  # (N, H, W, 3)
    pictures = [*map(_png, shown.images.permute(0, 2, 3, 1).numpy())], [*map(_png, maps)]
    names = [[test.class_names[label] for label in labels.tolist()] for labels in (shown.labels, found.target)]
    return {
        "method": found.method,
        "largest": largest,
        "missed": found.delta.abs().max(),
        "strongest": found.pixels.sum((1, 2)).abs().max(),
        "rows": [*zip(*pictures, *names, strict=True)],
    }


def _png(picture: Figure | np.ndarray) -> str:
    """Return a figure, or an image (H, W, 3) uint8 pixel by pixel, as an address that holds it."""
    content = io.BytesIO()
    if isinstance(picture, Figure):
        picture.savefig(content, format="png", dpi=150, metadata={"Software": None})
    else:
        Image.fromarray(picture).save(content, "png")
    return f"data:image/png;base64,{base64.b64encode(content.getvalue()).decode()}"


def _csv(table: pd.DataFrame) -> str:
    return f"data:text/csv;base64,{base64.b64encode(table.to_csv(index=False).encode()).decode()}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
