"""Runs: started, followed, steered."""
