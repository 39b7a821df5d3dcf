"""A bundle on ONNX Runtime: the same output for any batch size, and an error message for every damaged bundle."""

from __future__ import annotations

import gc
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest

from clothier import system
from clothier.errors import ModelError, UsageError
from clothier.inference import session
from clothier.inference.session import BATCH, OnnxClassifier
from clothier.metrics import softmax
from clothier.taxonomy import FASHION_MNIST_CLASSES
from clothier.types import InputSpec, ModelOutput

if TYPE_CHECKING:
    from collections.abc import Callable

    from clothier.bundle import Bundle
    from clothier.types import Images

    MakeBundle = Callable[..., Bundle]
    MakeGraph = Callable[..., bytes]

TOLERANCE = 1e-5  # the largest difference of a probability that a batch size may make


def random_images(n: int, seed: int = 0) -> Images:
    return np.random.default_rng(seed).integers(0, 256, (n, 28, 28), dtype=np.uint8)


@pytest.fixture
def classifier(tmp_path: Path, tiny_bundle: MakeBundle) -> OnnxClassifier:
    return OnnxClassifier(tiny_bundle(tmp_path / "tiny"), threads=1)


def test_name_classes_and_input_spec(classifier: OnnxClassifier) -> None:
    assert (classifier.name, classifier.classes, classifier.input_spec) == ("tiny", FASHION_MNIST_CLASSES, InputSpec())


def test_outputs_follow_from_the_weights(tmp_path: Path, tiny_bundle: MakeBundle, tiny_graph: MakeGraph) -> None:
    graph = onnx.load_from_string(tiny_graph())
    first, second = (onnx.numpy_helper.to_array(graph.graph.initializer[place]) for place in (1, 2))
    images = random_images(5)
    hidden = np.maximum(images.reshape(5, 784).astype(np.float64) / 255 @ first, 0)
    outputs = OnnxClassifier(tiny_bundle(tmp_path / "tiny"), threads=1).run(images)
    np.testing.assert_allclose(outputs.embeddings, hidden, atol=1e-4)
    np.testing.assert_allclose(outputs.logits, hidden @ second, atol=1e-4)


def test_the_cards_temperature_divides_the_logits_alone(tmp_path: Path, tiny_bundle: MakeBundle) -> None:
    bundle = tiny_bundle(tmp_path / "tiny")
    plain = OnnxClassifier(bundle, threads=1).run(random_images(5))
    calibrated = replace(bundle, metadata=replace(bundle.metadata, calibration={"temperature": 0.5}))
    outputs = OnnxClassifier(calibrated, threads=1).run(random_images(5))
    np.testing.assert_array_equal(outputs.logits, plain.logits * 2)
    np.testing.assert_array_equal(outputs.embeddings, plain.embeddings)
    assert outputs.logits.dtype == np.float32


@pytest.mark.parametrize(
    "temperature", [0, -1.0, 1e-320, 10**400, float("inf"), float("nan"), True, "warm", [1.0], None]
)
def test_an_invalid_temperature_is_refused(tmp_path: Path, tiny_bundle: MakeBundle, temperature: object) -> None:
    bundle = tiny_bundle(tmp_path / "tiny")
    damaged = replace(bundle, metadata=replace(bundle.metadata, calibration={"temperature": temperature}))
    with pytest.raises(ModelError, match=re.escape(f"{bundle.path} has the temperature {temperature!r}")):
        OnnxClassifier(damaged)


@pytest.mark.parametrize("n", [1, 2, BATCH - 1, BATCH, BATCH + 1, 2 * BATCH + 3])
def test_shapes_and_types(classifier: OnnxClassifier, n: int) -> None:
    outputs = classifier.run(random_images(n))
    assert (outputs.logits.shape, outputs.logits.dtype) == ((n, 10), np.float32)
    assert (outputs.embeddings.shape, outputs.embeddings.dtype) == ((n, 16), np.float32)


def test_an_empty_batch(classifier: OnnxClassifier) -> None:
    outputs = classifier.run(random_images(0))
    assert (outputs.logits.shape, outputs.logits.dtype) == ((0, 10), np.float32)
    assert (outputs.embeddings.shape, outputs.embeddings.dtype) == ((0, 16), np.float32)


