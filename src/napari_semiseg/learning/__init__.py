"""The systems: settings, networks, losses, stages and the one training loop."""
