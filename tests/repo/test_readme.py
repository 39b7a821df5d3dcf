"""The examples of the README and the guides run, and print what the documents show, but for the numbers."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from clothier.catalogue.rules import thresholds_digest
from clothier.inference import load
from clothier.report.limitations import error_fraction_within
from clothier.taxonomy import UPPER_BODY_CLASSES
from tests.synthetic import write_synthetic_dataset
from tools.doc_examples import DOCUMENTS, ROOT, Example, examples, updated

if TYPE_CHECKING:
    from pathlib import Path

README = (ROOT / "README.md").read_text(encoding="utf-8")
EXAMPLES = [(path, one) for path in DOCUMENTS for one in examples(path.read_text(encoding="utf-8"))]


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small data set in place of Fashion-MNIST, which is not fetched for this."""
    folder = tmp_path_factory.mktemp("drawn")
    write_synthetic_dataset(folder, train=20, test=40)
    return folder


@pytest.mark.parametrize(
    ("path", "example"), EXAMPLES, ids=[f"{path.name}: {one.source.splitlines()[0]}" for path, one in EXAMPLES]
)
def test_an_example_prints_what_the_document_shows(path: Path, example: Example, drawn: Path) -> None:
    needs_data = example.source.startswith("clothier evaluate") and "--data" not in example.source
    actual = example.run(["--data", str(drawn), "--any-idx"] if needs_data else [])
    assert example.shape(actual) == example.shape(example.output), f"{path.name} is out of date; run: make examples"


def test_the_readme_and_the_quick_start_show_predict_python_evaluate_and_doctor() -> None:
    shown = {(path.name, one.source.split()[1] if one.is_command else "python") for path, one in EXAMPLES}
    assert shown >= {("README.md", "predict"), ("README.md", "python")}
    assert shown >= {("quickstart.md", name) for name in ("doctor", "predict", "python", "evaluate")}


def test_the_readme_is_short_and_tells_at_once_how_to_install() -> None:
    lines = README.splitlines()
    assert len(lines) <= 120
    assert any(line.startswith("make run") for line in lines[:25])


def test_the_answer_of_the_server_is_that_of_the_model() -> None:
    """Probabilities may differ a little between CPUs."""
    page = (ROOT / "docs/serve.md").read_text(encoding="utf-8")
    model = load("photo")
    (found,) = model.predict([ROOT / "examples/dress.jpg"])
    assert f'"digest": "{model.digest[:8]}...", "thresholds": "{thresholds_digest(model)}"' in page
    numbers = r'"file": "dress.jpg", "class": "dress", "probability": (0.\d+).*?"reason": "Review: ([\d.]+) %.*?'
    probability, percent, share = re.search(rf'{numbers}"share": (0.\d+)', page, re.DOTALL).groups()
    expected = [found.top[0].probability, found.colors[0].share]
    assert [float(probability), float(share)] == pytest.approx(expected, abs=0.01)
    assert float(percent) == pytest.approx(100 * float(probability), abs=0.05)


@pytest.mark.parametrize("name", ["photo", "fashion-cnn", "fashion-dnn"])
def test_the_table_of_models_is_that_of_their_cards(name: str) -> None:
    folder = ROOT / "src" / "clothier" / "bundles" / name
    card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    metrics = card["metrics"]["baseline_comparison"]["model"] if name == "photo" else card["metrics"]["test"]
    size = sum(file.stat().st_size for file in folder.iterdir()) / 1e6
    cells = re.search(rf"^\| `{name}` \|.*$", README, re.MULTILINE)[0].split(" | ")
    assert cells[2:5] == [str(len(card["classes"])), f"{card['parameters']:,}", f"{size:.1f} MB"]
    assert cells[5].startswith(f"{metrics['accuracy']:.2%}".replace("%", " %"))


@pytest.mark.parametrize("name", ["fashion-cnn", "fashion-dnn"])
def test_the_fraction_of_error_fraction_within_tops_is_that_of_the_cards(name: str) -> None:
    folder = ROOT / "src" / "clothier" / "bundles" / name
    evaluation = json.loads((folder / "card.json").read_text(encoding="utf-8"))["metrics"]["test"]
    assert f"{error_fraction_within(evaluation, UPPER_BODY_CLASSES):.0%}".replace("%", f" % (`{name}`)") in README


def test_the_screenshots_are_small() -> None:
    images = [ROOT / link for link in re.findall(r"!\[[^]]*]\((\S+)\)", README)]
    assert len(images) == 3
    assert sum(image.stat().st_size for image in images) < 300_000


DOCUMENT = """
```console
$ clothier --version
old
```

<!-- not run -->
```console
$ clothier study
kept
```

```python
print("new")
```

```text
old
```
"""


def test_examples_are_found_run_and_updated() -> None:
    assert [one.source for one in examples(DOCUMENT)] == ["clothier --version", 'print("new")\n']
    text = updated(DOCUMENT)
    assert "old" not in text
    assert "kept" in text
    assert "```text\nnew\n```" in text


def test_numbers_may_differ_and_words_may_not() -> None:
    example = Example("clothier predict", "", is_command=True)
    assert example.shape(" boot  99.5 % ━━━━ accept") == example.shape("boot 8.0 %  ━  accept\n")
    assert example.shape("boot 99.5 % accept") != example.shape("boot 99.5 % reject")
