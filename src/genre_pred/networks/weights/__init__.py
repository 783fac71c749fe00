"""Weights: published ones, a file of one's own, or random."""
