"""Files of tensors: safetensors, PyTorch checkpoints and published weights; none can run code."""
