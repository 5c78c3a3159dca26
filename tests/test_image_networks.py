"""Networks for photographs, from a file and from what stands in for the hub, and photos cut as timm cuts them.

The weights are random, in files as timm's are. What the hub has was never loaded here.
"""

import hashlib
import re
import sys

import huggingface_hub
import numpy as np
import pytest
import requests
import timm
import torch
from huggingface_hub.errors import LocalEntryNotFoundError
from matplotlib.cbook import get_sample_data
from PIL import Image
from safetensors.torch import save_file
from torch import nn

from eca_edu import ImageData, load_image_network, load_photos, record_channel_weights
from eca_edu.channel_weights import gates
from eca_edu.image_networks import NETWORKS

NAME = "eca_resnet33ts"
HOPPER = get_sample_data("grace_hopper.jpg", asfileobj=False)


@pytest.fixture(scope="module")
def network():
    """timm's network with random weights, in whose batch norms something stands, too."""
    torch.manual_seed(0)
    model = timm.create_model(NAME).eval()
    for buffer in model.buffers():
        if buffer.is_floating_point():
            buffer.uniform_(0.5, 1.5)
    return model


@pytest.fixture(scope="module")
def file(network, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "model.safetensors"
    save_file(network.state_dict(), path)
    return path


@pytest.fixture(autouse=True)
def cached(monkeypatch):
    """What lies in the cache of the hub; nothing of the machine's own."""
    found = {}
    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", lambda repo, name: found.get((repo, name)))
    return found


@pytest.fixture
def online(monkeypatch):
    """The hub answers, and gives what the test says."""
    monkeypatch.delenv("ECA_EDU_OFFLINE")
    monkeypatch.setattr(requests, "head", lambda *_, **__: None)
    return lambda load: monkeypatch.setattr("timm.models._builder.load_state_dict_from_hf", load)


def same(model, other):
    mine, theirs = model.state_dict(), other.state_dict()
    return list(mine) == list(theirs) and all(torch.equal(mine[key], theirs[key]) for key in mine)


# Weights


@pytest.mark.parametrize("name", NETWORKS)
def test_tag_size_checksum_and_licence_are_those_of_timm_and_the_gates_are_found(name):
    tag, megabytes, begins = NETWORKS[name]
    config = timm.get_pretrained_cfg(f"{name}.{tag}")
    assert re.search(r"-([0-9a-f]{8})\.pth$", config.url).group(1) == begins
    assert config.license == "apache-2.0"
    assert config.hf_hub_id == f"timm/{name}.{tag}"
    with torch.device("meta"):
        model = timm.create_model(name)
    assert megabytes == round(4 * sum(p.numel() for p in model.parameters()) / 1e6)
    assert {module.gate for module in model.modules() if hasattr(module, "gate")} == set(gates(model).values())
    assert len(gates(model)) >= 8


def test_a_file_gives_the_network_whose_weights_it_holds(network, file):
    loaded, x = load_image_network(NAME, weights=str(file)), torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        assert torch.equal(loaded(x), network(x))
    assert same(loaded, network)
    assert not loaded.training
    assert "state_dict" not in loaded.pretrained_cfg


def test_its_gates_are_recorded(network, file):
    model = load_image_network(NAME, weights=file)
    with torch.no_grad(), record_channel_weights(model) as weights:
        model(torch.randn(2, 3, 32, 32))
    assert {layer: w.shape[1] for layer, w in weights.items()} == {
        f"stages.{stage}.{block}.attn": channels
        for stage, (blocks, channels) in enumerate([(2, 64), (3, 128), (3, 384), (2, 384)])
        for block in range(blocks)
    }
    assert all(w.shape[0] == 2 and 0 < w.min() < w.max() < 1 for w in weights.values())


def test_the_loader_of_timm_is_asked_for_these_very_weights(network, online):
    asked = []
    online(lambda repo, **_: asked.append(repo) or network.state_dict())
    assert same(load_image_network(NAME), network)
    assert asked == [f"timm/{NAME}.ra2_in1k"]


def test_what_was_downloaded_once_needs_no_network(network, file, cached):
    cached[f"timm/{NAME}.ra2_in1k", "model.safetensors"] = str(file)
    assert same(load_image_network(NAME), network)
    cached[f"timm/{NAME}.ra2_in1k", "model.safetensors"] = object()  # the hub said that there is none
    with pytest.raises(OSError, match="ECA_EDU_OFFLINE is set"):
        load_image_network(NAME)


def test_the_file_of_timm_s_list_is_checked_and_loaded(network, tmp_path, monkeypatch):
    path = tmp_path / "eca_resnet33ts_256.pth"
    torch.save(network.state_dict(), path)
    begins = hashlib.sha256(path.read_bytes()).hexdigest()[:8]
    words = (
        f"damaged or another file: the SHA-256 of the file in timm's list begins with 8f98face, its own with {begins}"
    )
    with pytest.raises(ValueError, match=words):
        load_image_network(NAME, weights=path)
    monkeypatch.setitem(NETWORKS, NAME, ("ra2_in1k", 79, begins))
    assert same(load_image_network(NAME, weights=path), network)


ran = []


def run():
    ran.append(1)


class Hostile:
    def __reduce__(self):
        return run, ()


def test_no_code_of_a_file_is_run(tmp_path, monkeypatch):
    path = tmp_path / "x.pth"
    torch.save(Hostile(), path)
    monkeypatch.setitem(NETWORKS, NAME, ("ra2_in1k", 79, ""))
    with pytest.raises(ValueError, match=r"x\.pth is damaged or no file of tensors: Weights only load failed"):
        load_image_network(NAME, weights=path)
    assert ran == []


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(ValueError, match=r"name must be one of eca_resnet33ts, .*ecaresnet26t, .*got 'resnet50'"):
        load_image_network("resnet50")


def test_a_file_that_does_not_serve_is_named(network, file, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nothing\.safetensors cannot be read: No such file"):
        load_image_network(NAME, weights=tmp_path / "nothing.safetensors")
    with pytest.raises(ValueError, match=r"weights must end in \.safetensors or \.pth; got '.*x\.bin'"):
        load_image_network(NAME, weights=tmp_path / "x.bin")
    torn = tmp_path / "torn.safetensors"
    torn.write_bytes(file.read_bytes()[:-1000])
    with pytest.raises(ValueError, match=r"torn\.safetensors is damaged or no file of tensors: "):
        load_image_network(NAME, weights=torn)
    with pytest.raises(ValueError, match=r"model\.safetensors holds no weights of seresnet33ts: Error"):
        load_image_network("seresnet33ts", weights=file)
    few = tmp_path / "few.safetensors"
    save_file({"head.fc.bias": torch.zeros(1000)}, few)
    with pytest.raises(ValueError, match=r"few\.safetensors holds no weights of eca_resnet33ts"):
        load_image_network(NAME, weights=few)


def test_without_a_network_a_sentence_says_what_to_do(online, monkeypatch):
    url = re.escape(timm.get_pretrained_cfg(f"{NAME}.ra2_in1k").url)
    words = (
        rf"^the weights of {NAME} \(79 MB\) cannot be downloaded: %s\. Download {url} elsewhere, and give the file as"
    )

    def not_found(*_, **__):
        raise LocalEntryNotFoundError("An error happened while trying to locate the file\nand more")

    online(not_found)
    with pytest.raises(OSError, match=words % "An error happened while trying to locate the file"):
        load_image_network(NAME)

    def refused(*_, **__):
        raise requests.ConnectionError("HTTPSConnectionPool: Max retries exceeded")

    monkeypatch.setattr(requests, "head", refused)
    with pytest.raises(OSError, match=words % "the Hugging Face hub does not answer"):
        load_image_network(NAME)
    monkeypatch.setenv("ECA_EDU_OFFLINE", "1")
    with pytest.raises(OSError, match=words % "ECA_EDU_OFFLINE is set"):
        load_image_network(NAME)


def test_without_timm_a_sentence_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(ModuleNotFoundError, match=r'^timm, .* is not installed: pip install "timm.*\.\[photos\]"'):
        load_image_network(NAME)


# Photos


def test_a_photo_is_cut_as_timm_tests_the_network(network):
    photos = load_photos([HOPPER], network)
    transform = timm.data.create_transform(**timm.data.resolve_data_config(model=network))
    with Image.open(HOPPER) as photo:
        expected = transform(photo.convert("RGB"))
    assert photos.images.shape == (1, 3, 256, 256)
    x = photos.normalize(photos.images)[0]
    assert (x - expected).abs().mean() < 0.05  # of standard deviations: half a pixel at the edges


def test_crops_are_classes_of_their_photo_and_always_the_same(network, tmp_path):
    wide = tmp_path / "wide.png"
    ramp = np.broadcast_to(np.linspace(0, 255, 600).astype(np.uint8), (300, 600))
    Image.fromarray(ramp).save(wide)
    photos = load_photos([HOPPER, wide], network, crops=5)
    assert isinstance(photos, ImageData)
    assert photos.class_names == ("grace_hopper.jpg", "wide.png")
    assert photos.labels.tolist() == 5 * [0] + 5 * [1]
    assert torch.equal(photos.images, load_photos([HOPPER, wide], network, crops=5).images)
    assert torch.equal(photos.images[:5], load_photos([HOPPER], network, crops=5).images)
    assert torch.equal(photos.images[::5], load_photos([HOPPER, wide], network).images)
    assert len({crop.flatten().numpy().tobytes() for crop in photos.images}) == 10
    rises = photos.images[5:].float().mean((1, 2)).diff(dim=1).mean(1)  # mirrored ramps fall
    assert rises[0] > 0
    assert {bool(rise > 0) for rise in rises} == {True, False}


def test_photos_that_do_not_serve_are_named(network, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no image .*nowhere\.jpg"):
        load_photos([HOPPER, tmp_path / "nowhere.jpg"], network)
    (tmp_path / "page.jpg").write_text("<html>")
    with pytest.raises(ValueError, match=r"page\.jpg cannot be read: its content is no BMP"):
        load_photos([tmp_path / "page.jpg"], network)
    for paths in ([], HOPPER):
        with pytest.raises(ValueError, match="paths must be a list of at least one file; got"):
            load_photos(paths, network)
    with pytest.raises(ValueError, match="crops must be at least 1; got 0"):
        load_photos([HOPPER], network, crops=0)
    with pytest.raises(TypeError, match="network must be one that load_image_network returned; got Linear"):
        load_photos([HOPPER], nn.Linear(1, 1))
