"""Explorers that keep moving in the book: Python draws every state once, and the page only shows them.

A state is stored as the tiles in which its picture differs from the first one. Most states share most of their tiles, so
that thousands of pictures fit into one image of tiles and a list of numbers. `book.js` puts them together again.
"""

import base64
import io
import itertools
import json
import math
import zlib
from functools import partial
from html import escape

import ipywidgets as W
import numpy as np
from IPython import get_ipython
from PIL import Image

from eca_edu.widgets import (
    ChannelWeightsExplorer,
    ConventionsExplorer,
    ConvolutionStepper,
    KernelSizeExplorer,
    Prediction,
)
from eca_edu.widgets.explorer import Explorer

#: Explorer -> {control: which of its values are in the book}; the other controls keep all of theirs.
THINNED = {
    KernelSizeExplorer: {"gamma": slice(None, None, 2), "b": slice(None, None, 2)},
    ConventionsExplorer: {"gamma": slice(None, None, 4), "b": slice(None, None, 2)},
    ConvolutionStepper: {},
    ChannelWeightsExplorer: {"image": slice(24)},
}
STATES_IN_A_QUICK_BOOK = 300  # of an explorer; of one with more only those near its start are drawn
TILE = 16  # pixels
TILES_IN_A_ROW = 64


def register(quick: bool) -> None:
    """Let the running kernel show these explorers as flipbooks, and predictions with what they hide."""
    html = get_ipython().display_formatter.formatters["text/html"]
    for explorer in THINNED:
        html.for_type(explorer, partial(flipbook, quick=quick))
    html.for_type(Prediction, unfolding)


def unfolding(prediction: Prediction) -> str:
    """Return the question, and the truth folded away."""
    (question,) = (
        child.value for child in prediction.children if isinstance(child, W.HTML) and "Predict:" in child.value
    )
    truth = "; ".join(
        f"{escape(label)}: <b>{number:g}{prediction.unit}</b>" for label, number in prediction.truth.items()
    )
    return f'<div class="Prediction"><p>{question}</p><details><summary>Reveal</summary>{truth}</details></div>'


def flipbook(explorer: Explorer, quick: bool = False) -> str:
    """Return a figure that `book.js` makes move: data of all states, and the picture of the first one shown."""
    thinned = THINNED[type(explorer)]
    numbers = [len(options(control)[thinned.get(name, slice(None))]) for name, control in explorer.controls.items()]
    near = quick and math.prod(numbers) > STATES_IN_A_QUICK_BOOK
    controls, choices = [], []
    for name, control in explorer.controls.items():
        labels, values = zip(*options(control), strict=True)
        kept = list(range(len(values)))[thinned.get(name, slice(None))]
        if near:
            start = kept.index(values.index(control.value))
            kept = kept[max(0, start - 1) : start + 2]
        choices.append([values[i] for i in kept])
        controls.append(
            {
                "label": control.description,
                "values": [labels[i] for i in kept],
                "start": choices[-1].index(control.value),
                "menu": isinstance(control, W.Dropdown),
                "all": len(values),
            }
        )
    start = tuple(explorer.values.values())
    first, caption = drawn(explorer, start)
    sheet, numbers = [], {}
    states = []
    for values in itertools.product(*choices):
        picture, sentence = drawn(explorer, values)
        places = []
        for place in changed_tiles(first, picture):
            tile = tile_at(picture, place)
            places += [place, numbers.setdefault(tile.tobytes(), len(numbers))]
            if len(numbers) > len(sheet):
                sheet.append(tile)
        states.append([sentence, places])
    explorer.show(explorer.update(**explorer.values))  # leave it as it was
    data = {
        "controls": controls,
        "states": states,
        "tile": TILE,
        "columns": math.ceil(first.shape[1] / TILE),
        "row": TILES_IN_A_ROW,
        "sheet": f"data:image/webp;base64,{webp(sheet_of(sheet))}",
    }
    packed = base64.b64encode(zlib.compress(json.dumps(data).encode(), 9)).decode()
    height, width = first.shape[:2]
    return (
        f'<figure class="explorer flipbook" data-explorer="{type(explorer).__name__}" data-states="{packed}">'
        f'<div class="controls"></div>'
        f'<img src="data:image/webp;base64,{webp(first)}" width="{width}" height="{height}" alt="">'
        f'<figcaption aria-live="polite">{caption}</figcaption></figure>'
    )


def options(control: W.Widget) -> list[tuple[str, object]]:
    """Return the values that a control can take, each with the label that it has then."""
    if isinstance(control, (W.IntSlider, W.FloatSlider)):
        steps = round((control.max - control.min) / control.step)
        values = [type(control.value)(control.min + i * control.step) for i in range(steps + 1)]
        return [(f"{value:g}", value) for value in values]
    if isinstance(control, (W.Dropdown, W.SelectionSlider)):
        return list(zip(control._options_labels, control._options_values, strict=True))
    raise TypeError(f"the controls of a flipbook must be sliders or menus; got {type(control).__name__}")


def drawn(explorer: Explorer, values: tuple) -> tuple[np.ndarray, str]:
    """Return the picture (H, W, 3) and the sentence of one state."""
    sentence = explorer.update(**dict(zip(explorer.controls, values, strict=True)))
    return explorer.draw()[..., :3].copy(), sentence


def changed_tiles(first: np.ndarray, picture: np.ndarray) -> list[int]:
    """Return the numbers of the tiles, counted row by row, in which the two pictures differ."""
    differ = (first != picture).any(2)
    rows, columns = (math.ceil(n / TILE) for n in differ.shape)
    padded = np.zeros((rows * TILE, columns * TILE), bool)
    padded[: differ.shape[0], : differ.shape[1]] = differ
    return np.flatnonzero(padded.reshape(rows, TILE, columns, TILE).any((1, 3))).tolist()


def tile_at(picture: np.ndarray, place: int) -> np.ndarray:
    """Return one tile (TILE, TILE, 3) of a picture; beyond its edges it is white."""
    row, column = divmod(place, math.ceil(picture.shape[1] / TILE))
    tile = np.full((TILE, TILE, 3), 255, np.uint8)
    part = picture[row * TILE : (row + 1) * TILE, column * TILE : (column + 1) * TILE]
    tile[: part.shape[0], : part.shape[1]] = part
    return tile


def sheet_of(tiles: list[np.ndarray]) -> np.ndarray:
    """Return one image that holds all tiles, row by row."""
    rows = max(1, math.ceil(len(tiles) / TILES_IN_A_ROW))
    sheet = np.full((rows * TILE, TILES_IN_A_ROW * TILE, 3), 255, np.uint8)
    for i, tile in enumerate(tiles):
        row, column = divmod(i, TILES_IN_A_ROW)
        sheet[row * TILE : (row + 1) * TILE, column * TILE : (column + 1) * TILE] = tile
    return sheet


def webp(pixels: np.ndarray) -> str:
    """Return an image without loss, as base64."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "webp", lossless=True, quality=60)
    return base64.b64encode(file.getvalue()).decode()
