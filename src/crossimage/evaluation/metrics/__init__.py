"""Metrics of image translation."""
