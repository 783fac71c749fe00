"""Leaderboards of many runs, published figures, and a model's mistakes."""
