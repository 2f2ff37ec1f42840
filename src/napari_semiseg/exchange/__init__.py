"""Reading images and labels, writing masks, maps and tables."""
