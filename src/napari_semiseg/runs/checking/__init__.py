"""Cross-validation of a run whose project has no validation tiles."""
