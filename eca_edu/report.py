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

from eca_edu.attention import FOLLOWS_PSI, ChannelAttention
from eca_edu.attribution import integrated_gradients
from eca_edu.channel_weights import attending, record_channel_weights
from eca_edu.complexity import count_parameters
from eca_edu.datasets import ImageData
from eca_edu.experiments import (
    WORTH_KNOWING,
    differences_to,
    final_accuracies,
    seeds_needed,
)
from eca_edu.figures.channel_weights import draw_class_means
from eca_edu.figures.colours import SIGNED
from eca_edu.figures.experiments import draw_differences
from eca_edu.figures.training import draw_curves, update_curves
from eca_edu.files import written_whole
from eca_edu.kernel_size import adaptive_kernel_size
from eca_edu.models import ModelConfig
from eca_edu.statistics import share_interval
from eca_edu.training import Epoch, evaluate

CLASSES_LISTED = 12  # more would fill the page
CLASSES_DRAWN = 4  # as many as have a colour
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

    path: ends in .html. The page holds its pictures and tables; it needs no network and no scripts. The same arguments give
    the same page.
    model: the network of `config`, trained on `train`; `records` is what `fit` yielded meanwhile, with seed 0.
    results: of a study that holds `config` and, to compare, the network without attention, as `run_study` returns them.
    repeat: how to do the experiment again; shown as it is. overwrite: whether another file that is there is replaced.
    Raises ValueError for another ending, no records, results without `config` or under several conditions, or a `config`
    with another number of classes than the images, FileExistsError if another file is there, and OSError where nothing can be
    written.
    """
    path, name = Path(path), config.name
    if path.suffix != ".html":
        raise ValueError(f"path must end in .html; got {str(path)!r}")
    if not records:
        raise ValueError("records must hold at least one epoch; got none: train the network first")
    if config.num_classes != len(test.class_names):
        raise ValueError(f"config must have num_classes={len(test.class_names)}, as the images; got {config}")
    if name not in final_accuracies(results):
        raise ValueError(f"results must hold finished runs of {name}; got {', '.join(final_accuracies(results))}")
    content = {
        "title": f"{name} on {train.name}",
        "count": _count,
        "test_images": len(test),
        "accuracy": _accuracy(records[-1], test),
        **_network(config, model, records, results),
        **_images(train, test),
        **_curves(records, int(results["epochs"].iloc[0])),
        **_comparison(name, results),
        **_channel_weights(model, test),
        **_attributions(model, test),
        "repeat": repeat,
    }
    page = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = page.from_string(Path(__file__).with_suffix(".html").read_text(encoding="utf-8"))
    with written_whole(path, overwrite=overwrite) as temporary:
        temporary.write_text(template.render(content), encoding="utf-8")
    return path


def _accuracy(record: Epoch, test: ImageData) -> dict:
    """Tell how good the network is, how sure that is, and what a network could reach that looks at no image."""
    n, most_frequent = len(test), int(test.labels.bincount().max()) / len(test)
    low, high = share_interval(record.test_accuracy * n, n)
    return {"epoch": record.epoch, "share": record.test_accuracy, "low": low, "high": high, "blind": most_frequent}


def _network(config: ModelConfig, model: nn.Module, records: Sequence[Epoch], results: pd.DataFrame) -> dict:
    gates = [module for module in model.modules() if isinstance(module, ChannelAttention)]
    facts = {"backbone": f"{config.backbone}, width {config.width}", "attention": config.attention}
    if config.kernel_size is not None:
        facts["kernel size"] = f"k = {config.kernel_size} in every block"
    elif config.attention in FOLLOWS_PSI:
        sizes = "-".join(str(adaptive_kernel_size(gate.channels, config.gamma, config.b)) for gate in gates)
        facts["kernel sizes"] = f"k = {sizes}, from γ = {config.gamma:g}, b = {config.b:g}"
    facts["parameters"] = f"{count_parameters(model):,}"
    if gates:
        facts["parameters"] += f", {sum(map(count_parameters, gates)):,} of them in the attention"
    facts["training"] = f"{_count(len(records), 'epoch')} in {sum(record.seconds for record in records):.1f} s"
    facts["device"] = ", ".join(results["device"].unique())
    return {"network": facts, "version": metadata.version("eca-edu"), "torch": torch.__version__}


def _images(train: ImageData, test: ImageData) -> dict:
    """Count the images of each class, and show one of each."""
    counts = pd.DataFrame(
        {
            part: data.labels.bincount(minlength=len(data.class_names)).numpy()
            for part, data in [("training", train), ("test", test)]
        },
        index=pd.Index(test.class_names, name="class"),
    )
    notes = [
        f"There is no {part} image of {', '.join(counts.index[missing])}."
        for part, missing in (counts == 0).items()
        if missing.any()
    ]
    rest = counts["training"][CLASSES_LISTED:]
    if len(rest):
        notes.append(f"And {len(rest)} more, with {rest.min()} to {rest.max()} training images each.")
    height, width = test.images.shape[2:]
    shown = _one_of_each(test)
    return {
        "data": {
            "name": train.name,
            "from": " and ".join(dict.fromkeys(data.source or "not said" for data in (train, test))),
            "size": f"{width} × {height} pixels",
            "number": f"{len(train):,} for training, {len(test):,} for the test",
        },
        "classes": counts[:CLASSES_LISTED],
        "data_notes": notes,
        "examples": [(_png(test.images[i].permute(1, 2, 0).numpy()), test.class_names[test.labels[i]]) for i in shown],
    }


def _curves(records: Sequence[Epoch], epochs: int) -> dict:
    figure = Figure((8, 2.9), layout="constrained")
    update_curves(draw_curves(figure.subplots(1, 2), epochs), [asdict(record) for record in records])
    return {"curves": _picture(figure), "training_csv": _csv(pd.DataFrame(map(asdict, records)))}


def _comparison(name: str, results: pd.DataFrame) -> dict:
    """Lay the runs with and without attention side by side, seed by seed."""
    content = {"results_csv": _csv(results), "verdict": "", "differences": None}
    accuracies = final_accuracies(results)
    found = differences_to(results, BASELINE) if BASELINE in accuracies else {}
    if name not in found:
        return content
    difference = found[name]
    figure = Figure((8, 1.5), layout="constrained")
    draw_differences(figure.subplots(), {name: difference}, BASELINE)
    pairs = {
        seed: (f"{accuracies[BASELINE][seed]:.2%}", f"{accuracies[name][seed]:.2%}", f"{100 * points:+.2f}")
        for seed, points in difference.by_seed.items()
    }
    columns = ["no attention", name, "difference, points"]
    return {
        **content,
        "verdict": difference.verdict(name, BASELINE),
        "pairs_needed": seeds_needed(WORTH_KNOWING, difference.std) if len(difference.by_seed) > 1 else None,
        "differences": _picture(figure),
        "pairs": pd.DataFrame.from_dict(pairs, orient="index", columns=columns).rename_axis("seed"),
    }


def _channel_weights(model: nn.Module, test: ImageData) -> dict:
    """Draw the mean weights of a few classes, and count how much the weights differ from image to image."""
    if not any(isinstance(module, ChannelAttention) for module in model.modules()):
        return {"weights_picture": None}
    some = test.spread(IMAGES_WEIGHED)
    with record_channel_weights(model) as weights:
        evaluate(model, some)
    present = some.labels.unique()[:CLASSES_DRAWN].tolist()
    figure = Figure((8, 1.5 * len(weights)), layout="constrained")
    table = {}
    for ax, (layer, w) in zip(figure.subplots(len(weights), squeeze=False)[:, 0], weights.items(), strict=True):
        means = {label: w[some.labels == label].mean(0).numpy() for label in present}
        draw_class_means(ax, means, w.mean(0).numpy())
        ax.set_title(layer, loc="left", fontsize=10)
        ax.set_ylabel("weight ω")
        ratio = f"{attending(w):.3f}" if min(w.shape) > 1 else "unknown"
        table[layer] = (w.shape[1], f"{w.min():.2f} to {w.max():.2f}", f"{w.mean():.2f}", ratio)
    ax.set_xlabel("channel")
    names = ["all images", *(some.class_names[label] for label in present)]
    columns = ["channels", "weights ω", "their mean", "attending"]
    return {
        "weighed": len(some),
        "classes_weighed": "each class" if len(present) == len(test.class_names) else f"{len(present)} of the classes",
        "weights_picture": _picture(figure),
        "weights_legend": [(line.get_color(), name) for line, name in zip(ax.lines, names, strict=False)],
        "weights": pd.DataFrame.from_dict(table, orient="index", columns=columns).rename_axis("layer"),
    }


def _attributions(model: nn.Module, test: ImageData) -> dict:
    """Show which pixels spoke for the answer, for one test image of each class, all maps on one scale."""
    shown = test.take(torch.tensor(_one_of_each(test)))
    x = shown.normalize(shown.images).to(next(model.parameters()).device)
    found = integrated_gradients(model.eval(), x)
    largest = float(found.pixels.abs().max()) or 1  # a network that ignores its input has maps of 0
    maps = colormaps[SIGNED]((found.pixels.numpy() / largest + 1) / 2, bytes=True)[..., :3]  # (N, H, W, 3)
    captions = [
        f"{test.class_names[truth]}: {'right' if truth == answer else f'says {test.class_names[answer]}'}"
        for truth, answer in zip(shown.labels.tolist(), found.target.tolist(), strict=True)
    ]
    return {
        "method": found.method,
        "largest": largest,
        "missed": float(found.delta.abs().max()),
        "strongest": float(found.pixels.sum((1, 2)).abs().max()),
        "attributions": [
            (_png(image.permute(1, 2, 0).numpy()), _png(colours), caption)
            for image, colours, caption in zip(shown.images, maps, captions, strict=True)
        ],
    }


def _one_of_each(test: ImageData) -> list[int]:
    """Return the first test image of each class, for as many classes as the page lists."""
    return [int((test.labels == label).nonzero()[0]) for label in test.labels.unique()[:CLASSES_LISTED]]


def _picture(figure: Figure) -> str:
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=150, metadata={"Software": None})
    return _data_url("image/png", content.getvalue())


def _png(pixels: np.ndarray) -> str:
    """Return an image (H, W, 3) uint8 as it is, pixel by pixel."""
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "png")
    return _data_url("image/png", content.getvalue())


def _csv(table: pd.DataFrame) -> str:
    return _data_url("text/csv", table.to_csv(index=False).encode())


def _data_url(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
