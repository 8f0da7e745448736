"""The page on which people try trained models."""
