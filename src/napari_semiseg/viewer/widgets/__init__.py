"""Widgets that know nothing of projects: each shows or edits one value."""
