"""Training: from a recipe, data and a run folder to a trained model."""
