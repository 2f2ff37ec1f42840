"""Tiles: suggested, drawn, outlined, imported."""
