"""Metrics, intervals, significance tests and the leaderboard of one run."""
