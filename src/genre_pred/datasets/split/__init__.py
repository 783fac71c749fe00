"""How clips are divided into train, validation and test, or into folds."""
