"""Scores of models and their uncertainty: tables in, tables out."""
