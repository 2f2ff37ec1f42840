"""Tools that correct objects, in the tile in hand and in what the model sees."""
