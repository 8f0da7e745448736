"""What the machine lends to this process: cores, and threads on them."""
