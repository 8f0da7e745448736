"""The training step: moves of players, skipped moves, and compiled networks."""
