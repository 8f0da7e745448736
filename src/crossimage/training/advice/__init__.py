"""What can be done with a run, as commands and as calls to copy."""
