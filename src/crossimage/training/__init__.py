"""From recipe, data and run folder to a trained model."""
