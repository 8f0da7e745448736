"""Writing: folders for what is not kept, images, and why something cannot be written."""
