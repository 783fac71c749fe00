"""Waveforms into hand-made features."""
