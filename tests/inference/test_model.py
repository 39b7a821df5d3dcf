"""The public model: predictions of files, decisions, the fallback model, and the bundle's calibration."""

from __future__ import annotations

import io
import json
import re
import resource
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

import clothier
from clothier import bundle
from clothier.bundle import OOD_FILE, TRAINING_HASHES_FILE
from clothier.data.fingerprints import dhash, to_bytes
from clothier.errors import ModelError, UnknownNameError, UsageError
from clothier.inference import Model, load
from clothier.inference.loading import open_model
from clothier.inference.model import DECODE_BATCH, NO_THRESHOLDS
from clothier.inference.session import OnnxClassifier
from clothier.metrics import softmax
from clothier.selective.decisions import decide
from clothier.selective.ood import fit_ood_scorer
from clothier.selective.thresholds import Thresholds
from clothier.taxonomy import FASHION_MNIST_CLASSES
from clothier.types import FailedInput, InputSpec, Prediction
from clothier.workflows.predict import predict
from tests.fakes import FakeClassifier
from tests.synthetic import draw_garments

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from clothier.bundle import Bundle
    from clothier.types import Classifier, Images

    MakeBundle = Callable[..., Bundle]


FOUR = ("Bag", "Coat", "Shirt", "Dress")


def brightest_pixel_logits(images: Images) -> npt.NDArray[np.float32]:
    """The class is the brightest pixel of an image, divided by 50."""
    labels = images.reshape(len(images), -1).max(axis=1) // 50
    return np.log(np.array([0.05, 0.15, 0.2, 0.6], np.float32))[(np.arange(4) - labels[:, None] + 3) % 4]


@pytest.fixture
def classifier() -> FakeClassifier:
    return FakeClassifier(brightest_pixel_logits, FOUR, "brightest")


@pytest.fixture
def model(classifier: FakeClassifier) -> Model:
    return Model(classifier)


def draw_image(path: Path, label: int) -> Path:
    """A black 28x28 grayscale image with one pixel: such an image is the input of a Fashion-MNIST model as it is."""
    pixels = np.zeros((28, 28), np.uint8)
    pixels[14, 14] = 50 * label + 1
    Image.fromarray(pixels).save(path)
    return path


def test_one_prediction_per_file(tmp_path: Path, model: Model) -> None:
    (found,) = model.predict([draw_image(tmp_path / "dress.png", 3)])
    assert isinstance(found, Prediction)
    assert (found.file, found.decision, found.model) == (str(tmp_path / "dress.png"), None, "brightest")
    assert found.reason == NO_THRESHOLDS
    assert [one.name for one in found.top] == ["Dress", "Shirt", "Coat"]
    np.testing.assert_allclose([one.probability for one in found.top], [0.6, 0.2, 0.15], atol=1e-6)


def test_layout_of_the_json(tmp_path: Path, model: Model) -> None:
    (found,) = model.predict([draw_image(tmp_path / "dress.png", 3)], top=2)
    printed = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert list(printed) == ["file", "class", "probability", "top", "decision", "reason", "model"]
    assert (printed["class"], printed["decision"]) == ("Dress", None)
    assert printed["probability"] == pytest.approx(0.6)
    assert [list(one) for one in printed["top"]] == [["class", "probability"]] * 2
    assert printed["top"][0] == {"class": printed["class"], "probability": printed["probability"]}


@pytest.mark.parametrize(("top", "named"), [(1, 1), (3, 3), (4, 4), (5, 4), (100, 4)])
def test_top(tmp_path: Path, model: Model, top: int, named: int) -> None:
    (found,) = model.predict([draw_image(tmp_path / "coat.png", 1)], top=top)
    assert isinstance(found, Prediction)
    probabilities = [one.probability for one in found.top]
    assert len(probabilities) == named
    assert probabilities == sorted(probabilities, reverse=True)


@pytest.mark.parametrize("top", [0, -1, 1.5, "2", None])
def test_invalid_top(model: Model, top: Any) -> None:
    with pytest.raises(UsageError, match=f"top is {top!r}"):
        model.predict([], top=top)


