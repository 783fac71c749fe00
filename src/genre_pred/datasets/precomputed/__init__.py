"""Collections without sound: features, spectrograms or pictures that others computed."""
