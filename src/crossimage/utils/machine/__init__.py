"""Resources of the machine that this process may use: cores, and threads on them."""
