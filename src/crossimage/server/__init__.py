"""Models behind HTTP: an API for products, and a page to try them."""
