"""``python -m napari_semiseg``: the command line."""

from __future__ import annotations

from napari_semiseg.cli import main

if __name__ == "__main__":
    main()
