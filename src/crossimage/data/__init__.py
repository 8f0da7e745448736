"""Images: files in and out, training samples, inspection, and a synthetic data set."""
