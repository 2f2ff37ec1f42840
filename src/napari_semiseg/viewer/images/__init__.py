"""Images into the project, and one of them in view."""
