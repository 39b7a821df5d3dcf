"""Picture files in, an answer for each out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

import clothier
from clothier import bundle
from clothier.data.synthetic import draw_garments
from clothier.errors import ModelError, UnknownNameError, UsageError
from clothier.inference.session import OnnxClassifier
from clothier.metrics import softmax
from clothier.selective.thresholds import Thresholds
from clothier.taxonomy import FASHION_MNIST_CLASSES
from clothier.types import FailedInput, InputSpec, ModelOutput, Prediction
from clothier.workflows.predict import DECODE_BATCH, NO_THRESHOLDS, Model, load, predict

if TYPE_CHECKING:
    from collections.abc import Callable

    from clothier.bundle import Bundle
    from clothier.types import Images

    MakeBundle = Callable[..., Bundle]


class Brightest:
    """Tells a picture's class by its brightest pixel: 50 times the class, plus one."""

    name, classes, input_spec = "brightest", ("Bag", "Coat", "Shirt", "Dress"), InputSpec()

    def __init__(self) -> None:
        self.batches: list[int] = []

    def run(self, images: Images) -> ModelOutput:
        self.batches.append(len(images))
        answers = images.reshape(len(images), -1).max(axis=1) // 50
        logits = np.log(np.array([0.05, 0.15, 0.2, 0.6], np.float32))[(np.arange(4) - answers[:, None] + 3) % 4]
        return ModelOutput(logits, logits)


def draw_image(path: Path, label: int) -> Path:
    """A 28x28 grey picture, black but for one pixel: such a view is taken bit for bit."""
    pixels = np.zeros((28, 28), np.uint8)
    pixels[14, 14] = 50 * label + 1
    Image.fromarray(pixels).save(path)
    return path


def test_one_prediction_per_file(tmp_path: Path) -> None:
    (answer,) = Model(Brightest()).predict([draw_image(tmp_path / "dress.png", 3)])
    assert isinstance(answer, Prediction)
    assert (answer.file, answer.decision, answer.model) == (str(tmp_path / "dress.png"), None, "brightest")
    assert answer.reason == NO_THRESHOLDS
    assert [guess.name for guess in answer.top] == ["Dress", "Shirt", "Coat"]
    np.testing.assert_allclose([guess.probability for guess in answer.top], [0.6, 0.2, 0.15], atol=1e-6)


def test_layout_of_the_json(tmp_path: Path) -> None:
    (answer,) = Model(Brightest()).predict([draw_image(tmp_path / "dress.png", 3)], top=2)
    printed = json.loads(json.dumps(answer.to_json(), allow_nan=False))
    assert list(printed) == ["file", "class", "probability", "top", "decision", "reason", "model"]
    assert (printed["class"], printed["decision"]) == ("Dress", None)
    assert printed["probability"] == pytest.approx(0.6)
    assert [list(guess) for guess in printed["top"]] == [["class", "probability"]] * 2
    assert printed["top"][0] == {"class": printed["class"], "probability": printed["probability"]}


@pytest.mark.parametrize(("top", "named"), [(1, 1), (3, 3), (4, 4), (5, 4), (100, 4)])
def test_top(tmp_path: Path, top: int, named: int) -> None:
    (answer,) = Model(Brightest()).predict([draw_image(tmp_path / "coat.png", 1)], top=top)
    assert isinstance(answer, Prediction)
    assert len(answer.top) == named
    probabilities = [guess.probability for guess in answer.top]
    assert probabilities == sorted(probabilities, reverse=True)


@pytest.mark.parametrize("top", [0, -1])
def test_no_top(top: int) -> None:
    with pytest.raises(UsageError) as caught:
        Model(Brightest()).predict([], top=top)
    assert str(caught.value) == f"top is {top}; 1 or more classes can be named."


def test_one_name_is_no_list_of_names() -> None:
    with pytest.raises(UsageError) as caught:
        Model(Brightest()).predict("shoe.png")
    assert str(caught.value) == "got the one name 'shoe.png'; give a list of files, such as ['shoe.png']."


def test_no_files() -> None:
    assert Model(Brightest()).predict([]) == []


def test_equally_probable_classes_keep_their_order(tmp_path: Path) -> None:
    class Undecided(Brightest):
        classes = tuple(f"class {number}" for number in range(40))  # enough for a sort that shuffles equals

        def run(self, images: Images) -> ModelOutput:
            logits = np.zeros((len(images), 40), np.float32)
            return ModelOutput(logits, logits)

    (answer,) = Model(Undecided()).predict([draw_image(tmp_path / "a.png", 0)], top=40)
    assert isinstance(answer, Prediction)
    assert [guess.name for guess in answer.top] == list(Undecided.classes)


