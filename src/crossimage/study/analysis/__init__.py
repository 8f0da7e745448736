"""Statistics of studies, and their report."""
