"""Leaderboards of many runs, published figures, the mistakes of a model."""
