"""Waveforms to hand-crafted features."""
