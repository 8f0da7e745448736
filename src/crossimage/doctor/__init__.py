"""The data doctor: what training would do with a data set, and what is wrong with it."""
