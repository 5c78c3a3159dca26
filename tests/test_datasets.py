"""Images from every source, and a clear word where there are none."""

import hashlib
import os
import pickle
import re
import shutil
import struct
import tarfile
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import ExifTags, Image
from torchvision.datasets import CIFAR10

from eca_edu import ImageData, _files, load_cifar10, load_image_folder, load_images, make_cue_switch
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
    with pytest.raises(ValueError, match=r"\.tar\.gz is damaged: its MD5 is \w+, expected \w+. Delete it and try"):
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


@pytest.fixture
def folder(tmp_path):
    """Classes a and b in both parts, each with one image, so that a test adds only what it is about: train/a/…"""
    for path in (tmp_path / part / name / "~.png" for part in ("train", "test") for name in ("a", "b")):
        path.parent.mkdir(parents=True)
        Image.new("L", (32, 32), 7).save(path)
    return tmp_path


def assert_close(image, truth, tolerance=0):
    """image: (3, H, W) uint8 tensor; truth: (H, W, 3)."""
    assert np.abs(image.permute(1, 2, 0).numpy().astype(int) - truth).max() <= tolerance


def quarters(*colours):
    """Four flat quarters, row by row: (32, 32, 3) uint8."""
    return np.kron(np.array(colours).reshape(2, 2, 3), np.ones((16, 16, 1))).astype(np.uint8)


RED, GREEN, BLUE, GREY = (230, 0, 0), (0, 200, 0), (0, 0, 250), (90, 90, 90)
PIXELS = quarters(RED, GREEN, BLUE, GREY)
PICTURE = Image.fromarray(PIXELS)
JPEG = {"quality": 95, "subsampling": 0}  # so that no colour runs over a border
LARGE = PICTURE.resize((1600, 1600), Image.Resampling.NEAREST)  # a photo, of which a part of the size is decoded
LIGHT = np.repeat(np.asarray(PICTURE.convert("L"))[..., None], 3, 2)  # its grey version
ALPHA = quarters(*([a] * 3 for a in (255, 0, 128, 255)))[..., :1]
SEEN = {name: (ALPHA / 255 * image + 255 - ALPHA).round() for name, image in [("RGB", PIXELS), ("L", LIGHT)]}
VEILED = Image.fromarray(np.concatenate([PIXELS, ALPHA], 2))
FOUR = PICTURE.quantize(4)  # with a palette
GREEN_PLACE = int(np.asarray(FOUR)[0, 20])
WITHOUT_GREEN = quarters(RED, (255, 255, 255), BLUE, GREY)


def sixteen(change=(), byte_order="<"):
    """Return a function that writes LIGHT in 16 bits, with bytes of the file changed afterwards."""

    def write(path):
        values = (LIGHT[..., 0].astype(int) * 257).astype(f"{byte_order}u2")
        Image.frombytes("I;16B" if byte_order == ">" else "I;16", (32, 32), values.tobytes()).save(path)
        raw = path.read_bytes()
        for old, new in change:
            assert raw.count(old) == 1
            raw = raw.replace(old, new)
        path.write_bytes(raw)

    return write


def tiff_tag(tag, value):
    return struct.pack("<HHIH", tag, 3, 1, value)