def test_failed_pictures_are_named_and_the_others_go_on(tmp_path: Path) -> None:
    (tmp_path / "words.png").write_text("no picture")
    (tmp_path / "empty.png").touch()
    cut = draw_image(tmp_path / "cut.png", 1).read_bytes()[:-30]
    (tmp_path / "cut.png").write_bytes(cut)
    whole = [draw_image(tmp_path / f"{label}.png", label) for label in range(3)]
    missing = tmp_path / "missing.png"
    files = [missing, whole[2], tmp_path / "words.png", tmp_path / "cut.png", whole[0], tmp_path, whole[1]]
    answers = Model(Brightest()).predict([*files, tmp_path / "empty.png"])
    assert [one.file for one in answers] == [str(one) for one in [*files, tmp_path / "empty.png"]]
    outcomes = [one.code if isinstance(one, FailedInput) else one.top[0].name for one in answers]
    assert outcomes == ["not-found", "Shirt", "not-a-picture", "truncated", "Bag", "not-readable", "Coat", "empty"]
    assert answers[0].to_json() == {
        "file": str(missing),
        "error": {"code": "not-found", "message": f"{missing} does not exist. Check the path."},
    }


def test_a_batch_of_failures_only_asks_no_model(tmp_path: Path) -> None:
    model = Brightest()
    answers = Model(model).predict([tmp_path / "none"] * 3)
    assert [isinstance(one, FailedInput) for one in answers] == [True] * 3
    assert model.batches == []


def test_batches_keep_every_answer_with_its_file(tmp_path: Path) -> None:
    labels = [place % 4 for place in range(2 * DECODE_BATCH + 5)]
    four = [draw_image(tmp_path / f"{label}.png", label) for label in range(4)]
    files = [tmp_path / "missing" if place % 10 == 3 else four[label] for place, label in enumerate(labels)]
    told: list[tuple[str, float, float, str]] = []

    def progress(task: str, done: float, total: float, note: str = "") -> None:
        told.append((task, done, total, note))

    model = Brightest()
    answers = Model(model).predict(files, progress=progress)
    for place, (label, answer) in enumerate(zip(labels, answers, strict=True)):
        if place % 10 == 3:
            assert isinstance(answer, FailedInput)
        else:
            assert isinstance(answer, Prediction)
            assert answer.top[0].name == Brightest.classes[label]
    assert told == [("predict", done, len(files), "") for done in (DECODE_BATCH, 2 * DECODE_BATCH, len(files))]
    assert sum(model.batches) == sum(isinstance(one, Prediction) for one in answers)
    assert max(model.batches) <= DECODE_BATCH


def test_files_as_the_user_named_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw_image(tmp_path / "a.png", 0)
    monkeypatch.chdir(tmp_path)
    assert [one.file for one in Model(Brightest()).predict(["./a.png", Path("a.png"), "../none"])] == [
        "./a.png",
        "a.png",
        "../none",
    ]


def test_the_probabilities_are_those_of_the_bundle(tmp_path: Path, tiny_bundle: MakeBundle) -> None:
    saved = tiny_bundle(tmp_path / "tiny")
    images = draw_garments(6, seed=3).images
    files = [tmp_path / f"{place}.png" for place in range(len(images))]
    for file, image in zip(files, images, strict=True):
        Image.fromarray(image).save(file)
    expected = softmax(OnnxClassifier(saved).run(images).logits)
    for answer, row in zip(predict(files, model=str(saved.path), top=10), expected, strict=True):
        assert isinstance(answer, Prediction)
        assert answer.model == "tiny"
        assert [guess.name for guess in answer.top] == [FASHION_MNIST_CLASSES[place] for place in np.argsort(-row)]
        np.testing.assert_allclose([guess.probability for guess in answer.top], np.sort(row)[::-1], atol=1e-6)
        assert sum(guess.probability for guess in answer.top) == pytest.approx(1)


def test_load(tmp_path: Path, tiny_bundle: MakeBundle) -> None:
    saved = tiny_bundle(tmp_path / "tiny")
    model = load(str(saved.path))
    outputs = model.run(draw_garments(3, seed=0).images)
    assert (outputs.logits.shape, outputs.embeddings.shape) == ((3, 10), (3, 16))
    assert model.classifier.name == "tiny"


def test_load_and_predict_are_public() -> None:
    assert (clothier.load, clothier.predict) == (load, predict)


def test_no_such_model() -> None:
    with pytest.raises(UnknownNameError, match="'shoes' is not a model or run folder"):
        load("shoes")
    with pytest.raises(ModelError, match="there is no folder runs/none"):
        predict(["a.png"], model="runs/none")


