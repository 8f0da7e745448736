"""Figures that tell how good images are."""
