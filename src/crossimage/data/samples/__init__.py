"""Training samples of every layout, each a pure function of the seed and its number."""
