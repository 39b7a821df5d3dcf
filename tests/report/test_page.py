"""The page is self-contained and shows the metrics that it was given, and no others."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import jinja2
import numpy as np
import pytest

from clothier.report import reference_study
from clothier.report.page import jinja_env, model_card, render_exploration, render_run, render_study
from clothier.report.sections import ComparisonSection, DataSection, ModelSection, Provenance
from clothier.types import ClassScore, FailedInput

from .conftest import plain

ROOT = Path(__file__).parents[2]
MEASURE = """
function measure(frame) {
  const page = frame.contentDocument;
  const sizes = [...page.querySelectorAll("figure svg text")].map((text) => {
    const { b, d } = text.getScreenCTM();
    return parseFloat(frame.contentWindow.getComputedStyle(text).fontSize) * Math.hypot(b, d);
  });
  document.title = `${page.documentElement.scrollWidth} ${Math.min(...sizes).toFixed(2)}`;
}
"""  # the width of the page, and the height of the smallest text in a figure, pixels
VOID = {"meta", "link", "img", "br", "hr", "image", "use", "path", "rect"}
Models = tuple[ModelSection, ModelSection]


class Page(HTMLParser):
    """The page's elements as (tag, attributes), its text, and whether every element was closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.text = re.sub(r"\s+", " ", " ".join(self.words))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def all(self, *tags: str) -> list[dict[str, str]]:
        return [attributes for tag, attributes in self.elements if tag in tags]


@pytest.fixture(scope="module")
def study(data: DataSection, models: Models, comparison_section: ComparisonSection, provenance: Provenance) -> str:
    return render_study(data, models, [comparison_section], provenance)


@pytest.fixture(scope="module")
def page(study: str) -> Page:
    return Page(study)


def test_the_page_makes_no_network_requests(study: str, page: Page) -> None:
    for tag, attributes in page.elements:
        links = {"https://"} if tag == "a" else set()  # followed by a click only
        for name in ("src", "href", "xlink:href", "srcset", "data", "action"):
            assert attributes.get(name, "#").startswith(("#", "data:image/png;base64,", *links))
    assert not page.all("script", "link", "iframe", "object")
    assert "@import" not in study
    assert "@font-face" not in study
    assert not re.search(r"url\((?!#)", study)


def test_an_exploration_has_its_own_page(data: DataSection, provenance: Provenance) -> None:
    text = render_exploration(replace(data, remarks=("One <file> was left out.",)), "64 dimensions", provenance)
    found = Page(text)
    assert not found.open
    assert "64 dimensions" in found.text
    assert "One <file> was left out." in found.text
    for section in data.sections:
        assert {"href": f"#data-{section.name}"} in found.all("a")
        assert plain(section.text) in found.text
    assert "No map is drawn." in found.text
    assert len(found.all("figure")) == len(data.figures)
    assert "Some labels are wrong" in found.text
    assert "One run, one seed" not in found.text  # there is no run here
    assert not [attributes for attributes in found.all("article") if attributes.get("class") == "score"]


def test_other_data_have_no_known_limitations(data: DataSection, provenance: Provenance) -> None:
    assert "Limitations" not in Page(render_exploration(replace(data, name="mine", sections=()), "x", provenance)).text


def test_a_study_shows_every_chapter_of_the_data(page: Page, data: DataSection) -> None:
    for section in data.sections:
        assert {"id": f"data-{section.name}"} in page.all("h3")
        assert plain(section.text) in page.text


def test_each_kind_of_network_and_each_term_is_explained(
    models: Models, data: DataSection, provenance: Provenance
) -> None:
    text = Page(render_run(models[0], "mine", provenance)).text
    assert "A fully connected network. It sees an image as a list of numbers" in text
    for term in ("Macro F1", "NLL", "Brier", "TTA", "± (standard error)"):
        assert f" {term} " in text[text.index("What the terms mean") :]
    own = replace(models[0], recipe={"network": {"kind": "MyNet"}})
    assert "fully connected" not in Page(render_run(own, "mine", provenance)).text
    exploration, run = render_exploration(data, "x", provenance), render_run(models[0], "Fashion-MNIST", provenance)
    assert ("Trustworthiness" in exploration, "Macro F1" in exploration) == (True, False)
    assert ("Trustworthiness" in run, "Macro F1" in run) == (False, True)


