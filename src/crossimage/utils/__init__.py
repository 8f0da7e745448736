"""Helpers shared by the whole package: files, names, seeds, memory, pages and progress."""
