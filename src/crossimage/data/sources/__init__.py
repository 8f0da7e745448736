"""Sources of data: folders, pairs, classes and tables."""