def test_the_page_is_the_same_each_time(models: Models, provenance: Provenance) -> None:
    assert render_run(models[0], "mine", provenance) == render_run(models[0], "mine", provenance)


def test_every_element_closes_and_every_id_is_unique(page: Page) -> None:
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert page.open == []
    assert len(ids) == len(set(ids))


def test_every_link_has_a_target(study: str, page: Page) -> None:
    ids = {attributes["id"] for _, attributes in page.elements if "id" in attributes}
    inner = [link["href"] for link in page.all("a") if not link["href"].startswith("https://")]
    assert {href[1:] for href in inner} <= ids
    assert set(re.findall(r"url\(#([^)]+)\)", study)) <= ids


def test_every_figure_has_a_title_and_a_description(page: Page, data: DataSection, models: Models) -> None:
    count = len(data.figures) + sum(len(model.figures) for model in models) + 4
    assert len(page.all("figure")) == len(page.all("figcaption")) == count
    figures = [attributes for attributes in page.all("svg") if "role" in attributes]
    assert len(figures) == count
    assert all(len(attributes["aria-label"]) > 20 for attributes in figures)


def test_heading_levels_are_not_skipped(page: Page) -> None:
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert max(np.diff(levels)) == 1


def test_table_headers_have_a_scope(page: Page) -> None:
    assert page.all("th")
    assert all(attributes.get("scope") in {"col", "row"} for attributes in page.all("th"))


def test_the_headline_names_the_best_model_first(page: Page, models: Models) -> None:
    dnn, cnn = (f"{100 * model.metrics['test']['accuracy']:.1f}\N{NO-BREAK SPACE}%" for model in models)
    headline = f"The CNN classifies {cnn} of the unseen images correctly; the DNN {dnn}"
    assert page.words.count(headline) == 1
    assert page.words.count(f"{headline} · Clothier") == 1
    sections = [attributes["id"] for attributes in page.all("section")]
    assert sections == ["limitations", "data", "model-1", "model-2", "comparison-1", "reference-study", "reproduce"]


def test_an_accuracy_has_its_error_its_protocol_and_its_machine(page: Page, models: Models) -> None:
    for model in models:
        test = model.metrics["test"]
        assert f"{100 * test['accuracy']:.2f}\N{NO-BREAK SPACE}%".replace("\N{NO-BREAK SPACE}", " ") in page.text
        assert f"± {100 * test['standard_error']:.2f}" in page.text
    for fact in ("80 test images", "12,682", "5 min 3 s", "A Processor, 2 cores", "the last epoch was kept"):
        assert fact in page.text
    assert "clothier study --preset fast --seed 7" in page.text
    assert "ab" * 32 in page.text


def test_what_was_not_measured_is_not_shown(page: Page, models: Models, provenance: Provenance) -> None:
    assert "test-time augmentation" not in page.text
    model = models[0]
    augmented = {**model.metrics, "test": {**model.metrics["test"], "accuracy_tta": 0.9512}, "validation": None}
    text = Page(render_run(replace(model, metrics=augmented, history=(), recipe={}), "Fashion-MNIST", provenance)).text
    assert "95.12 % with test-time augmentation" in text
    assert "test 80" in text
    assert "validation 80" not in text
    assert "All epochs" not in text
    assert "Recipe of" not in text


def test_a_run_whose_test_set_was_not_read_shows_validation(models: Models, provenance: Provenance) -> None:
    unread = replace(models[0], metrics={**models[0].metrics, "test": None})
    assert "80 validation images" in Page(render_run(unread, "Fashion-MNIST", provenance)).text


