"""Weights of networks: published, from a file, or random."""
