"""Classical classifiers on tables of features."""