@pytest.mark.parametrize("size", [1, 7, 64, BATCH, BATCH + 1, 600])
def test_batch_size_changes_no_probability(classifier: OnnxClassifier, size: int) -> None:
    images = random_images(600)
    whole = softmax(classifier.run(images).logits)
    parts = [classifier.run(images[start : start + size]).logits for start in range(0, len(images), size)]
    assert np.abs(softmax(np.concatenate(parts)) - whole).max() <= TOLERANCE


def test_photos_run_in_small_batches(classifier: OnnxClassifier, monkeypatch: pytest.MonkeyPatch) -> None:
    """256 photos at once need more memory than a session may take."""
    passes: list[int] = []
    empty = classifier.blank_output

    def record(images: Images) -> ModelOutput:
        passes.append(len(images))
        return ModelOutput(empty.logits.repeat(len(images), axis=0), empty.embeddings.repeat(len(images), axis=0))

    monkeypatch.setattr(classifier, "_run_batch", record)
    classifier.input_spec = InputSpec("center_crop", 224, 224, 3)
    assert len(classifier.run(np.zeros((70, 224, 224, 3), np.uint8)).logits) == 70
    assert sorted(passes) == [2, *[4] * 17]


def test_outputs_are_in_the_order_of_the_images(classifier: OnnxClassifier) -> None:
    images = random_images(2 * BATCH + 10)
    order = np.random.default_rng(1).permutation(len(images))
    shuffled, straight = classifier.run(images[order]).logits, classifier.run(images).logits
    np.testing.assert_allclose(shuffled, straight[order], atol=1e-4)


def test_non_contiguous_images(classifier: OnnxClassifier) -> None:
    images = random_images(20)
    for view in (images[:, :, ::-1], images[::2], np.asfortranarray(images), images.transpose(0, 2, 1)):
        np.testing.assert_array_equal(classifier.run(view).logits, classifier.run(view.copy()).logits)


@pytest.mark.parametrize(
    ("images", "got"),
    [
        (np.zeros((2, 28, 28), np.float32), "float32 of shape (2, 28, 28)"),
        (np.zeros((28, 28), np.uint8), "uint8 of shape (28, 28)"),
        (np.zeros((2, 28, 27), np.uint8), "uint8 of shape (2, 28, 27)"),
        (np.zeros((2, 28, 28, 3), np.uint8), "uint8 of shape (2, 28, 28, 3)"),
        (np.zeros((0, 1), np.uint8), "uint8 of shape (0, 1)"),
        (np.zeros((), np.uint8), "uint8 of shape ()"),
    ],
)
def test_images_of_another_shape_or_type(classifier: OnnxClassifier, images: Images, got: str) -> None:
    with pytest.raises(UsageError, match=re.escape(f"shape (N, 28, 28), not {got}.")):
        classifier.run(images)


def threads_of_this_process() -> int:
    return len(os.listdir("/proc/self/task"))  # noqa: PTH208 - only the number of names is needed


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="this system does not list the threads of a process")
@pytest.mark.parametrize("threads", [1, 2, 4])
def test_threads(tmp_path: Path, tiny_bundle: MakeBundle, threads: int) -> None:
    saved = tiny_bundle(tmp_path / "tiny")
    gc.collect()  # ends the threads of classifiers of other tests
    before = threads_of_this_process()
    classifier = OnnxClassifier(saved, threads)
    assert threads_of_this_process() - before == threads - 1  # the calling thread is the first
    assert len(classifier.run(random_images(3)).logits) == 3


