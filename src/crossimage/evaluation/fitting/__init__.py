"""Training of the classifiers and segmenters that evaluate."""
