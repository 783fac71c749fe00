"""Networks trained on the sound itself."""
