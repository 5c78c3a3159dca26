"""Images from every source, and a clear word where there are none."""

import hashlib
import pickle
import shutil
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.datasets import CIFAR10

from eca_edu import ImageData, load_cifar10, load_image_folder, load_images, make_cue_switch
from eca_edu.datasets import cifar10, find_cifar10
from eca_edu.datasets.image_data import channel_statistics
from tests.conftest import CLASSES


@pytest.fixture
def original_batches(tmp_path, monkeypatch):
    """A small archive in the original form, with its MD5 in the place of the real one's."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "made" / "cifar-10-batches-py"
    folder.mkdir(parents=True)
    sums = {}

    def write(name, content):
        raw = pickle.dumps(content)
        (folder / name).write_bytes(raw)
        sums[name] = hashlib.md5(raw).hexdigest()

    for name in [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]:
        write(name, {"data": rng.integers(0, 256, (20, 3072), np.uint8), "labels": [i % 10 for i in range(20)]})
    write("batches.meta", {"label_names": list(CLASSES)})
    archive = tmp_path / "made" / "cifar-10-python.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(folder, folder.name)
    monkeypatch.setattr(CIFAR10, "train_list", [[f"data_batch_{i}", sums[f"data_batch_{i}"]] for i in range(1, 6)])
    monkeypatch.setattr(CIFAR10, "test_list", [["test_batch", sums["test_batch"]]])
    monkeypatch.setattr(CIFAR10, "meta", {**CIFAR10.meta, "md5": sums["batches.meta"]})
    monkeypatch.setattr(cifar10, "MD5", hashlib.md5(archive.read_bytes()).hexdigest())
    return archive.parent


def test_original_batches(original_batches):
    train, test = load_cifar10(original_batches)
    assert (len(train), len(test)) == (100, 20)
    assert train.images.shape == (100, 3, 32, 32)
    assert train.class_names == CLASSES
    assert train.source == "original batches"
    first = pickle.loads((original_batches / "cifar-10-batches-py" / "data_batch_1").read_bytes())
    assert torch.equal(train.images[0].flatten(), torch.from_numpy(first["data"][0]))
    assert train.labels[:20].tolist() == first["labels"]


def test_archive_is_unpacked_beside_itself(original_batches, tmp_path):
    root = tmp_path / "only the archive"
    root.mkdir()
    (original_batches / "cifar-10-python.tar.gz").rename(root / "cifar-10-python.tar.gz")
    train, _ = load_cifar10(root)
    assert len(train) == 100
    left = sorted(p.name for p in root.iterdir() if p.suffix != ".lock")
    assert left == ["cifar-10-batches-py", "cifar-10-python.tar.gz"]


def test_corrupted_archive_is_refused(tmp_path):
    (tmp_path / "cifar-10-python.tar.gz").write_bytes(b"half of it")
    with pytest.raises(
        ValueError, match=r"cifar-10-python.tar.gz is damaged: its MD5 is \w+, expected \w+. Delete it and try"
    ):
        load_cifar10(tmp_path)


def test_corrupted_batch_is_refused(original_batches):
    (original_batches / "cifar-10-batches-py" / "data_batch_3").write_bytes(b"oops")
    with pytest.raises(ValueError, match=r"cifar-10-batches-py is incomplete or damaged\. Delete it and run"):
        load_cifar10(original_batches)


def test_image_folder_as_cifar10(cifar10_folder, monkeypatch):
    monkeypatch.setenv("ECA_EDU_DATA", str(cifar10_folder))
    train, test = load_images("cifar10")
    assert train.name == "cifar10"
    assert train.class_names == CLASSES
    assert train.images.shape[1:] == (3, 32, 32)
    assert torch.equal(train.labels.unique(), torch.arange(10))
    assert torch.equal(test.mean, train.mean)


def test_pixels_of_an_image_folder(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    for split in ("train", "test"):
        for name in ("a", "b"):
            (tmp_path / split / name).mkdir(parents=True)
            Image.fromarray(pixels).save(tmp_path / split / name / "1.png")
    Image.new("L", (50, 40), 7).save(tmp_path / "train" / "b" / "2.png")  # grey, and of another size
    (tmp_path / "train" / "b" / "notes.txt").write_text("no image")
    (tmp_path / "train" / "b" / "._2.png").write_bytes(b"what macOS leaves behind")
    (tmp_path / "train" / ".ipynb_checkpoints").mkdir()
    train, _ = load_image_folder(tmp_path)
    assert train.name == tmp_path.name
    assert train.labels.tolist() == [0, 1, 1]
    assert torch.equal(train.images[0], torch.from_numpy(pixels).permute(2, 0, 1))
    assert (train.images[2] == 7).all()


def test_broken_image_folders_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="train must hold one folder of images for each class"):
        load_image_folder(tmp_path)
    for folder in ("train/a", "test/a"):
        (tmp_path / folder).mkdir(parents=True)
    with pytest.raises(ValueError, match=r"a holds no image; expected files ending in \.bmp"):
        load_image_folder(tmp_path)
    for folder in ("train/a", "test/a"):
        (tmp_path / folder / "1.png").write_bytes(b"no png")
    with pytest.raises(ValueError, match=r"1\.png cannot be read as an image"):
        load_image_folder(tmp_path)
    (tmp_path / "test" / "b").mkdir()
    with pytest.raises(ValueError, match="must have the same classes in train/ and test/"):
        load_image_folder(tmp_path)


def test_nothing_on_disk_and_no_network(tmp_path):
    assert find_cifar10(tmp_path) is None
    with pytest.raises(FileNotFoundError, match=r"CIFAR-10 is not in .*: run `python -m eca_edu data cifar10`"):
        load_cifar10(tmp_path)
    with pytest.warns(UserWarning, match="Using the generated cue-switch images instead of CIFAR-10"):
        train, _ = load_images("cifar10", tmp_path)
    assert train.name == "cue-switch"


def test_damaged_images_are_not_hidden_behind_cue_switch(cifar10_folder, tmp_path):
    shutil.copytree(cifar10_folder, tmp_path / "copy")
    for file in (tmp_path / "copy" / "train" / "dog").iterdir():
        file.unlink()
    with pytest.raises(ValueError, match="dog holds no image"):
        load_images("cifar10", tmp_path / "copy")


def test_a_named_folder_is_the_only_one(tmp_path, cifar10_folder, monkeypatch):
    monkeypatch.setattr(cifar10, "data_folder", lambda: Path(cifar10_folder))
    assert find_cifar10() == Path(cifar10_folder)
    monkeypatch.setenv("ECA_EDU_DATA", str(tmp_path))
    assert find_cifar10() is None


def test_unknown_data_set():
    with pytest.raises(ValueError, match="data must be 'cifar10', 'cue-switch' or a folder that exists; got 'mnist'"):
        load_images("mnist")


def test_cue_switch_tells_the_truth():
    data = make_cue_switch(3000, seed=3)
    assert data.images.shape == (3000, 3, 32, 32)
    assert data.masks.shape == (3000, 32, 32)
    assert torch.equal(data.labels >= 5, data.context == 1)
    assert (data.labels.bincount() > 200).all()
    inside = data.masks.flatten(1).float().mean(1)
    assert (inside > 0.01).all()  # the shape is there
    assert (inside < 0.35).all()  # and leaves the stripes to be seen
    assert not data.masks[:, [0, -1]].any()  # and is never cut off


def test_the_stripes_follow_the_context():
    data = make_cue_switch(400, seed=4, noise=0)
    border = data.images.float().mean(1)[:, 0]  # (N, 32): the uppermost row, where no shape is
    varies_along_the_row = border.std(1) > 5
    assert torch.equal(varies_along_the_row, data.context == 1)


def test_the_paint_follows_the_colour():
    data = make_cue_switch(2000, seed=5, noise=0)
    painted = (data.images.float() * data.masks[:, None]).sum((2, 3)) / data.masks.sum((1, 2))[:, None]  # (N, 3)
    for label, brightest in [(5, [0]), (6, [1]), (7, [2]), (8, [0, 1]), (9, [0, 2])]:
        colours = painted[data.labels == label].mean(0)
        others = [c for c in range(3) if c not in brightest]
        assert colours[brightest].min() > colours[others].max() + 40


def test_cue_switch_is_reproducible():
    assert torch.equal(make_cue_switch(50, seed=1).images, make_cue_switch(50, seed=1).images)
    assert not torch.equal(make_cue_switch(50, seed=1).images, make_cue_switch(50, seed=2).images)
    assert len(make_cue_switch(0)) == 0
    with pytest.raises(ValueError, match="n must be at least 0; got -1"):
        make_cue_switch(-1)
    with pytest.raises(ValueError, match=r"noise must be at least 0; got -0\.1"):
        make_cue_switch(1, noise=-0.1)


def test_channel_statistics_are_those_of_the_pixels():
    images = make_cue_switch(300).images
    mean, std = channel_statistics(images)
    pixels = images.double().div(255).transpose(0, 1).flatten(1)
    torch.testing.assert_close(mean, pixels.mean(1).float())
    torch.testing.assert_close(std, pixels.std(1, correction=0).float())


def test_take_keeps_images_and_truth_together():
    data = make_cue_switch(20)
    part = data.take(torch.tensor([3, 7]))
    assert len(part) == 2
    assert torch.equal(part.images[1], data.images[7])
    assert torch.equal(part.masks[1], data.masks[7])
    assert part.context.tolist() == data.context[[3, 7]].tolist()
    assert torch.equal(part.mean, data.mean)


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"images": torch.zeros(2, 32, 32, dtype=torch.uint8)}, ValueError, r"images must have shape \(N, 3, H, W\)"),
        ({"images": torch.zeros(2, 3, 32, 32)}, TypeError, "images must be torch.uint8; got torch.float32"),
        ({"labels": torch.zeros(3, dtype=torch.int64)}, ValueError, r"labels must have shape \(2,\).*got \(3,\)"),
        ({"labels": torch.tensor([0, 2])}, ValueError, "labels must lie in 0…1, .*got 0…2"),
        ({"masks": torch.zeros(2, 3)}, ValueError, r"masks must have shape \(2, 32, 32\)"),
    ],
)
def test_parts_that_do_not_fit_are_refused(changes, error, words):
    parts = {"images": torch.zeros(2, 3, 32, 32, dtype=torch.uint8), "labels": torch.tensor([0, 1])}
    with pytest.raises(error, match=words):
        ImageData("x", ("a", "b"), **{**parts, **changes})


def test_the_checksum_follows_pixels_and_labels():
    data = make_cue_switch(10, seed=0)
    images, labels = data.images.clone(), data.labels.clone()
    images[3, 1, 4, 5] += 1
    labels[3] = (labels[3] + 1) % 10
    assert data.checksum == make_cue_switch(10, seed=0).checksum
    assert data.take(slice(0, 10, 2)).checksum == data.take(torch.arange(0, 10, 2)).checksum
    assert len({d.checksum for d in (data, replace(data, images=images), replace(data, labels=labels))}) == 3


def test_spread_keeps_all_classes_of_ordered_data():
    data = make_cue_switch(100, seed=0)
    ordered = data.take(data.labels.argsort())
    assert set(ordered.spread(50).labels.tolist()) == set(data.labels.tolist())
    assert len(ordered.spread(50)) == 50
    assert torch.equal(data.spread(500).images, data.images)
    with pytest.raises(ValueError, match="n must be at least 1; got 0"):
        data.spread(0)


def test_images_that_may_not_be_read_are_no_end_of_the_lesson(monkeypatch):
    def forbidden(*_, **__):
        raise PermissionError(13, "Permission denied", "/srv/cifar10")

    monkeypatch.setattr("eca_edu.datasets.load_cifar10", forbidden)
    with pytest.warns(UserWarning, match="cue-switch images instead of CIFAR-10.*Permission denied: '/srv/cifar10'"):
        train, _ = load_images("cifar10")
    assert train.name == "cue-switch"


def test_without_the_checkout_data_lies_beside_the_notebooks(tmp_path, monkeypatch):
    from eca_edu import files

    monkeypatch.setattr(files, "__file__", str(tmp_path / "site-packages" / "eca_edu" / "files.py"))
    (tmp_path / "course" / "notebooks").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "course" / "notebooks")
    assert files.data_folder() == Path.cwd() / "data"
    (tmp_path / "course" / "data" / "checkpoints").mkdir(parents=True)
    assert files.data_folder() == tmp_path / "course" / "data"
