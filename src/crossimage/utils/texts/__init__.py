"""Texts from users and files: YAML and JSON within bounds, and values as messages show them."""
