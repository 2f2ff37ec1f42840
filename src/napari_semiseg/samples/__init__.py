"""Sample images: synthetic nuclei, and a public set."""
