"""Domains: how users name them, where their images are, and what they are called."""
