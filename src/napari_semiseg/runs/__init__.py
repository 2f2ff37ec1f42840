"""Runs: folders that one training process writes and anyone may watch."""
