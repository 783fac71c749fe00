"""Networks that are trained to predict genres."""
