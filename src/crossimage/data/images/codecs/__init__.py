"""Formats that Pillow does not decode, or not fully."""
