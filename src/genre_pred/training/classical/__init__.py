"""Classical classifiers on feature tables."""
