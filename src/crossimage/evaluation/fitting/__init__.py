"""Training of the classifiers and segmenters behind metrics."""
