"""Networks that are trained to name genres."""
