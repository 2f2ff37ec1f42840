"""Judging what a model finds, and where to look next."""
