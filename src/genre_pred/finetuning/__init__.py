"""Networks that learn from the sound itself."""
