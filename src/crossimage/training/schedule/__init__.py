"""Training by the clock: what is due when, how long a run takes, and how long it shall take."""
