"""A bundle as a ``Classifier``, on ONNX Runtime."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnxruntime as ort

from clothier import system
from clothier.bundle import EXPORT_HINT
from clothier.errors import ModelError, UsageError
from clothier.types import ModelOutput

if TYPE_CHECKING:
    from clothier.bundle import Bundle
    from clothier.types import Images, InputSpec

BATCH = 256  # images per pass: bounds memory; logits differ between batch sizes by float32 rounding only


class OnnxClassifier:
    """Runs a bundle's graph on the CPU and divides the logits by the temperature in its card.

    The number of threads is set explicitly, because ONNX Runtime would use all cores of the host, not those available
    to this process. Its threads do not spin while they wait: spinning saves 0.02 ms per image, but costs a third of
    the throughput when other threads, such as those that decode photos, use the cores. The other defaults of ONNX
    Runtime were the fastest (docs/log.md).
    """

    def __init__(self, bundle: Bundle, threads: int | None = None) -> None:
        """Loads the graph and runs it on a black image, so that a wrong graph fails here and not later.

        Args:
            bundle: the model.
            threads: per pass, 1 or more; None for all cores that are available to this process.

        Raises:
            ModelError: the graph is damaged, its outputs do not match the card, or the temperature is invalid.
        """
        options = ort.SessionOptions()
        options.intra_op_num_threads = system.available_cores() if threads is None else threads
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 4  # fatal only; errors are raised as exceptions
        try:
            self._session = ort.InferenceSession(
                str(bundle.graph), sess_options=options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # ONNX Runtime's exceptions have no common base class but Exception
            raise ModelError(f"{bundle.graph} cannot be loaded: {error}. {EXPORT_HINT}") from error
        self.name = bundle.metadata.name
        self.classes = bundle.metadata.classes
        self.input_spec: InputSpec = bundle.metadata.input_spec
        self._temperature = _temperature(bundle)
        self._blank_output = self._run_batch(np.zeros((1, *self.input_spec.shape), np.uint8))
        self._check(self._blank_output, bundle)

    def run(self, images: Images) -> ModelOutput:
        """Logits and embeddings of (N, H, W) or (N, H, W, C) uint8 images of ``input_spec``; N may be 0.

        Raises:
            UsageError: images of another shape or type.
            ModelError: the graph fails.
        """
        if images.shape[1:] != self.input_spec.shape or images.dtype != np.uint8:
            raise UsageError(
                f"{self.name} takes uint8 images of shape (N, {', '.join(map(str, self.input_spec.shape))}), "
                f"not {images.dtype} of shape {images.shape}."
            )
        if len(images) == 0:  # not every operator accepts an empty batch
            return ModelOutput(self._blank_output.logits[:0], self._blank_output.embeddings[:0])
        outputs = [self._run_batch(images[start : start + BATCH]) for start in range(0, len(images), BATCH)]
        return ModelOutput(
            np.concatenate([one.logits for one in outputs]),
            np.concatenate([one.embeddings for one in outputs]),
        )

    def _run_batch(self, images: Images) -> ModelOutput:
        try:
            logits, embeddings = self._session.run(["logits", "embedding"], {"images": images})
        except Exception as error:  # as above
            raise ModelError(f"the graph of {self.name} fails: {error}. {EXPORT_HINT}") from error
        return ModelOutput(logits / self._temperature, embeddings)

    def _check(self, output: ModelOutput, bundle: Bundle) -> None:
        """Raises ModelError if the output does not match the card."""
        got = [f"{one.dtype} of shape {one.shape}" for one in (output.logits, output.embeddings)]
        width = output.embeddings.shape[-1] if output.embeddings.ndim == 2 else "D"
        expected = [f"float32 of shape (1, {one})" for one in (len(self.classes), width)]
        if got != expected:
            raise ModelError(
                f"{bundle.graph} returns logits {got[0]} and an embedding {got[1]} for one image; its card requires "
                f"{expected[0]} and {expected[1]}. {EXPORT_HINT}"
            )


def _temperature(bundle: Bundle) -> float:
    temperature = bundle.metadata.calibration.get("temperature", 1.0)
    if not isinstance(temperature, (int, float)) or not 0 < temperature < np.inf:
        raise ModelError(f"the card of {bundle.path} has the temperature {temperature!r}; it must be a number above 0.")
    return float(temperature)
