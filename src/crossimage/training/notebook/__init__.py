"""How training shows itself in a notebook."""
