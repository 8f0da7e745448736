"""Training that evaluates itself: what the command line and Python users start."""