def test_names_that_are_no_paths(model: Model, tmp_path: Path) -> None:
    """Each fails alone; of an option, the call is refused."""
    empty, url, path = model.predict(["", "https://shop.example/shoe.jpg", Path("https://shop.example/shoe.jpg")])
    assert isinstance(empty, FailedInput)
    assert empty.code == "not-found"
    assert "is empty" in empty.message
    for one in (url, path):
        assert isinstance(one, FailedInput)
        assert one.message.startswith("https://shop.example/shoe.jpg is a URL")
    for name in ("save_inputs", "taxonomy"):
        for value in ("", "https://shop.example/x"):
            with pytest.raises(UsageError, match=r"is empty|is a URL"):
                model.predict([tmp_path / "none.jpg"], **{name: value})


@pytest.mark.parametrize("files", ["shoe.png", Path("shoe.png"), b"shoe.png"])
def test_a_single_name_is_refused(model: Model, files: Any) -> None:
    with pytest.raises(UsageError, match=r"single name .*shoe\.png.*pass a list of files"):
        model.predict(files)


@pytest.mark.parametrize("files", [None, 3, [None], [np.zeros((28, 28))], [b"shoe.png"]])
def test_what_is_no_list_of_names_is_refused(model: Model, files: Any) -> None:
    with pytest.raises(UsageError, match="among the files"):
        model.predict(files)


def test_generators_and_sets_of_names(tmp_path: Path, model: Model) -> None:
    file = draw_image(tmp_path / "a.png", 1)
    for files in ((one for one in [file]), {str(file)}, tmp_path.glob("*.png")):
        assert [one.file for one in model.predict(files)] == [str(file)]


def test_paths_as_text(tmp_path: Path, model: Model) -> None:
    file, codes = draw_image(tmp_path / "a.png", 1), tmp_path / "codes.toml"
    codes.write_text("[codes]\n" + "".join(f'{name} = "{name}"\n' for name in FOUR))
    (found,) = model.predict([file], taxonomy=str(codes), save_inputs=str(tmp_path / "inputs"))
    assert isinstance(found, Prediction)
    assert (found.code, found.input_file) == (found.top[0].name, str(tmp_path / "inputs/a.png"))


def test_no_files(model: Model) -> None:
    assert model.predict([]) == []


def test_equally_probable_classes_keep_their_order(tmp_path: Path) -> None:
    classes = tuple(f"class {number}" for number in range(40))  # enough for an unstable sort to shuffle them
    model = Model(FakeClassifier(lambda images: np.zeros((len(images), 40)), classes))
    (found,) = model.predict([draw_image(tmp_path / "a.png", 0)], top=40)
    assert isinstance(found, Prediction)
    assert [one.name for one in found.top] == list(classes)


def test_failed_files_are_reported_and_the_others_continue(tmp_path: Path, model: Model) -> None:
    (tmp_path / "words.png").write_text("no image")
    (tmp_path / "empty.png").touch()
    cut = draw_image(tmp_path / "cut.png", 1).read_bytes()[:-30]
    (tmp_path / "cut.png").write_bytes(cut)
    valid = [draw_image(tmp_path / f"{label}.png", label) for label in range(3)]
    missing = tmp_path / "missing.png"
    files = [missing, valid[2], tmp_path / "words.png", tmp_path / "cut.png", valid[0], tmp_path, valid[1]]
    results = model.predict([*files, tmp_path / "empty.png"])
    assert [one.file for one in results] == [str(one) for one in [*files, tmp_path / "empty.png"]]
    outcomes = [one.code if isinstance(one, FailedInput) else one.top[0].name for one in results]
    assert outcomes == ["not-found", "Shirt", "not-an-image", "truncated", "Bag", "not-readable", "Coat", "empty"]
    error = results[0].to_json()["error"]
    assert error["code"] == "not-found"
    assert str(missing) in error["message"]


def test_the_model_does_not_run_on_a_batch_of_failures(tmp_path: Path, classifier: FakeClassifier) -> None:
    results = Model(classifier).predict([tmp_path / "none"] * 3)
    assert [isinstance(one, FailedInput) for one in results] == [True] * 3
    assert classifier.batches == []


