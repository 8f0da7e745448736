"""Tar shards: their members as images that are read in place."""
