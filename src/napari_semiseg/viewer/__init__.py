"""The dock in napari; the only room that knows Qt or napari."""
