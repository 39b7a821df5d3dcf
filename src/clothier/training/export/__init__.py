"""A trained network as a bundle: ONNX graph, int8 and float16 versions, safetensors weights."""
