"""A trained model applied to images: preprocessing, ONNX Runtime, calibrated predictions and decisions. No torch."""

from clothier.inference.model import Model, load

__all__ = ["Model", "load"]