def test_every_prediction_belongs_to_its_file(tmp_path: Path, classifier: FakeClassifier) -> None:
    labels = [index % 4 for index in range(2 * DECODE_BATCH + 5)]
    images = [draw_image(tmp_path / f"{label}.png", label) for label in range(4)]
    files = [tmp_path / "missing" if index % 10 == 3 else images[label] for index, label in enumerate(labels)]
    reported: list[tuple[str, float, float, str]] = []

    def progress(task: str, done: float, total: float, note: str = "") -> None:
        reported.append((task, done, total, note))

    results = Model(classifier).predict(files, progress=progress)
    for index, (label, found) in enumerate(zip(labels, results, strict=True)):
        if index % 10 == 3:
            assert isinstance(found, FailedInput)
        else:
            assert isinstance(found, Prediction)
            assert found.top[0].name == FOUR[label]
    assert reported == [("predict", done, len(files), "") for done in (DECODE_BATCH, 2 * DECODE_BATCH, len(files))]
    assert sum(classifier.batches) == sum(isinstance(one, Prediction) for one in results)
    assert max(classifier.batches) <= DECODE_BATCH


def test_files_are_named_as_the_user_named_them(tmp_path: Path, model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    draw_image(tmp_path / "a.png", 0)
    monkeypatch.chdir(tmp_path)
    assert [one.file for one in model.predict(["./a.png", Path("a.png"), "../none"])] == ["./a.png", "a.png", "../none"]


def test_unknown_input_kind(tmp_path: Path, classifier: FakeClassifier) -> None:
    classifier.input_spec = InputSpec("infrared28")
    with pytest.raises(UnknownNameError, match=r"'infrared28'.*fashion_mnist, center_crop"):
        Model(classifier).predict([draw_image(tmp_path / "a.png", 0)])


def test_probabilities_are_those_of_the_bundle(tmp_path: Path, tiny_bundle: MakeBundle) -> None:
    saved = tiny_bundle(tmp_path / "tiny")
    images = draw_garments(6, seed=3).images
    files = [tmp_path / f"{index}.png" for index in range(len(images))]
    for file, image in zip(files, images, strict=True):
        Image.fromarray(image).save(file)
    expected = softmax(OnnxClassifier(saved).run(images).logits)
    for found, row in zip(predict(files, model=str(saved.path), top=10).predictions, expected, strict=True):
        assert isinstance(found, Prediction)
        assert found.model == "tiny"
        assert [one.name for one in found.top] == [FASHION_MNIST_CLASSES[index] for index in np.argsort(-row)]
        np.testing.assert_allclose([one.probability for one in found.top], np.sort(row)[::-1], atol=1e-6)


def test_a_loaded_model_is_a_classifier(tmp_path: Path, tiny_bundle: MakeBundle) -> None:
    saved = tiny_bundle(tmp_path / "tiny")
    model: Classifier = load(saved.path)
    outputs = model.run(draw_garments(3, seed=0).images)
    assert (outputs.logits.shape, outputs.embeddings.shape) == ((3, 10), (3, 16))
    assert (model.name, model.classes, model.input_spec) == ("tiny", FASHION_MNIST_CLASSES, InputSpec())


def test_load_and_predict_are_public() -> None:
    assert (clothier.load, clothier.predict) == (load, predict)


def test_no_such_model() -> None:
    with pytest.raises(UnknownNameError, match="'shoes'"):
        load("shoes")
    with pytest.raises(ModelError, match="runs/none"):
        predict(["a.png"], model="runs/none")


COLORS = {"dress": (230, 20, 20), "hat": (20, 20, 230), "boot": (20, 230, 20)}
IMAGES = np.random.default_rng(0).integers(0, 256, (5, 16, 16, 3), dtype=np.uint8)


def test_without_thresholds_nothing_is_decided(tmp_path: Path, color_bundle: MakeBundle) -> None:
    model = load(color_bundle(tmp_path / "plain", COLORS).path)
    output = model.predict_images(IMAGES)
    assert output.ood_scores is None
    assert model.decide(output) == [None] * 5
    np.testing.assert_array_equal(output.probabilities, softmax(model.run(IMAGES).logits))


def test_with_thresholds_and_ood_scorer(tmp_path: Path, color_bundle: MakeBundle) -> None:
    embeddings = np.random.default_rng(1).normal(0.5, 0.2, (30, 3))
    scorer = fit_ood_scorer(embeddings, np.zeros(30, np.int64), n_components=2)
    thresholds = Thresholds(min_probability=0.7, max_ood=0.5)
    saved = color_bundle(
        tmp_path / "sure", COLORS, extras={OOD_FILE: scorer.to_bytes()}, thresholds=thresholds.to_json()
    )
    model = load(saved.path)
    output = model.predict_images(IMAGES)
    assert output.ood_scores is not None
    assert output.ood_scores.shape == (5,)
    assert model.decide(output) == decide(output.probabilities, output.ood_scores, thresholds, tuple(COLORS))
    assert model.decide(model.predict_images(IMAGES[:0])) == []


def test_damaged_thresholds(tmp_path: Path, color_bundle: MakeBundle) -> None:
    saved = color_bundle(tmp_path / "odd", COLORS, thresholds={"sure": 1})
    with pytest.raises(ModelError, match=r"'sure'.*thresholds"):
        load(saved.path)


@pytest.mark.parametrize(
    "spec", [InputSpec("infrared", 16, 16, 3), InputSpec("center_crop", 16, 17, 3), InputSpec("center_crop", 16, 16, 1)]
)
def test_inputs_that_no_photo_can_be_made_into(tmp_path: Path, color_bundle: MakeBundle, spec: InputSpec) -> None:
    saved = color_bundle(tmp_path / "odd", COLORS)
    with pytest.raises(ModelError, match=r"has the input|graph of odd fails"):
        open_model(replace(saved, metadata=replace(saved.metadata, input_spec=spec)))


def test_was_trained_on(tmp_path: Path, color_bundle: MakeBundle) -> None:
    saved = color_bundle(tmp_path / "open", COLORS, extras={TRAINING_HASHES_FILE: to_bytes(dhash(IMAGES[1:3]))})
    for images in (IMAGES, IMAGES[:, :, ::-1]):
        assert load(saved.path).was_trained_on(images).tolist() == [False, True, True, False, False]
    without_hashes = color_bundle(tmp_path / "silent", COLORS)
    assert not load(without_hashes.path).was_trained_on(IMAGES).any()


def npz() -> bytes:
    file = io.BytesIO()
    np.savez(file, hashes=np.zeros((2, 32), np.uint8))
    return file.getvalue()


@pytest.mark.parametrize(
    "content", [b"", b"no array", npz(), to_bytes(np.zeros((2, 5), np.uint8)), to_bytes(np.zeros((2, 32)))]
)
def test_damaged_hashes(tmp_path: Path, color_bundle: MakeBundle, content: bytes) -> None:
    saved = color_bundle(tmp_path / "odd", COLORS, extras={TRAINING_HASHES_FILE: content})
    with pytest.raises(ModelError, match=r"training_hashes\.npy"):
        load(saved.path)


@pytest.fixture
def photo_bundle(tmp_path: Path, color_bundle: MakeBundle, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of bundled models in which the one named ``photo`` has thresholds; the path of that one."""
    for name in ("fashion-cnn", "fashion-dnn"):
        (tmp_path / "bundled" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "bundled" / name).symlink_to(bundle.BUNDLED_DIR / name)
    color_bundle(tmp_path / "bundled" / "photo", COLORS, thresholds=Thresholds(min_probability=0.9).to_json())
    monkeypatch.setattr(bundle, "BUNDLED_DIR", tmp_path / "bundled")
    return tmp_path / "bundled" / "photo"


@pytest.fixture
def gray(tmp_path: Path) -> Path:
    """A 28x28 grayscale image."""
    Image.fromarray(draw_garments(1, seed=0).images[0]).save(tmp_path / "gray.png")
    return tmp_path / "gray.png"


def save_photo(path: Path, color: tuple[int, int, int]) -> Path:
    Image.new("RGB", (60, 40), color).save(path)
    return path


def test_decisions_with_their_reasons(tmp_path: Path, photo_bundle: Path) -> None:
    sure, unsure = save_photo(tmp_path / "a.png", (230, 20, 20)), save_photo(tmp_path / "b.png", (128, 20, 128))
    first, second = (one for one in predict([sure, unsure], model="photo").predictions if isinstance(one, Prediction))
    assert (first.decision, first.top[0].name, first.model) == ("accept", "dress", "photo")
    assert "90 %" in first.reason
    assert second.decision == "review"


def test_a_fashion_mnist_image_goes_to_the_fallback_model(tmp_path: Path, photo_bundle: Path, gray: Path) -> None:
    files = [save_photo(tmp_path / "a.png", (230, 20, 20)), gray, save_photo(tmp_path / "c.png", (20, 20, 230))]
    results = [one for one in load("photo").predict(files) if isinstance(one, Prediction)]
    assert [one.model for one in results] == ["photo", "fashion-cnn", "photo"]
    assert [one.file for one in results] == [str(file) for file in files]
    assert re.fullmatch(rf"28x28 .*fashion-cnn.*photo\. {re.escape(NO_THRESHOLDS)}", results[1].reason)
    (direct,) = predict([gray], model="fashion-cnn").predictions
    assert isinstance(direct, Prediction)
    assert (direct.top, direct.reason) == (results[1].top, NO_THRESHOLDS)


def test_only_the_bundled_photo_model_has_a_fallback(photo_bundle: Path, gray: Path) -> None:
    (found,) = predict([gray], model=str(photo_bundle)).predictions
    assert isinstance(found, Prediction)
    assert found.model == "photo"
    assert "fashion-cnn" not in found.reason


def test_colors_of_a_garment(tmp_path: Path, photo_bundle: Path, gray: Path) -> None:
    image = Image.new("RGB", (300, 400), "#cdc8c3")
    image.paste("#2346a0", (80, 100, 220, 300))
    image.save(tmp_path / "blue.png")
    Image.new("RGB", (300, 400), "#cdc8c3").save(tmp_path / "empty.png")
    found = load("photo").predict([tmp_path / "blue.png", tmp_path / "empty.png", gray])
    blue, empty, small = (one.to_json() for one in found)
    assert blue["colors"] == [{"name": "blue", "hex": "#2346a0", "share": 1.0}]
    assert empty["colors"] == []
    assert "colors" not in small, "28x28 images are gray"


def test_notes_on_a_file(tmp_path: Path, photo_bundle: Path) -> None:
    file = save_photo(tmp_path / "a.png", (230, 20, 20))
    assert "notes" not in predict([file], model="photo").predictions[0].to_json()
    file.write_bytes(file.read_bytes()[:-12])
    assert predict([file], model="photo").predictions[0].to_json()["notes"] == [
        "The PNG has no end marker; its pixels are complete."
    ]


def test_an_input_that_cannot_be_saved_fails_alone(tmp_path: Path, photo_bundle: Path) -> None:
    files = [save_photo(tmp_path / name, (230, 20, 20)) for name in ("a.png", "b.png", "c.png")]
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(files[1])
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (600, before[1]))  # bytes; only the noise needs more
    try:
        results = predict(files, model="photo", save_inputs=tmp_path / "inputs").predictions
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert [isinstance(one, FailedInput) for one in results] == [False, True, False]
    assert results[1].to_json()["error"]["code"] == "not-saved"
    assert sorted(path.name for path in (tmp_path / "inputs").iterdir()) == ["a.png", "c.png"]


def test_codes_of_a_company(tmp_path: Path, photo_bundle: Path, gray: Path) -> None:
    codes = tmp_path / "own.toml"
    codes.write_text('[codes]\ndress = "D-1"\nhat = "H"\nboot = "H"\n')
    files = [save_photo(tmp_path / "a.png", (230, 20, 20)), save_photo(tmp_path / "b.png", (20, 230, 20)), gray]
    results = [one.to_json() for one in predict(files, model="photo", taxonomy=codes).predictions]
    assert [one.get("code") for one in results] == ["D-1", "H", None]
    assert "code" not in predict(files[:1], model="photo").predictions[0].to_json()


def test_inputs_are_saved(tmp_path: Path, photo_bundle: Path) -> None:
    for folder in ("x", "y"):
        (tmp_path / folder).mkdir()
    files = [save_photo(tmp_path / folder / "a.png", (230, 20, 20)) for folder in ("x", "y")]
    results = predict([*files, tmp_path / "none.jpg"], model="photo", save_inputs=tmp_path / "inputs").predictions
    assert [one.to_json().get("input_file") for one in results] == [
        str(tmp_path / "inputs/a.png"),
        str(tmp_path / "inputs/a-2.png"),
        None,
    ]
    with Image.open(tmp_path / "inputs/a.png") as saved:
        assert saved.size == (16, 16)
