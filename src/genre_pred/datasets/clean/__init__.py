"""Cleaning: which files of a collection are kept, and why the others are rejected."""
