"""Exported models: ONNX files that translate through onnxruntime."""