def twelve(path):
    """LIGHT in 12 bits, packed, written as 16 bits and then renamed."""
    values = (LIGHT[..., 0].astype(int) * 4095 // 255).reshape(-1, 2)
    packed = np.stack([values[:, 0] >> 4, (values[:, 0] & 15) << 4 | values[:, 1] >> 8, values[:, 1] & 255], 1)
    Image.frombytes("I;16", (32, 32), packed.astype(np.uint8).tobytes() + bytes(512)).save(path)
    path.write_bytes(path.read_bytes().replace(tiff_tag(258, 16), tiff_tag(258, 12)))


@pytest.mark.parametrize(
    ("name", "image", "truth", "tolerance"),
    [
        ("rgb.JPG", lambda path: PICTURE.save(path, **JPEG), PIXELS, 6),
        ("large.jpg", lambda path: LARGE.save(path, **JPEG), np.asarray(LARGE.resize((32, 32))).astype(int), 6),
        ("rgb.bmp", PICTURE, PIXELS, 0),
        ("rgb.ppm", PICTURE, PIXELS, 0),
        ("grey.png", PICTURE.convert("L"), LIGHT, 0),
        ("one bit.png", PICTURE.convert("1", dither=Image.Dither.NONE), np.where(LIGHT > 127, 255, 0), 0),
        ("palette.gif", FOUR, PIXELS, 1),
        ("palette.png", FOUR, PIXELS, 1),
        ("cmyk.tif", PICTURE.convert("CMYK"), PIXELS, 1),
        ("cmyk.jpg", PICTURE.convert("CMYK"), PIXELS, 6),
        ("one pixel.png", Image.new("RGB", (1, 1), RED), np.full((32, 32, 3), RED), 0),
        ("wide.png", Image.fromarray(np.pad(PIXELS, [(0, 0), (9, 9), (0, 0)])), PIXELS, 0),  # its middle counts
        ("16 bits.png", sixteen(), LIGHT, 0),
        ("16 bits.tif", sixteen(), LIGHT, 0),
        ("16 bits, other order.tif", sixteen(byte_order=">"), LIGHT, 0),
        ("16 bits, 0 is white.tif", sixteen([(tiff_tag(262, 1), tiff_tag(262, 0))]), 255 - LIGHT.astype(int), 0),
        ("12 bits.tif", twelve, LIGHT, 1),
        ("alpha.png", VEILED, SEEN["RGB"], 1),
        ("alpha.tif", VEILED, SEEN["RGB"], 1),
        ("alpha.webp", lambda path: VEILED.save(path, lossless=True, exact=True), SEEN["RGB"], 1),
        ("grey with alpha.png", VEILED.convert("LA"), SEEN["L"], 1),
        ("no alpha.png", PICTURE.convert("RGBA"), PIXELS, 0),
        ("palette.gif", lambda path: FOUR.save(path, transparency=GREEN_PLACE), WITHOUT_GREEN, 1),
        ("palette.png", lambda path: FOUR.save(path, transparency=GREEN_PLACE), WITHOUT_GREEN, 1),
        ("palette.png", lambda path: FOUR.save(path, transparency=b"\xff" * GREEN_PLACE + b"\0"), WITHOUT_GREEN, 1),
        ("colour.png", lambda path: PICTURE.save(path, transparency=GREEN), WITHOUT_GREEN, 0),
    ],
)
def test_pixels_of_an_image_folder(name, image, truth, tolerance, folder):
    path = folder / "train" / "a" / name
    image(path) if callable(image) else image.save(path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        train, _ = load_image_folder(folder)
    assert train.labels.tolist() == [0, 0, 1]
    assert train.name == folder.name
    assert_close(train.images[0], truth, tolerance)
    seen_through = truth is WITHOUT_GREEN or any(truth is seen for seen in SEEN.values())
    assert train.source.endswith(", transparency on white") == seen_through


@pytest.mark.parametrize("ending", ["jpg", "png", "webp", "tif"])
def test_photos_are_turned_as_they_say(ending, folder):
    wide = np.pad(PIXELS, [(0, 0), (16, 16), (0, 0)], constant_values=255)  # as it was seen
    turned = np.transpose(wide, (1, 0, 2))
    stored = [wide, np.fliplr(wide), np.rot90(wide, 2), np.flipud(wide)]
    stored += [turned, np.rot90(wide), np.rot90(turned, 2), np.rot90(wide, 3)]
    exif = Image.Exif()
    for exif[ExifTags.Base.Orientation], pixels in enumerate(stored, 1):
        path = folder / "train" / "a" / f"{exif[ExifTags.Base.Orientation]}.{ending}"
        Image.fromarray(pixels).save(path, exif=exif, **(JPEG if ending == "jpg" else {"lossless": True}))
    train, _ = load_image_folder(folder)
    for image in train.images[:8]:
        assert_close(image, PIXELS, 6)


@pytest.mark.parametrize("name", ["x.gif", "x.png", "x.webp", "x.tif", "phone.jpg"])
def test_of_an_animation_the_first_picture_counts_and_a_warning_says_so(name, folder):
    picture = FOUR if name == "x.gif" else PICTURE
    phone = {"format": "MPO", **JPEG} if name == "phone.jpg" else {"lossless": True}  # a photo with its depth map
    rest = [picture.transpose(Image.Transpose.ROTATE_90)]
    picture.save(folder / "train" / "a" / name, save_all=True, append_images=rest, **phone)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        train, _ = load_image_folder(folder)
    assert_close(train.images[0], PIXELS, 6)
    expected = f"{folder}: passed over 1 × all but the first picture of an animation or of several pages"
    assert [str(warning.message) for warning in caught] == [expected] * (name != "phone.jpg")


def test_what_is_passed_over_is_said_in_one_sentence(folder):
    for name in ("train/a/1.HEIC", "test/b/2.heic", "train/b/notes", "train/list.txt", "train/b/.hidden.txt"):
        (folder / name).write_bytes(b"x")
    (folder / "train" / "a" / "more").mkdir()
    (folder / "train" / ".ipynb_checkpoints").mkdir()
    with pytest.warns(UserWarning, match="passed over") as caught:
        train, _ = load_image_folder(folder)
    counts = "2 × .heic, 1 × file outside the classes, 1 × folder within a class, 1 × file without an ending"
    assert [str(warning.message) for warning in caught] == [f"{folder}: passed over {counts}"]
    assert train.class_names == ("a", "b")


def half(path):
    PICTURE.save(path)
    path.write_bytes(path.read_bytes()[:-60])


@pytest.mark.parametrize(
    ("name", "write", "reason"),
    [
        ("x.jpg", Path.touch, "empty"),
        ("x.jpg", lambda path: path.write_text("<html>"), "its content is no BMP, GIF, JPEG, PNG, PPM, TIFF, WEBP"),
        ("x.png", half, "damaged: image file is truncated"),
        ("x.ppm", lambda path: path.write_text("P6 20000 20000 255\n"), "more than 89,478,485 pixels"),
        ("x.ppm", lambda path: path.write_text("P6 10000 10000 255\n"), "more than 89,478,485 pixels"),
        (
            "x.tif",
            PICTURE.convert("F").save,
            "nothing says which of its values is white (mode F); save it with 8 or 16",
        ),
        ("x.tif", PICTURE.convert("L").convert("I").save, "nothing says which of its values is white (mode I)"),
        ("x.jpg", Path.mkdir, "a folder, a pipe, or a link that leads nowhere"),
        ("x.jpg", lambda path: path.symlink_to(path), "a folder, a pipe, or a link that leads nowhere"),
        ("x.jpg", getattr(os, "mkfifo", Path.mkdir), "a folder, a pipe, or a link that leads nowhere"),
    ],
)
def test_an_image_that_cannot_be_read_is_named_with_the_reason(name, write, reason, folder):
    write(folder / "train" / "a" / name)
    expected = f"1 of 5 images in {folder} cannot be read: {str(Path('train', 'a', name))!r} ({reason}"
    with pytest.raises(ValueError, match=re.escape(expected)):
        load_image_folder(folder)


def test_a_permission_that_is_missing_is_no_damage_and_no_end_of_the_lesson(folder, monkeypatch):
    def forbidden(path="/srv/cifar10", **_):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Image, "open", forbidden)  # the superuser may open all files
    with pytest.raises(ValueError, match=r"4 of 4 images in .*~\.png' \(Permission denied\), "):
        load_image_folder(folder)
    monkeypatch.setattr("eca_edu.datasets.load_cifar10", lambda *_, **__: forbidden())
    with pytest.warns(UserWarning, match="cue-switch images instead of CIFAR-10.*Permission denied: '/srv/cifar10'"):
        train, _ = load_images("cifar10")
    assert train.name == "cue-switch"


def test_all_that_cannot_be_read_are_counted_at_once(folder):
    for i in range(8):
        (folder / ("train", "test")[i % 2] / "b" / f"{i}.jpg").touch()
    words = r"8 of 12 images in .* cannot be read: .*0\.jpg' \(empty\), .* and 3 more$"
    with pytest.raises(ValueError, match=words) as caught:
        load_image_folder(folder)
    assert str(caught.value).count("(empty)") == 5


@pytest.mark.skipif(os.name == "nt", reason="Windows forbids such names")
def test_no_name_can_command_the_terminal(folder):
    for part in ("train", "test"):
        (folder / part / "b").rename(folder / part / "b\x1b[31m")
    (folder / "train" / "a" / "x.\x1b[2J").touch()
    with pytest.warns(UserWarning, match=r"1 × \.\\x1b\[2j"):
        train, _ = load_image_folder(folder, "c\x9b")
    assert (train.name, train.class_names) == ("c\\x9b", ("a", "b\\x1b[31m"))
    (folder / "train" / "a" / "\x1b[2J.png").touch()
    with pytest.raises(ValueError, match=r"\\x1b\[2J\.png' \(empty\)") as caught:
        load_image_folder(folder)
    assert str(caught.value).isprintable()


def test_other_folders_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="train must hold one folder of images for each class"):
        load_image_folder(tmp_path)
    for path in ("train/a", "test/a"):
        (tmp_path / path).mkdir(parents=True)
    with pytest.raises(ValueError, match=r"the same classes .* two of them to be told apart; got \('a',\) and"):
        load_image_folder(tmp_path)
    (tmp_path / "test" / "b").mkdir()
    with pytest.raises(ValueError, match=r"the same classes in train/ and test/, .* got \('a',\) and \('a', 'b'\)"):
        load_image_folder(tmp_path)
    (tmp_path / "train" / "b").mkdir()
    with pytest.raises(ValueError, match=r"a holds no image; expected files ending in \.bmp"):
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


def test_stripes_follow_the_context_and_paint_follows_the_colour():
    data = make_cue_switch(2000, seed=5, noise=0)
    border = data.images.float().mean(1)[:, 0]  # (N, 32): the uppermost row, where no shape is
    assert torch.equal(border.std(1) > 5, data.context == 1)
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


def test_without_the_checkout_data_lies_beside_the_notebooks(tmp_path, monkeypatch):
    monkeypatch.setattr(_files, "__file__", str(tmp_path / "site-packages" / "eca_edu" / "_files.py"))
    (tmp_path / "course" / "notebooks").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "course" / "notebooks")
    assert _files.data_folder() == Path.cwd() / "data"
    (tmp_path / "course" / "data" / "checkpoints").mkdir(parents=True)
    assert _files.data_folder() == tmp_path / "course" / "data"
