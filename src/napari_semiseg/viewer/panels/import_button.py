"""A button with a menu of the labels that can be imported now."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QFileDialog, QMenu, QPushButton, QSizePolicy

from napari_semiseg.viewer.tiles.importing import Importing, LabelSource

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_semiseg.viewer.desk import Desk

    Take = Callable[[LabelSource], None]

_KINDS = "Label images (*.tif *.tiff *.png)"


class ImportButton(QPushButton):
    """Offers open Labels layers and files, for the tile in hand and the image."""

    def __init__(self, desk: Desk, importing: Importing) -> None:
        super().__init__("Import labels")
        self._desk = desk
        self._importing = importing
        self._menu = QMenu(self)
        self._menu.aboutToShow.connect(self.fill)
        self.setMenu(self._menu)
        self.setToolTip("Use labels that you have: an open layer or a file.")
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def fill(self) -> None:
        """List what is open now."""
        self._menu.clear()
        if self._desk.annotating.place is not None:
            self._list("into this tile", self._importing.into_tile)
            self._menu.addSeparator()
        self._list("as the whole image", self._importing.whole_image)

    def _list(self, words: str, take: Take) -> None:
        for layer in self._importing.layers():
            source = LabelSource.of_layer(layer)
            self._add(f"Layer {layer.name} {words}", partial(take, source))
        self._add(f"File {words} ...", partial(self._choose_file, take))

    def _add(self, text: str, act: Callable[[], object]) -> None:
        action: Any = self._menu.addAction(text)
        action.triggered.connect(lambda checked=False: act())

    def _choose_file(self, take: Take) -> None:
        name, _ = QFileDialog.getOpenFileName(
            self, "Labels of this image", filter=_KINDS
        )
        if name:
            take(LabelSource(Path(name)))
