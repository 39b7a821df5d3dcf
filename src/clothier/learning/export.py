"""A trained network as the two files of a bundle: an ONNX graph and safetensors weights."""

from __future__ import annotations

import copy
import logging
import warnings
from typing import TYPE_CHECKING, cast

import torch
from safetensors.torch import save as save_tensors

from clothier.learning.classifier import Deployed

if TYPE_CHECKING:
    from torch import nn

    from clothier.records import View

OPSET = 20  # understood by ONNX Runtime 1.17 and later
_EXAMPLE = 2  # pictures in the example batch; 1 would freeze the batch size (pytorch issue 157621)


def to_onnx(network: nn.Module, view: View) -> bytes:
    """One graph: ``images`` (N, H, W) uint8 in; ``logits`` (N, K) and ``embedding`` (N, D) float32 out; any N."""
    deployed = Deployed(copy.deepcopy(network).cpu().to(memory_format=torch.contiguous_format)).eval()  # type: ignore[call-overload]  # documented, not in the stubs
    example = torch.zeros((_EXAMPLE, *view.shape), dtype=torch.uint8)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # the exporter warns of its own libraries' deprecations
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        program = torch.onnx.export(
            deployed,
            (example,),
            input_names=["images"],
            output_names=["logits", "embedding"],
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            opset_version=OPSET,
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    if program is None:  # the exporter's stubs allow it; its dynamo path never does it
        raise RuntimeError("torch.onnx.export returned no program")
    return cast("bytes", program.model_proto.SerializeToString())


def to_safetensors(network: nn.Module) -> bytes:
    """All weights and fitted buffers by name, float32 as trained."""
    return save_tensors({name: value.cpu().contiguous() for name, value in network.state_dict().items()})
