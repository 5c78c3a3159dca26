"""The pictures of the README can be made anew, and each one stands in it."""

import importlib
import io
import re
import runpy
import sys
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools" / "gallery"))  # as for `python tools/gallery/make.py`
draw_pipeline = importlib.import_module("pipeline").draw_pipeline
MOST = 2e6  # bytes


def test_the_pictures_of_the_readme_are_made_by_the_project():
    gallery = runpy.run_path(str(ROOT / "tools" / "gallery" / "make.py"))
    shown = set(re.findall(r"tools/gallery/(\w+\.(?:png|webp))", (ROOT / "README.md").read_text(encoding="utf-8")))
    assert shown == {path.name for path in (ROOT / "tools" / "gallery").iterdir() if path.suffix in (".png", ".webp")}
    drawn, recorded = ([picture.__name__ for picture in gallery[name]] for name in ("DRAWN", "RECORDED"))
    assert shown == {f"{name}.png" for name in drawn} | {f"{name}.webp" for name in recorded}
    assert all((ROOT / "tools" / "gallery" / name).stat().st_size < MOST for name in shown)
    locked = f"matplotlib=={matplotlib.__version__}\n" in (ROOT / "requirements.lock").read_text(encoding="utf-8")
    most = 1 if locked else 6  # other versions set text a little otherwise
    for name in drawn:
        committed = np.asarray(Image.open(ROOT / "tools" / "gallery" / f"{name}.png").convert("RGB")).astype(int)
        now = np.asarray(Image.open(io.BytesIO(gallery[name]())).convert("RGB")).astype(int)
        assert now.shape == committed.shape
        assert np.abs(now - committed).mean() < most, f"{name}.png is old: run `make gallery`"


def test_the_overview_shows_the_numbers_of_its_tensors():
    ax = Figure().subplots()
    x = np.arange(24.0).reshape(4, 2, 3)
    draw_pipeline(ax, x, x.mean((1, 2)), np.array([-1.5, 0, 1.25, 9]), np.full(4, 0.75), 0.75 * x, 3, channel=0)
    texts = [text.get_text() for text in ax.texts]
    assert {"2.50", "-1.50", "1.25", "0.75", "4 × 2 × 3", "C1D$_k$, k = 3"} <= set(texts)
    lines = [line for line in ax.lines if line.get_color() == "#0072B2" and line.get_linestyle() == "-"]
    assert len(lines) == 2  # channel 0 has itself and one neighbour
