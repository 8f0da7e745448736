"""TIFF files: how they store images, decoding them as a whole or by rows, and writing them."""