def test_the_reference_study_is_compared(page: Page, models: Models) -> None:
    assert "88.50 % ± 0.32" in page.text
    assert "89.70 % ± 0.30" in page.text
    shirt = next(score for score in models[0].metrics["test"]["per_class"] if score["class"] == "Shirt")
    assert f"Shirt > 0.9 0.70 {shirt['f1']:.2f}" in page.text
    assert "a study by Geetesh Challur, Karan Saraswat and Venkat Pitta" in page.text
    assert {"href": "https://github.com/geeteshCh/FashionMNIST_Classification"} in page.all("a")
    ratio = models[0].metrics["parameters"] / 12_682
    assert f"Our DNN has {ratio:.3g} times the parameters" in page.text
    assert "88.16 % for its DNN and 90.17 % for its CNN" in page.text


def test_the_results_of_the_reference_recipes_are_those_of_the_benchmark() -> None:
    rows = json.loads((ROOT / "benchmarks/results/presets.json").read_text(encoding="utf-8"))["rows"]
    measured = {row["name"]: row for row in rows}
    for model, accuracy in reference_study.CLASSIC_ACCURACY.items():
        row = measured[f"{model} classic"]
        assert accuracy == pytest.approx(row["accuracy"], abs=5e-5)
        assert row["n"] == reference_study.CLASSIC_SEEDS


def test_the_layers_of_a_network_are_listed(models: Models, provenance: Provenance) -> None:
    layers = [{"layer": "Conv2d 3x3", "output": [16, 26, 26], "parameters": 144}]
    model = replace(models[0], metrics={**models[0].metrics, "layers": layers})
    text = Page(render_run(model, "mine", provenance)).text
    assert "Conv2d 3x3 16 x 26 x 26 144" in text
    assert "Layers of the" not in Page(render_run(models[0], "mine", provenance)).text


def test_other_data_have_neither_its_limitations_nor_the_reference_study(
    data: DataSection, models: Models, comparison_section: ComparisonSection, provenance: Provenance
) -> None:
    other = replace(data, name="Kuzushiji", sections=())
    text = Page(render_study(other, models, [comparison_section], provenance)).text
    assert "White garments" not in text
    assert "reference study" not in text
    assert "There is no “none of these”" in text


def test_one_model_alone_makes_a_study(data: DataSection, models: Models, provenance: Provenance) -> None:
    text = Page(render_study(replace(data, sections=()), models[1:], [], provenance)).text
    assert "McNemar" not in text
    assert "F1 of the DNN" not in text


def test_names_cannot_break_the_page(models: Models, provenance: Provenance) -> None:
    model = models[0]
    scores = [ClassScore("<script>alert(1)</script>", 0.5, 0.5, 0.5, 80).to_json()] * 10
    test = {**model.metrics["test"], "per_class": scores}
    nasty = replace(model, name="<b>DNN</b>", metrics={**model.metrics, "test": test})
    found = Page(render_run(nasty, "a <i>set</i>", provenance))
    assert not found.all("script", "b", "i")
    assert "<script>alert(1)</script>" in found.text


@pytest.mark.parametrize("name", ["a\x1b[31mb", "caf\udce9", "null\0", "\u202egnp"])
def test_names_that_cannot_be_shown_are_escaped(models: Models, provenance: Provenance, name: str) -> None:
    scores = [ClassScore(name, 0.5, 0.5, 0.5, 80).to_json()] * 10
    odd = replace(models[0], metrics={**models[0].metrics, "test": {**models[0].metrics["test"], "per_class": scores}})
    page = render_run(odd, name, replace(provenance, command=f"clothier train --data {name!r}"))
    assert page.encode()
    assert name not in page
    assert name.encode("unicode_escape").decode() in page


def test_classes_without_an_image_are_counted_and_not_scored(models: Models, provenance: Provenance) -> None:
    test = models[0].metrics["test"]
    gone = [*test["per_class"][:9], ClassScore("Ghost", 0, 0, 0, 0).to_json()]
    model = replace(models[0], metrics={**models[0].metrics, "test": {**test, "per_class": gone}, "validation": None})
    text = Page(render_run(model, "mine", provenance)).text
    assert "Macro F1, 9 of 10 classes" in text
    assert "Ghost \N{EN DASH} \N{EN DASH} \N{EN DASH} 0" in text
    assert "weakest at Ghost" not in text
    whole = Page(render_run(models[0], "mine", provenance)).text
    assert "DNN, all classes" in whole
    card = model_card(model, "mine", provenance)
    assert "which show 9 of the 10 classes; macro F1 is over these:" in card
    assert "| Ghost | - | - | - | 0 |" in card


