"""The best model of a run: evaluations during training, the model kept, and early stopping."""
