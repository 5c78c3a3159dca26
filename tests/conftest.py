"""What several tests need: no network, and a small CIFAR-10 of noise in the form of an image folder."""

import contextlib
import os
import sys
from pathlib import Path

# Several files are tested at a time: one thread for each, and for the kernels that it starts. Before torch is imported.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    # jsonschema would check international addresses by it, which no notebook holds; its import takes 3 s.
    sys.modules["rfc3987_syntax"] = None

import numpy as np
import pytest
from PIL import Image

#: The files that take longest begin first; the others keep their order.
LONGEST = ("test_notebooks.py", "test_book.py", "test_live_network.py", "test_cli.py")
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST))


@pytest.fixture(autouse=True)
def _alone(monkeypatch, tmp_path):
    monkeypatch.setenv("ECA_EDU_OFFLINE", "1")
    monkeypatch.setenv("ECA_EDU_PROGRESS", str(tmp_path / "progress.json"))
    monkeypatch.delenv("ECA_EDU_DATA", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def full_disk(monkeypatch):
    """`with full_disk():` only the first 100 bytes of a file find room."""

    def write_bytes(path, content):
        with open(path, "wb") as file:
            file.write(content[:100])
        raise OSError(28, "No space left on device")

    @contextlib.contextmanager
    def fill():
        with monkeypatch.context() as patch:
            patch.setattr(Path, "write_bytes", write_bytes)
            yield

    return fill


@pytest.fixture(scope="session")
def cifar10_folder(tmp_path_factory):
    """A folder train/<class>/*.png, test/<class>/*.png; ECA_EDU_TEST_CIFAR10 puts the real images in its place."""
    if "ECA_EDU_TEST_CIFAR10" in os.environ:
        return os.environ["ECA_EDU_TEST_CIFAR10"]
    root = tmp_path_factory.mktemp("cifar10")
    rng = np.random.default_rng(0)
    for split, images in [("train", 40), ("test", 10)]:
        for label, name in enumerate(CLASSES):
            folder = root / split / name
            folder.mkdir(parents=True)
            for i in range(images):
                pixels = rng.integers(0, 128, (32, 32, 3), dtype=np.uint8)
                pixels[:, 3 * label : 3 * label + 3] += 100  # a bright stripe tells the class
                Image.fromarray(pixels).save(folder / f"{i:04}.png")
    return root
