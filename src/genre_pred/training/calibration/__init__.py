"""Calibration: from scores to probabilities."""
