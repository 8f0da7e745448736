"""Tables of attributes: their text, their splits, the images that they name, and their labels."""
