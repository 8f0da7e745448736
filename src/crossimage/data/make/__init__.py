"""Data sets to make."""
