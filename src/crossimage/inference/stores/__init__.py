"""Results in stores of objects, such as S3, and in tar shards."""
