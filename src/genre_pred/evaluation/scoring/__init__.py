"""Metrics, intervals, tests, the leaderboard of one run."""
