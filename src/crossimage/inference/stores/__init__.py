"""Stores of objects, such as S3: inputs from them and results in them, by fsspec."""
