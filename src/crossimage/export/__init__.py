"""Export of trained models to ONNX, in fp32 or int8."""
