"""A trained model applied to images: preprocessing, ONNX Runtime, calibrated predictions and decisions. No torch."""
