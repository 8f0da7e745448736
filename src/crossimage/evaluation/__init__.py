"""How good translated images are, by the field's protocols."""
