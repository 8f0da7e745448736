"""Models on the Hugging Face hub: the card that describes one, and its upload."""
