"""Building blocks and networks; they take numbers and never see a config."""
