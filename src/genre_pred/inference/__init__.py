"""Prediction: from an audio file to its genre."""
