"""Stores of objects, such as S3, and web servers: addresses, and images in them, by fsspec."""
