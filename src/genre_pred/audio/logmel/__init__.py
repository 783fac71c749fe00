"""Waveforms to log-mel patches, one front end per family of networks."""
