"""A page that translates in the visitor's browser."""
