"""Scores into calibrated probabilities."""
