"""Augmentation of what discriminators see, through which gradients flow to the generators."""
