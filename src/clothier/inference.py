"""A bundle put to work: the ``Classifier`` protocol on ONNX Runtime. No torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnxruntime as ort

from clothier import machine
from clothier.errors import ModelError, UsageError
from clothier.records import Outputs

if TYPE_CHECKING:
    from clothier.bundle import Bundle
    from clothier.records import Images, View

BATCH = 256  # pictures a pass; bounds memory, and changes no answer by more than float32's rounding


class OnnxClassifier:
    """Runs a bundle's graph on the CPU.

    ONNX Runtime would size its pool to the host's cores, not to those we may use, so the count is given.
    """

    def __init__(self, bundle: Bundle, threads: int | None = None) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads or machine.usable_cores()
        options.log_severity_level = 3  # errors only; they reach us as exceptions
        try:
            self._session = ort.InferenceSession(
                str(bundle.graph), sess_options=options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # ONNX Runtime's exceptions share no base but Exception
            raise ModelError(f"{bundle.graph} cannot be loaded: {error}. Make the bundle again.") from error
        self.name = bundle.card.name
        self.classes = bundle.card.classes
        self.view: View = bundle.card.view

    def run(self, images: Images) -> Outputs:
        """Looks at (N, H, W) or (N, H, W, C) uint8 pictures of the model's view, N >= 1.

        Raises:
            UsageError: pictures of another shape or type.
        """
        if images.ndim < 1 or images.shape[1:] != self.view.shape or images.dtype != np.uint8:
            raise UsageError(
                f"{self.name} takes uint8 pictures of shape (N, {', '.join(map(str, self.view.shape))}), "
                f"not {images.dtype} of shape {images.shape}."
            )
        answers = [
            self._session.run(["logits", "embedding"], {"images": images[start : start + BATCH]})
            for start in range(0, max(len(images), 1), BATCH)
        ]
        logits, embeddings = (np.concatenate(column) for column in zip(*answers, strict=True))
        return Outputs(logits, embeddings)
