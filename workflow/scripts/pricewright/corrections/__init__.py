"""Corrections that a person declared: read, checked against what was delivered, applied."""
