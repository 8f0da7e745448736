"""Evaluation of models and of folders of results, by the field's protocols."""
