"""Which method helps on these images: arms trained alike and compared on the truth."""
