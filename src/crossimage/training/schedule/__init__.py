"""Training by the clock: what is due when, and how long a run takes or may take."""
