"""Figures, tables and images of an evaluation."""
