"""Arrays in, arrays out: targets, watershed, thresholds, metrics, measurements."""