def test_default_threads_are_the_available_cores(
    tmp_path: Path, tiny_bundle: MakeBundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(system, "available_cores", lambda: 3)
    classifier = OnnxClassifier(tiny_bundle(tmp_path / "tiny"))
    assert classifier._session.get_session_options().intra_op_num_threads == 3


def test_waiting_threads_do_not_spin(classifier: OnnxClassifier) -> None:
    options = classifier._session.get_session_options()
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"


@pytest.mark.parametrize("graph", [b"no graph at all", b"\x08"])
def test_damaged_graph(tmp_path: Path, tiny_bundle: MakeBundle, graph: bytes) -> None:
    saved = tiny_bundle(tmp_path / "tiny", graph=graph)
    with pytest.raises(ModelError, match=rf"^{re.escape(str(saved.graph))} cannot be loaded: "):
        OnnxClassifier(saved)


def test_names_that_are_not_utf8(
    tmp_path: Path, tiny_bundle: MakeBundle, tiny_graph: MakeGraph, capfd: pytest.CaptureFixture[str]
) -> None:
    saved = tiny_bundle(tmp_path / "tiny", graph=tiny_graph().replace(b"first", b"fir\xd6t", 1))
    with pytest.raises(ModelError, match=r"graph|loaded"):
        OnnxClassifier(saved)
    assert capfd.readouterr() == ("", ""), "libraries do not print"


def test_graph_cut_short(tmp_path: Path, tiny_bundle: MakeBundle, tiny_graph: MakeGraph) -> None:
    saved = tiny_bundle(tmp_path / "tiny", graph=tiny_graph()[:-1000])
    with pytest.raises(ModelError, match="cannot be loaded"):
        OnnxClassifier(saved)


def test_graph_for_other_classes(tmp_path: Path, tiny_bundle: MakeBundle, tiny_graph: MakeGraph) -> None:
    saved = tiny_bundle(tmp_path / "tiny", graph=tiny_graph(7))
    with pytest.raises(ModelError, match=r"graph of tiny .*float32 of shape \(1, 7\).*float32 of shape \(1, 10\)"):
        OnnxClassifier(saved)


def changed(graph: bytes, change: Callable[[onnx.GraphProto], None]) -> bytes:
    model = onnx.load_from_string(graph)
    change(model.graph)
    return bytes(model.SerializeToString())


def without_embedding(graph: onnx.GraphProto) -> None:
    del graph.output[1]


def with_other_input(graph: onnx.GraphProto) -> None:
    graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.FLOAT


def with_other_names(graph: onnx.GraphProto) -> None:
    graph.input[0].name = graph.node[0].input[0] = "pixels_of_something"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (without_embedding, "embedding"),
        (with_other_input, "Unexpected input data type"),
        (with_other_names, "pixels_of_something"),
    ],
)
def test_graph_that_breaks_the_bundle_contract(
    tmp_path: Path,
    tiny_bundle: MakeBundle,
    tiny_graph: MakeGraph,
    change: Callable[[onnx.GraphProto], None],
    reason: str,
) -> None:
    saved = tiny_bundle(tmp_path / "tiny", graph=changed(tiny_graph(), change))
    with pytest.raises(ModelError, match=rf"(?s)^the graph of tiny fails: .*{reason}"):
        OnnxClassifier(saved)


def with_half_logits(graph: onnx.GraphProto) -> None:
    graph.node[-1].output[0] = "wide"
    graph.node.append(onnx.helper.make_node("Cast", ["wide"], ["logits"], to=onnx.TensorProto.FLOAT16))
    graph.output[0].type.tensor_type.elem_type = onnx.TensorProto.FLOAT16


def test_graph_with_float16_logits(tmp_path: Path, tiny_bundle: MakeBundle, tiny_graph: MakeGraph) -> None:
    saved = tiny_bundle(tmp_path / "tiny", graph=changed(tiny_graph(), with_half_logits))
    with pytest.raises(ModelError, match=r"logits float16 of shape \(1, 10\)"):
        OnnxClassifier(saved)


def test_graph_with_a_fixed_batch_size(
    tmp_path: Path, tiny_bundle: MakeBundle, tiny_graph: MakeGraph, capfd: pytest.CaptureFixture[str]
) -> None:
    frozen_at_one = OnnxClassifier(tiny_bundle(tmp_path / "one", graph=tiny_graph(batch=1)))
    with pytest.raises(ModelError, match=r"^the graph of one fails: "):
        frozen_at_one.run(random_images(3))
    with pytest.raises(ModelError, match=r"^the graph of two fails: "):
        OnnxClassifier(tiny_bundle(tmp_path / "two", graph=tiny_graph(batch=2)))
    assert capfd.readouterr() == ("", ""), "libraries do not print"


