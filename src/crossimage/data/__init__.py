"""Image files, training samples, inspection of data, and data sets to generate."""
