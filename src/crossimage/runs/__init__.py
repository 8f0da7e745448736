"""Listing, describing and comparing runs and model files."""
