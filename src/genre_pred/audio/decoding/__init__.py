"""Sound files into excerpts and waveforms."""
