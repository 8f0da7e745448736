"""Inputs and their outputs, of models and of folders of results."""
