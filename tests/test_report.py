"""The report of an experiment: one page that holds all it shows, whatever the images are."""

import base64
import copy
import io
import re
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser

import matplotlib.pyplot as plt
import pandas as pd
import pytest
import torch
from PIL import Image

from eca_edu import ImageData, ModelConfig, build_model, evaluate, fit, make_cue_switch, write_report
from eca_edu.studies.runs import Study, difference_table, run_study

CONFIG = ModelConfig(width=4)
NASTY = ("<b>cat</b>", 'a "dog" & <script>alert(1)</script>', "$x_", "猫")


class Page(HTMLParser):
    """The tags of a page, and every address that a browser would look up."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.addresses, self.pictures = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.tags.append(tag)
        self.addresses += [attributes[name] for name in ("src", "href") if name in attributes]
        self.pictures += [attributes["src"]] if tag == "img" else []


def decode(url):
    return base64.b64decode(url.split(",", 1)[1])


def random_images(n, class_names, height, width, seed=0):
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(256, (n, 3, height, width), dtype=torch.uint8, generator=generator)
    return ImageData("noise", class_names, images, torch.arange(n) % len(class_names), source="drawn by lot")


def experiment(folder, config=CONFIG, train=None, test=None, *, seeds=2, attentions=("none",), repeat="again"):
    """Train shortly; return the arguments of write_report but the first."""
    train = make_cue_switch(60, 0) if train is None else train
    test = make_cue_switch(30, 1) if test is None else test
    config = replace(config, num_classes=len(train.class_names))
    configs = [replace(config, attention=name, gamma=2, b=1, kernel_size=None) for name in attentions]
    results = run_study(folder / "results.csv", Study("test", [*configs, config], seeds, 1), train, test)
    model = build_model(config)
    records = list(fit(model, train, test, epochs=1))
    return {
        "config": config,
        "train": train,
        "test": test,
        "model": model,
        "records": records,
        "results": results,
        "repeat": repeat,
    }


@pytest.fixture(scope="module")
def arguments(tmp_path_factory):
    return experiment(tmp_path_factory.mktemp("experiment"))


def written(path, arguments):
    assert write_report(path, **arguments) == path
    return path.read_text(encoding="utf-8")


def test_a_page_needs_nothing_beside_it(tmp_path, arguments):
    text = written(tmp_path / "report.html", arguments)
    page = Page(text)
    assert len(page.pictures) == 2 + 2 * 10  # curves, differences; attributions
    for address in page.pictures:
        assert address.startswith("data:image/png;base64,")
        Image.open(io.BytesIO(decode(address))).verify()
    assert all(address.startswith("data:") for address in page.addresses)
    assert page.tags.count("script") == 2  # the numbers of the live network, and what draws it
    assert "url(" not in text
    assert "@import" not in text
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
    assert plt.get_fignums() == []


def test_its_numbers_are_those_of_its_tables(tmp_path, arguments):
    text = written(tmp_path / "report.html", arguments)
    tables = [
        pd.read_csv(io.BytesIO(decode(url)), dtype=str)
        for url in Page(text).addresses
        if url.startswith("data:text/csv")
    ]
    results, training = tables
    assert list(results["test_accuracy"].astype(float)) == list(arguments["results"]["test_accuracy"])
    assert list(training["test_accuracy"].astype(float)) == [r.test_accuracy for r in arguments["records"]]
    assert difference_table(arguments["results"], "none")["verdict"].item() in unescape(text)
    for accuracy in results["test_accuracy"].astype(float):
        assert f"<td>{accuracy:.2%}</td>" in text
    assert f"{arguments['records'][-1].test_accuracy:.1%} of 30 test images" in text
    assert "again" in text


def test_the_same_arguments_give_the_same_page(tmp_path, arguments):
    assert written(tmp_path / "a.html", arguments) == written(tmp_path / "b.html", arguments)


def test_texts_of_others_are_escaped(tmp_path):
    train = replace(random_images(24, NASTY, 32, 32), name="<i>mine</i>", source="<u>here</u>")
    arguments = experiment(tmp_path, train=train, test=train.take(slice(8)), repeat="IMAGES = '</pre><script>'")
    text = written(tmp_path / "report.html", arguments)
    assert not {"b", "i", "u"} & {*Page(text).tags}
    assert Page(text).tags.count("script") == 2
    for part in (*NASTY, "<i>mine</i>", "<u>here</u>", "IMAGES = '</pre><script>'"):
        assert part in unescape(text)


@pytest.mark.parametrize(
    ("height", "width", "classes", "n"),
    [(48, 48, 3, 30), (24, 40, 2, 9), (32, 32, 40, 80), (32, 32, 1, 4), (32, 32, 5, 5)],
)
def test_any_images_do(tmp_path, height, width, classes, n):
    names = tuple(f"class {i}" for i in range(classes))
    train, test = (random_images(n, names, height, width, seed) for seed in (0, 1))
    text = written(tmp_path / "report.html", experiment(tmp_path, train=train, test=test))
    assert f"{width} × {height} pixels" in text
    assert "drawn by lot" in text
    assert text.count("<tr><td>class ") == min(classes, 12)
    assert ("And 28 more, with 2 to 2 training images each." in text) == (classes == 40)


def test_a_class_without_images_is_named(tmp_path):
    train, test = random_images(30, ("a", "b", "c"), 32, 32), random_images(9, ("a", "b", "c"), 32, 32)
    arguments = experiment(tmp_path, train=train, test=test.take(test.labels != 1))
    text = written(tmp_path / "report.html", arguments)
    assert "There is no test image of b." in text
    assert "There is no training image" not in text


def test_a_network_that_has_learned_nothing_is_told_of_class_by_class(tmp_path):
    names = ("a", "b & c", "d")
    train, test = (random_images(n, names, 32, 32, seed) for seed, n in enumerate((30, 60)))
    arguments = experiment(tmp_path, train=train, test=test)
    with torch.no_grad():
        arguments["model"].head.weight.zero_()
        arguments["model"].head.bias.copy_(torch.tensor([0.0, 1.0, 0.0]))
    warning, last = "no better than that on these images", arguments["records"][-1]
    for right, warned in [(19, True), (20, True), (21, False)]:  # 20 of 60 images have the same class
        records = [replace(last, test_accuracy=right / 60)]
        text = written(tmp_path / f"{right}.html", {**arguments, "records": records})
        assert (warning in text) == warned
    assert '<tr><td>a</td><td>10</td><td>20</td><td>0%</td><td class="name">b &amp; c</td></tr>' in text
    assert '<tr><td>b &amp; c</td><td>10</td><td>20</td><td>100%</td><td class="name"></td></tr>' in text


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (ModelConfig(width=4, gamma=1, b=1), "k = 5-5, from γ = 1, b = 1"),
        (ModelConfig(width=4, kernel_size=7), "k = 7-7, as chosen"),
        (ModelConfig(width=4, attention="se"), "of them in the attention"),
    ],
)
def test_the_attention_is_described(tmp_path, config, words):
    arguments = experiment(tmp_path, config)
    text = written(tmp_path / "report.html", arguments)
    assert words in text
    assert ("kernel size" in text) == (config.attention == "eca")
    assert "2 seeds" in text


def test_a_network_without_attention_has_no_gate_to_show(tmp_path):
    text = written(tmp_path / "report.html", experiment(tmp_path, ModelConfig(width=4, attention="none")))
    assert "it has no gate, and so no channel weights" in text
    assert "Nothing is compared" in text
    assert len(Page(text).pictures) == 1 + 2 * 10


def test_without_a_partner_nothing_is_compared(tmp_path):
    assert "Nothing is compared" in written(tmp_path / "report.html", experiment(tmp_path, attentions=("se",)))


def test_one_pair_has_no_interval(tmp_path):
    text = written(tmp_path / "report.html", experiment(tmp_path, seeds=1))
    assert "1 seed cannot show a difference" in text
    assert "it would take" not in text


def test_a_network_that_ignores_its_images_has_white_maps(tmp_path, arguments):
    blind = copy.deepcopy(arguments["model"])
    torch.nn.init.zeros_(blind.head.weight)
    pictures = Page(written(tmp_path / "report.html", {**arguments, "model": blind})).pictures
    maps = [Image.open(io.BytesIO(decode(picture))) for picture in pictures[-1:-20:-2]]
    assert len(maps) == 10
    assert all(len(picture.getcolors()) == 1 and min(picture.getpixel((0, 0))) > 240 for picture in maps)


def test_channel_weights_of_all_classes_are_recorded(tmp_path, monkeypatch):
    """A folder's images lie class after class; the first 500 would be of one class."""
    many = replace(random_images(1200, ("a", "b"), 8, 8), labels=torch.arange(1200) // 600)
    arguments = experiment(tmp_path, train=many.take(slice(0, 1200, 60)), test=many)
    evaluated = []
    monkeypatch.setattr(
        "eca_edu.app.report.evaluate", lambda model, data: (evaluated.append(data), evaluate(model, data))
    )
    assert "Over 500 test images" in written(tmp_path / "report.html", arguments)
    (some,) = evaluated
    assert len(some) == 500
    assert some.labels.bincount().tolist() == [250, 250]


def test_a_page_is_written_whole_or_not_at_all(tmp_path, arguments, monkeypatch):
    path = tmp_path / "report.html"
    path.write_text("old")
    monkeypatch.setattr("eca_edu.app.report.jinja2.Template.render", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_report(path, **arguments)
    assert path.read_text() == "old"
    assert [*tmp_path.iterdir()] == [path]


def test_another_page_is_replaced_only_on_demand(tmp_path, arguments):
    first = written(tmp_path / "report.html", arguments)
    assert written(tmp_path / "report.html", arguments) == first  # the same again is no harm
    other = {**arguments, "repeat": "in another way"}
    with pytest.raises(FileExistsError, match=r"report\.html exists already, and it holds something else"):
        write_report(tmp_path / "report.html", **other)
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == first
    assert "in another way" in written(tmp_path / "report.html", {**other, "overwrite": True})


@pytest.mark.parametrize(
    ("path", "change", "words"),
    [
        ("report.pdf", {}, "path must end in .html"),
        ("report.html", {"records": []}, "records must hold at least one epoch"),
        (
            "report.html",
            {"config": replace(CONFIG, attention="se")},
            "results must hold finished runs of se; got none, eca",
        ),
        ("report.html", {"config": replace(CONFIG, num_classes=3)}, "config must have num_classes=10"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path, arguments, path, change, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        write_report(tmp_path / path, **{**arguments, **change})
    assert [*tmp_path.iterdir()] == []


def test_a_folder_that_cannot_be_made_is_named(tmp_path, arguments):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=r"report\.html cannot be written"):
        write_report(tmp_path / "file" / "report.html", **arguments)
