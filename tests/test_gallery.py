"""The pictures of the README can be drawn anew, and each one stands in it."""

import re
import runpy
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def test_the_pictures_of_the_readme_are_drawn_by_the_project():
    gallery = runpy.run_path(str(ROOT / "gallery" / "make.py"))
    shown = set(re.findall(r"gallery/(\w+)\.png", (ROOT / "README.md").read_text(encoding="utf-8")))
    assert shown == {path.stem for path in (ROOT / "gallery").glob("*.png")}
    for name in shown:
        figure = gallery[name]()
        assert all(ax.texts or ax.lines for ax in figure.axes)
