"""A bundle put to work: the ``Classifier`` protocol on ONNX Runtime. No torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnxruntime as ort

from clothier import system
from clothier.errors import ModelError, UsageError
from clothier.types import ModelOutput

if TYPE_CHECKING:
    from clothier.bundle import Bundle
    from clothier.types import Images, InputSpec

BATCH = 256  # pictures a pass; bounds memory, and changes no answer by more than float32's rounding


class OnnxClassifier:
    """Runs a bundle's graph on the CPU; logits come divided by the temperature of its card.

    ONNX Runtime would size its pool to the host's cores, not to those we may use, so the count is given. Its threads do
    not wait actively: that saves one picture some 0.02 ms, and costs batches a third of their rate beside a busy
    neighbour, or beside the threads that decode photos. Its other defaults were the quickest (docs/log.md).
    """

    def __init__(self, bundle: Bundle, threads: int | None = None) -> None:
        """Loads the graph and has it look at a black picture, so that a wrong one fails here and not in the work.

        Args:
            bundle: the model.
            threads: of one pass, 1 or more; None for every core that this process may use.

        Raises:
            ModelError: the graph is damaged, or does not do what a bundle promises, or the card's temperature is none.
        """
        options = ort.SessionOptions()
        options.intra_op_num_threads = system.available_cores() if threads is None else threads
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 4  # the fatal alone; errors reach us as exceptions
        try:
            self._session = ort.InferenceSession(
                str(bundle.graph), sess_options=options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # ONNX Runtime's exceptions share no base but Exception
            raise ModelError(f"{bundle.graph} cannot be loaded: {error}. Make the bundle again.") from error
        self.name = bundle.metadata.name
        self.classes = bundle.metadata.classes
        self.input_spec: InputSpec = bundle.metadata.input_spec
        self._temperature = _temperature(bundle)
        self._blank_output = self._run_batch(np.zeros((1, *self.input_spec.shape), np.uint8))
        self._check(self._blank_output, bundle)

    def run(self, images: Images) -> ModelOutput:
        """Looks at (N, H, W) or (N, H, W, C) uint8 pictures of the model's view; N may be 0.

        Raises:
            UsageError: pictures of another shape or type.
            ModelError: the graph fails on them.
        """
        if images.shape[1:] != self.input_spec.shape or images.dtype != np.uint8:
            raise UsageError(
                f"{self.name} takes uint8 pictures of shape (N, {', '.join(map(str, self.input_spec.shape))}), "
                f"not {images.dtype} of shape {images.shape}."
            )
        if len(images) == 0:  # not every operator takes an empty batch
            return ModelOutput(self._blank_output.logits[:0], self._blank_output.embeddings[:0])
        answers = [self._run_batch(images[start : start + BATCH]) for start in range(0, len(images), BATCH)]
        return ModelOutput(
            np.concatenate([answer.logits for answer in answers]),
            np.concatenate([answer.embeddings for answer in answers]),
        )

    def _run_batch(self, images: Images) -> ModelOutput:
        try:
            logits, embeddings = self._session.run(["logits", "embedding"], {"images": images})
        except Exception as error:  # as above
            raise ModelError(f"the graph of {self.name} fails: {error}. Make the bundle again.") from error
        return ModelOutput(logits / self._temperature, embeddings)

    def _check(self, output: ModelOutput, bundle: Bundle) -> None:
        """Refuses answers that do not belong to the card."""
        got = [f"{one.dtype} of shape {one.shape}" for one in (output.logits, output.embeddings)]
        width = output.embeddings.shape[-1] if output.embeddings.ndim == 2 else "D"
        wanted = [f"float32 of shape (1, {one})" for one in (len(self.classes), width)]
        if got != wanted:
            raise ModelError(
                f"{bundle.graph} answers one picture with logits {got[0]} and an embedding {got[1]}; its card wants "
                f"{wanted[0]} and {wanted[1]}. Make the bundle again."
            )


def _temperature(bundle: Bundle) -> float:
    """What logits are divided by, so that their softmax is an honest probability; 1 until it is fitted."""
    told = bundle.metadata.calibration.get("temperature", 1.0)
    if not isinstance(told, (int, float)) or not 0 < told < np.inf:
        raise ModelError(f"the card of {bundle.path} has the temperature {told!r}; it must be a number above 0.")
    return float(told)
