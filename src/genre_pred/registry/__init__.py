"""Candidates, the rules of promotion, the champion and its history."""
