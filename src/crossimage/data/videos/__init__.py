"""Videos as files: opening them, and decoding their frames to upright RGB images."""
