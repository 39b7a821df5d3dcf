"""The backbone's early blocks, which stay as ImageNet made them, on ONNX Runtime.

It looks at a photo in 5 ms on one core where PyTorch takes 25: convolution, BatchNorm and ReLU6 are one step there.

Legend: N pictures, C channels, H, W, D embedding.
"""

from __future__ import annotations

import logging
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import onnxruntime as ort
import torch
from torch import nn

from clothier.system import usable_cores
from clothier.training.torch_classifier import scaled

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from clothier.training.finetune.efficientnet_lite import EfficientNetLite0
    from clothier.types import Floats, Images

    Halves = npt.NDArray[np.float16]

PASS = 4  # photos at a time; more of them fall out of the cache
OPSET = 20


class FrozenBlocks:
    """What the first blocks of a network make of photos; safe to call from several threads."""

    def __init__(self, network: EfficientNetLite0, blocks: int, side: int) -> None:
        self.side = side
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1  # photos are shared out among threads; a photo is too small for two
        options.log_severity_level = 4
        graph = _graph(_Early(network, blocks), side)
        self._session = ort.InferenceSession(graph, sess_options=options, providers=["CPUExecutionProvider"])

    def look(self, count: int, view: Callable[[int], Images], done: Callable[[int], None]) -> tuple[Halves, Floats]:
        """Looks at ``count`` photos.

        Args:
            count: N.
            view: the place of a photo to its (side, side, 3) uint8.
            done: told how many have been looked at.

        Returns:
            (N, C, H, W) float16 after the frozen blocks, and (N, D) float32 embeddings of the untrained network.
        """
        starts = range(0, count, PASS)
        first, pooled = self._pass(view, range(min(PASS, count)))
        early = np.empty((count, *first.shape[1:]), np.float16)
        embeddings = np.empty((count, pooled.shape[1]), np.float32)

        def work(start: int) -> None:
            rows = range(start, min(start + PASS, count))
            early[start : rows.stop], embeddings[start : rows.stop] = self._pass(view, rows)

        with ThreadPoolExecutor(usable_cores()) as pool:
            try:
                for place, _ in enumerate(pool.map(work, starts), 1):
                    done(min(place * PASS, count))
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        return early, embeddings

    def _pass(self, view: Callable[[int], Images], rows: range) -> tuple[Halves, Floats]:
        early, pooled = self._session.run(None, {"images": np.stack([view(row) for row in rows])})
        return early.astype(np.float16), pooled


class _Early(nn.Module):
    """(N, H, W, 3) uint8 to what the frozen blocks make of it, and to the embedding."""

    def __init__(self, network: EfficientNetLite0, blocks: int) -> None:
        super().__init__()
        self.network, self.blocks = network, blocks

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        early = self.network.early(scaled(images), self.blocks)
        return early, self.network.embed(self.network.late(early, self.blocks))


def _graph(module: nn.Module, side: int) -> bytes:
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            module.eval(),
            (torch.zeros((2, side, side, 3), dtype=torch.uint8),),
            input_names=["images"],
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            opset_version=OPSET,
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    if program is None:
        raise RuntimeError("torch.onnx.export returned no program")
    return bytes(program.model_proto.SerializeToString())
