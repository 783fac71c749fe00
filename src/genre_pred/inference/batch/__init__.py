"""Prediction of many files in one run."""
