"""Divides clips into train, validation and test, or into folds."""
