"""The five steps of the dock."""
