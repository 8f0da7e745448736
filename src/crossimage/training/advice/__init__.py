"""Next steps for a run, as commands and as calls to copy."""