def with_one_row(graph: onnx.GraphProto) -> None:
    """Logits of the first image only."""
    graph.node[-1].output[0] = "all"
    graph.initializer.append(onnx.numpy_helper.from_array(np.array([0]), "first_row"))
    graph.node.append(onnx.helper.make_node("Gather", ["all", "first_row"], ["logits"], axis=0))


def test_fewer_rows_than_images(tmp_path: Path, tiny_bundle: MakeBundle, tiny_graph: MakeGraph) -> None:
    classifier = OnnxClassifier(tiny_bundle(tmp_path / "tiny", graph=changed(tiny_graph(), with_one_row)))
    with pytest.raises(ModelError, match=r"logits float32 of shape \(1, 10\).* for 3 images"):
        classifier.run(random_images(3))


def with_nan(graph: onnx.GraphProto) -> None:
    graph.node[-1].output[0] = "numbers"
    graph.initializer.append(onnx.numpy_helper.from_array(np.float32("nan"), "nan"))
    graph.node.append(onnx.helper.make_node("Add", ["numbers", "nan"], ["logits"]))


def test_output_that_is_not_finite(tmp_path: Path, tiny_bundle: MakeBundle, tiny_graph: MakeGraph) -> None:
    with pytest.raises(ModelError, match="returns NaN or infinity"):
        OnnxClassifier(tiny_bundle(tmp_path / "tiny", graph=changed(tiny_graph(), with_nan)))


def with_huge_tensor(graph: onnx.GraphProto) -> None:
    """3.6 TB that depend on the batch, so that the graph can be loaded."""
    graph.initializer.append(onnx.numpy_helper.from_array(np.array([10**6, 10**6, 1]), "times"))
    for node in (
        onnx.helper.make_node("Shape", ["images"], ["shape"]),
        onnx.helper.make_node("Mul", ["shape", "times"], ["huge_shape"]),
        onnx.helper.make_node("ConstantOfShape", ["huge_shape"], ["huge"]),
        onnx.helper.make_node("ReduceSum", ["huge"], ["sum"], keepdims=0),
        onnx.helper.make_node("Add", ["plain", "sum"], ["logits"]),
    ):
        graph.node.append(node)
    next(one for one in graph.node if one.output[0] == "logits").output[0] = "plain"


def test_memory_is_bounded(tmp_path: Path, tiny_bundle: MakeBundle, tiny_graph: MakeGraph) -> None:
    with pytest.raises(ModelError, match="Available memory"):
        OnnxClassifier(tiny_bundle(tmp_path / "tiny", graph=changed(tiny_graph(), with_huge_tensor)))


def with_long_product(graph: onnx.GraphProto) -> None:
    """A thousand products of matrices of constants: minutes."""
    graph.initializer.append(onnx.numpy_helper.from_array(np.array([3000, 3000]), "size"))
    graph.node[-1].output[0] = "plain"
    graph.node.append(onnx.helper.make_node("ConstantOfShape", ["size"], ["product0"]))
    for i in range(1000):
        graph.node.append(onnx.helper.make_node("MatMul", [f"product{i}", f"product{i}"], [f"product{i + 1}"]))
    graph.node.append(onnx.helper.make_node("ReduceSum", ["product1000"], ["sum"], keepdims=0))
    graph.node.append(onnx.helper.make_node("Add", ["plain", "sum"], ["logits"]))


def test_time_is_bounded(
    tmp_path: Path, tiny_bundle: MakeBundle, tiny_graph: MakeGraph, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "MAX_SECONDS", 0.1)
    with pytest.raises(ModelError, match="terminate flag"):
        OnnxClassifier(tiny_bundle(tmp_path / "tiny", graph=changed(tiny_graph(), with_long_product)))


def test_needs_no_torch(tmp_path: Path, tiny_bundle: MakeBundle) -> None:
    saved = tiny_bundle(tmp_path / "tiny")
    script = (
        "import sys; from pathlib import Path; from clothier.bundle import open_bundle; "
        "from clothier.inference.session import OnnxClassifier; OnnxClassifier(open_bundle(Path(sys.argv[1]))); "
        "print(sorted({'torch', 'sklearn', 'onnx', 'safetensors', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script, saved.path], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
