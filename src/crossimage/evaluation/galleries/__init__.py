"""Inputs with their translations."""
