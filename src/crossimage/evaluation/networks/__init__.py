"""Networks that evaluation looks through."""
