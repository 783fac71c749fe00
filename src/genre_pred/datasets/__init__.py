"""Sources of labelled music, cleaning, and splits."""