def test_an_unknown_input_kind(tmp_path: Path) -> None:
    class Infrared(Brightest):
        input_spec = InputSpec("infrared28")

    with pytest.raises(UnknownNameError) as caught:
        Model(Infrared()).predict([draw_image(tmp_path / "a.png", 0)])
    assert str(caught.value) == "'infrared28' is not a view of a picture; known: fashion_mnist, center_crop."


COLORS = {"dress": (230, 20, 20), "hat": (20, 20, 230), "boot": (20, 230, 20)}


@pytest.fixture
def photo(tmp_path: Path, colour_bundle: MakeBundle, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of shipped bundles, with a model called ``photo`` among them, and thresholds in it."""
    for name in ("fashion-cnn", "fashion-dnn"):
        (tmp_path / "shipped" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "shipped" / name).symlink_to(bundle.BUNDLED_DIR / name)
    colour_bundle(tmp_path / "shipped" / "photo", COLORS, thresholds=Thresholds(min_probability=0.9).to_json())
    monkeypatch.setattr(bundle, "BUNDLED_DIR", tmp_path / "shipped")
    return tmp_path / "shipped" / "photo"


def save_photo(path: Path, colour: tuple[int, int, int]) -> Path:
    Image.new("RGB", (60, 40), colour).save(path)
    return path


def test_decisions_with_their_reasons(tmp_path: Path, photo: Path) -> None:
    sure, unsure = save_photo(tmp_path / "a.png", (230, 20, 20)), save_photo(tmp_path / "b.png", (128, 20, 128))
    first, second = (one for one in predict([sure, unsure], model="photo") if isinstance(one, Prediction))
    assert (first.decision, first.top[0].name, first.model) == ("accept", "dress", "photo")
    assert "from where tags are accepted without a promise" in first.reason
    assert second.decision == "review"


def test_a_fashion_mnist_image_goes_to_the_fallback_model(tmp_path: Path, photo: Path) -> None:
    grey = tmp_path / "grey.png"
    Image.fromarray(draw_garments(1, seed=0).images[0]).save(grey)
    files = [save_photo(tmp_path / "a.png", (230, 20, 20)), grey, save_photo(tmp_path / "c.png", (20, 20, 230))]
    answers = [one for one in load("photo").predict(files) if isinstance(one, Prediction)]
    assert [one.model for one in answers] == ["photo", "fashion-cnn", "photo"]
    assert [one.file for one in answers] == [str(file) for file in files]
    assert answers[1].reason == (
        f"a 28x28 grey picture is Fashion-MNIST's view, so fashion-cnn answers for photo; {NO_THRESHOLDS}"
    )
    (alone,) = predict([grey], model="fashion-cnn")
    assert isinstance(alone, Prediction)
    assert (alone.top, alone.reason) == (answers[1].top, NO_THRESHOLDS)


def test_only_the_shipped_photo_model_has_a_fallback(tmp_path: Path, photo: Path) -> None:
    grey = tmp_path / "grey.png"
    Image.fromarray(draw_garments(1, seed=0).images[0]).save(grey)
    (answer,) = predict([grey], model=str(photo))
    assert isinstance(answer, Prediction)
    assert answer.model == "photo"
    assert "Fashion" not in answer.reason


def test_a_company_s_codes(tmp_path: Path, photo: Path) -> None:
    codes = tmp_path / "own.toml"
    codes.write_text('[codes]\ndress = "D-1"\nhat = "H"\nboot = "H"\n')
    grey = tmp_path / "grey.png"
    Image.fromarray(draw_garments(1, seed=0).images[0]).save(grey)
    files = [save_photo(tmp_path / "a.png", (230, 20, 20)), save_photo(tmp_path / "b.png", (20, 230, 20)), grey]
    answers = [one.to_json() for one in predict(files, model="photo", taxonomy=codes)]
    assert [one.get("code") for one in answers] == ["D-1", "H", None]
    assert "code" not in predict(files[:1], model="photo")[0].to_json()


def test_inputs_are_saved(tmp_path: Path, photo: Path) -> None:
    for folder in ("x", "y"):
        (tmp_path / folder).mkdir()
    files = [save_photo(tmp_path / folder / "a.png", (230, 20, 20)) for folder in ("x", "y")]
    answers = predict([*files, tmp_path / "none.jpg"], model="photo", save_inputs=tmp_path / "seen")
    assert [one.to_json().get("input_file") for one in answers] == [
        str(tmp_path / "seen/a.png"),
        str(tmp_path / "seen/a-2.png"),
        None,
    ]
    with Image.open(tmp_path / "seen/a.png") as kept:
        assert kept.size == (16, 16)
