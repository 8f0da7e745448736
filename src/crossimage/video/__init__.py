"""Films: reading, translating and writing them."""
