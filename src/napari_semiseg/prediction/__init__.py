"""A trained model over an image of any size."""
