"""Semi-supervised segmentation of microscopy images from a few labelled tiles."""

__version__ = "0.1.0"
