"""Plots as shapes, which templates draw as SVG."""
