"""Candidates, promotion rules, the champion and its history."""
