"""The project folder on disk: images, tiles, annotations, corrections, owners."""
