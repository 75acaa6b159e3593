"""Parts of a ViT as nodes of an ONNX graph."""
