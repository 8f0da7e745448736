"""The best model of a run: evaluations on the way, the model that is kept, and early stopping."""
