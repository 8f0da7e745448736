"""Checks of image files before they are decoded."""
