"""Videos: reading, translating and writing them."""
