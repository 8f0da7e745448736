"""Translation of image files into a folder."""
