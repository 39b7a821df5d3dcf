"""A trained model applied to images: preprocessing, ONNX Runtime, calibrated predictions and decisions. No torch."""

from clothier.inference.loading import load
from clothier.inference.model import Model

__all__ = ["Model", "load"]
