"""Collections without audio: published features, spectrograms or pictures."""
