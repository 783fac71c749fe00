"""Judging models fairly: tables of predictions in, tables of scores and decisions out."""
