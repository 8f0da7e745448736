"""Studies with people as judges: make, serve, export and analyse."""
