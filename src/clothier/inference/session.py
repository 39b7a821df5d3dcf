"""A bundle as a ``Classifier``, on ONNX Runtime."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager, nullcontext
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime as ort

from clothier import system
from clothier.bundle import BUNDLED_DIR, EXPORT_HINT, GRAPH_FILE
from clothier.errors import ModelError, UsageError
from clothier.inference.graph_check import check_graph
from clothier.types import ModelOutput

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clothier.bundle import Bundle
    from clothier.types import Images, InputSpec

MAX_MEMORY = 2**31  # bytes of all tensors of all sessions; the photo model takes an eighth of it for a batch
MAX_SECONDS = 60.0  # for a pass, and one more for each image
WATCH_INTERVAL = 0.25  # seconds between two looks at the time
EIGHT_BITS = "int8 weights of eight bits"  # description of a graph that has them, not of seven
VNNI = frozenset({"avx512_vnni", "avx_vnni"})
"""x86 CPUs without these saturate when they multiply bytes by weights of eight bits. ONNX Runtime has exact kernels for
them. They are half as fast, and with the option it would take them on any CPU."""
MIN_TEMPERATURE, MAX_TEMPERATURE = 1e-3, 1e3
REQUIRED_OUTPUTS, EARLY_FEATURES = ("logits", "embedding"), "early_features"
BATCH = 256  # images per pass: bounds memory; logits differ between batch sizes by float32 rounding only
BATCH_PIXELS = 4 * 224 * 224  # of all images of a pass: what four photos need fits into the caches of a core


class OnnxClassifier:
    """Runs a bundle's graph on the CPU and divides the logits by the temperature in its card.

    The number of threads is set explicitly, because ONNX Runtime would use all cores of the host, not those available
    to this process. Its threads do not spin while they wait: spinning saves 0.02 ms per image, but costs a third of
    the throughput when other threads, such as those that decode photos, use the cores. Many images are several small
    passes side by side, which wait for each other less than the threads of one large pass. The other defaults of ONNX
    Runtime were the fastest (docs/log.md).

    A bundle may come from anybody: its graph is checked first (:mod:`clothier.inference.graph_check`), and memory and
    time of a pass are bounded.
    """

    def __init__(self, bundle: Bundle, threads: int | None = None) -> None:
        """Loads the graph and runs it on a black image, so that a wrong graph fails here and not later.

        Args:
            bundle: the model.
            threads: 1 or more; None for all cores that are available to this process. A single pass runs on all of
                them, several passes side by side.

        Raises:
            ModelError: the graph is damaged or not allowed, its outputs do not match the card, or the temperature is
                invalid.
        """
        self.name = bundle.metadata.name
        self.classes = bundle.metadata.classes
        self.input_spec: InputSpec = bundle.metadata.input_spec
        self._temperature = _temperature(bundle)
        self._is_bundled = bundle.path.parent == BUNDLED_DIR
        self._threads = system.available_cores() if threads is None else threads
        graph = bundle.read(GRAPH_FILE)
        try:
            self._session = _open_session(graph, self._threads)
        except Exception as error:  # ONNX Runtime's exceptions have no common base class but Exception
            raise ModelError(f"{bundle.graph} cannot be loaded: {error}. {EXPORT_HINT}") from error
        available = [one.name for one in self._session.get_outputs()]
        self._outputs = [*REQUIRED_OUTPUTS, *([EARLY_FEATURES] if EARLY_FEATURES in available else [])]
        self.blank_output = self._run_batch(np.zeros((1, *self.input_spec.shape), np.uint8))

    def run(self, images: Images) -> ModelOutput:
        """Logits and embeddings of (N, H, W) or (N, H, W, C) uint8 images of ``input_spec``; N may be 0.

        Raises:
            UsageError: images of another shape or type.
            ModelError: the graph fails, or its output is not as the card says.
        """
        images = np.asarray(images)
        if images.shape[1:] != self.input_spec.shape or images.dtype != np.uint8:
            raise UsageError(
                f"{self.name} takes uint8 images of shape (N, {', '.join(map(str, self.input_spec.shape))}), "
                f"not {images.dtype} of shape {images.shape}."
            )
        if len(images) == 0:  # not every operator accepts an empty batch
            return _concatenate([self.blank_output], stop=0)
        height, width = self.input_spec.shape[:2]
        size = max(1, min(BATCH, BATCH_PIXELS // (height * width)))
        starts = range(0, len(images), size)
        threads = min(self._threads, len(starts))

        def run_pass(start: int) -> ModelOutput:
            return self._run_batch(images[start : start + size])

        if threads == 1:
            return _concatenate([run_pass(start) for start in starts])
        return _concatenate(system.parallel_map(run_pass, starts, threads=threads))

    def _run_batch(self, images: Images) -> ModelOutput:
        limit = nullcontext() if self._is_bundled else _time_limit(MAX_SECONDS + len(images))
        try:
            with limit as options:
                logits, *features = self._session.run(self._outputs, {"images": images}, options)
        except Exception as error:  # as above
            raise ModelError(f"the graph of {self.name} fails: {error}. {EXPORT_HINT}") from error
        self._check([logits, *features], len(images))
        return ModelOutput(logits / np.float32(self._temperature), *features)

    def _check(self, values: list[Any], n: int) -> None:
        """Raises ModelError unless the outputs are as the card says, and finite."""
        widths = [len(self.classes), *(one.shape[-1] if one.ndim == 2 else "D" for one in values[1:])]
        for name, value, width in zip(self._outputs, values, widths, strict=True):
            got, expected = f"{value.dtype} of shape {value.shape}", f"float32 of shape ({n}, {width})"
            if got != expected:
                raise ModelError(
                    f"the graph of {self.name} returns {name} {got} for {n} images; its card requires {expected}. "
                    f"{EXPORT_HINT}"
                )
        if not all(np.isfinite(one).all() for one in values):
            raise ModelError(f"the graph of {self.name} returns NaN or infinity. {EXPORT_HINT}")


def _concatenate(outputs: list[ModelOutput], stop: int | None = None) -> ModelOutput:
    """The outputs of several passes as one; of each pass the images before ``stop``."""
    early = [one.early_features[:stop] for one in outputs if one.early_features is not None]
    return ModelOutput(
        np.concatenate([one.logits[:stop] for one in outputs]),
        np.concatenate([one.embeddings[:stop] for one in outputs]),
        np.concatenate(early) if early else None,
    )


def _open_session(graph: bytes, threads: int) -> ort.InferenceSession:
    may_fold = check_graph(graph)
    _limit_memory()
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.load_model_format", "ONNX")  # not ORT's own format, which is unchecked
    options.add_session_config_entry("session.use_env_allocators", "1")
    options.log_severity_level = 4  # fatal only; errors are raised as exceptions
    disabled = [] if may_fold else ["ConstantFolding"]
    session = _start(graph, options, disabled)
    if session.get_modelmeta().graph_description != EIGHT_BITS or VNNI.intersection(system.instruction_sets()):
        return session
    options.add_session_config_entry("session.x64quantprecision", "1")
    return _start(graph, options, disabled)


def _start(graph: bytes, options: ort.SessionOptions, disabled_optimizers: list[str]) -> ort.InferenceSession:
    return ort.InferenceSession(
        graph,
        sess_options=options,
        providers=["CPUExecutionProvider"],
        disabled_optimizers=disabled_optimizers,
        enable_fallback=0,  # it prints to stdout and tries the same again
    )


_deadlines: dict[object, tuple[float, ort.RunOptions]] = {}  # of the runs in progress, by monotonic time


@contextmanager
def _time_limit(seconds: float) -> Iterator[ort.RunOptions]:
    """Yields options of a run that ends, with an exception, after its current operator when the time is over."""
    options, key = ort.RunOptions(), object()
    _start_watch()
    _deadlines[key] = time.monotonic() + seconds, options
    try:
        yield options
    finally:
        del _deadlines[key]


@cache
def _start_watch() -> None:
    """Starts the one thread that ends late runs: starting one for each run takes longer than a small run."""
    threading.Thread(target=_watch, daemon=True).start()


def _watch() -> None:
    while True:
        time.sleep(WATCH_INTERVAL)
        for deadline, options in list(_deadlines.values()):
            if time.monotonic() > deadline:
                options.terminate = True


@cache
def _limit_memory() -> None:
    """Bounds the memory of all sessions of this process that use the shared allocator."""
    cpu = ort.OrtMemoryInfo("Cpu", ort.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, ort.OrtMemType.DEFAULT)
    ort.create_and_register_allocator(cpu, ort.OrtArenaCfg({"max_mem": MAX_MEMORY}))


def _temperature(bundle: Bundle) -> float:
    value = bundle.metadata.calibration.get("temperature", 1.0)
    if type(value) not in (int, float) or not MIN_TEMPERATURE <= value <= MAX_TEMPERATURE:
        raise ModelError(
            f"the card of {bundle.path} has the temperature {value!r}; it must be a number from {MIN_TEMPERATURE:g} to "
            f"{MAX_TEMPERATURE:g}. Calibrate the model again."
        )
    return float(value)