def test_a_run_has_its_own_page(models: Models, provenance: Provenance) -> None:
    found = Page(render_run(models[0], "Fashion-MNIST", provenance))
    assert "one run · Fashion-MNIST" in found.text
    assert len(found.all("figure")) == len(models[0].figures)
    assert "network.kind" in found.text
    assert "pca-mlp" in found.text


def test_a_photo_model_shows_its_baseline_and_its_guarantee(
    photo_model_section: ModelSection, models: Models, provenance: Provenance
) -> None:
    text = Page(render_run(photo_model_section, "photos", provenance)).text
    assert "Compared with the baseline, means of 2 folds" in text
    assert "at most 5.0 % of those on photos of the classes are wrong, with 95 % confidence" in text
    assert "none of the classes (12 photos)" in text
    assert "The guarantee also holds for Dress alone." in text
    for figure in ("81.23", "90.46", "3.3"):
        assert figure in text
    assert "the more, the fewer images there are" in text
    assert "Compared with the baseline" not in Page(render_run(models[0], "Fashion-MNIST", provenance)).text


def test_files_that_were_left_out_are_listed(photo_model_section: ModelSection, provenance: Provenance) -> None:
    failures = [FailedInput(f"{n}.jpg", "empty", f"{n}.jpg is empty.").to_json() for n in range(60)]
    data = {**photo_model_section.metrics["data"], "failures": failures, "warnings": ["No group column."]}
    model = replace(photo_model_section, metrics={**photo_model_section.metrics, "data": data})
    card = model_card(model, "photos", provenance)
    for text in (Page(render_run(model, "photos", provenance)).text, card):
        assert "49.jpg is empty." in text
        assert "50.jpg is empty." not in text
        assert "All are in metrics.json." in text
        assert "No group column." in text
        assert "'error'" not in text
    assert "Files left out: 60." in card


def test_a_missing_metric_is_an_error(models: Models, provenance: Provenance) -> None:
    gap = {name: value for name, value in models[0].metrics.items() if name != "parameters"}
    with pytest.raises((jinja2.UndefinedError, TypeError)):
        render_run(replace(models[0], metrics=gap), "Fashion-MNIST", provenance)


def test_an_undefined_name_is_an_error() -> None:
    with pytest.raises(jinja2.UndefinedError, match="'name' is undefined"):
        jinja_env().from_string("{{ name }}").render()


def test_html_is_escaped_and_numbers_are_formatted() -> None:
    page = jinja_env().from_string("{{ name }}: {{ n | number }}").render(name="<b>bag", n=70_000)
    assert page == "&lt;b&gt;bag: 70,000"


@pytest.mark.slow
@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_fits_a_phone_and_a_desk(study: str, tmp_path: Path, width: int) -> None:
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no Chromium on this machine: install the package `chromium` to run this test")
    (tmp_path / "report.html").write_text(study)
    (tmp_path / "frame.html").write_text(
        f"<script>{MEASURE}</script>"
        f'<iframe src="report.html" style="width:{width}px;height:900px;border:0" onload="measure(this)"></iframe>'
    )
    flags = [
        "--headless",
        "--hide-scrollbars",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--no-first-run",
    ]
    flags += ["--disable-component-update", "--disable-sync", "--allow-file-access-from-files"]
    command = [browser, *flags, f"--user-data-dir={tmp_path}/profile", "--virtual-time-budget=3000", "--dump-dom"]
    shown = subprocess.run(
        [*command, (tmp_path / "frame.html").as_uri()], capture_output=True, text=True, timeout=120, check=True
    ).stdout
    title = re.search("<title>([0-9]+) ([0-9.]+)</title>", shown)
    assert title, shown[-2000:]
    assert int(title[1]) <= width
    assert float(title[2]) >= 11, "pixels of the smallest text in a figure"
