"""Classifiers on tables of features: what is read of a clip, who learns from it, and how."""
