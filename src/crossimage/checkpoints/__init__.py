"""Model files and training states on disk."""
