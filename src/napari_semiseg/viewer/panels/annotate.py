"""Step 2: tiles, and the labels in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from qtpy.QtWidgets import (
    QLabel,
    QProgressBar,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from napari_semiseg.viewer.classes.class_list import ClassList
from napari_semiseg.viewer.counted import counted
from napari_semiseg.viewer.keys import KEYS
from napari_semiseg.viewer.panels.annotate_buttons import fill_button, tile_buttons
from napari_semiseg.viewer.panels.annotate_words import STATE_WORDS, where_words
from napari_semiseg.viewer.panels.first_help import FIRST_HELP
from napari_semiseg.viewer.panels.import_button import ImportButton
from napari_semiseg.viewer.tiles.importing import Importing
from napari_semiseg.viewer.tiles.suggesting import Suggesting
from napari_semiseg.viewer.tiles.thumbnails import Thumbnails
from napari_semiseg.viewer.tiles.tiles_layer import STATE_COLOURS
from napari_semiseg.viewer.tools.tool_grid import ToolGrid
from napari_semiseg.viewer.widgets.buttons import allow, button, note, row
from napari_semiseg.viewer.widgets.panel import Panel
from napari_semiseg.viewer.widgets.strip import Strip, StripEntry

if TYPE_CHECKING:
    from napari_semiseg.viewer.desk import Desk
    from napari_semiseg.viewer.tiles.tile_book import PlacedTile

_MARKS = {"to do": "?", "training": "✓", "validation": "V", "no objects": "0"}
_LEGEND = "? to do   ✓ done   V for validation   0 no objects"
# Buttons that say nothing before there is a tile; the last two need none in hand.
_OF_TILES = (
    "done",
    "no objects",
    "validation",
    "to do",
    "remove",
    "previous tile",
    "next tile",
)


class AnnotatePanel(Panel):
    """Suggests tiles, shows them, and marks the one in hand."""

    title: ClassVar[str] = "Annotate"
    about: ClassVar[str] = (
        "Outline every object in a few small tiles. The model learns from these tiles, "
        "and from all images without labels."
    )
    first_help: ClassVar[str] = FIRST_HELP["Annotate"]

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        annotating = desk.annotating
        self.suggesting = Suggesting(desk)
        self.importing = Importing(desk)
        self.thumbnails = Thumbnails(desk)
        self._count = _spin(1, 50, 6, "How many tiles to suggest.")
        self._side = _spin(32, 1024, 128, "Side of the tiles, in pixels.")
        self._side.setSingleStep(32)
        self._chosen_side = False
        self._speaks_of_classes = False
        self._suggest, self._bar, self._search = self._suggesting_controls()
        self.strip = Strip()
        self._legend = note(_LEGEND)
        self._mark = note("When the tile is finished, mark it:")
        self._where = note()
        self.classes = ClassList(desk.palette)
        self.tools = ToolGrid(desk.tools, "tile")
        self._fill = fill_button(annotating.tools)
        self._tile_tools = tile_buttons(annotating, desk.tiles)
        self._tile_tools["import"] = ImportButton(desk, self.importing)
        self._reason = note()
        self._offer, self._offer_text, self._offer_button = self._offer_line()
        self._lay_out()
        self.strip.chosen.connect(annotating.take)
        self.thumbnails.made.connect(self._on_picture)
        self._side.valueChanged.connect(self._on_side)
        self.suggesting.changed.connect(self.refresh)
        self.suggesting.progressed.connect(self._on_progress)
        self.importing.changed.connect(self.refresh)
        annotating.changed.connect(self.refresh)
        desk.palette.changed.connect(self.refresh)
        desk.looking.teacher_changed.connect(self.refresh)
        annotating.edited.connect(self._say_where)
        annotating.offered.connect(self._show_offer)
        desk.session.project_changed.connect(self._on_project)
        desk.session.image_changed.connect(self.refresh)
        desk.tiles.drawing.drawn.connect(self._on_drawn)
        self.refresh()
        self._show_offer()

    def fact(self) -> str:
        """How many tiles are labelled."""
        book = self._desk.tiles.book
        n_finished = book.count(lambda tile: tile.record.finished)
        n_held_out = book.count(lambda tile: tile.record.state == "validation")
        n_to_do = book.count(lambda tile: not tile.record.finished)
        if not n_finished and not n_to_do:
            return "no tile yet"
        parts = [f"{counted(n_finished, 'tile')} done"]
        if n_held_out:
            parts.append(f"{n_held_out} for validation")
        if n_to_do:
            parts.append(f"{n_to_do} to do")
        return ", ".join(parts)

    def refresh(self) -> None:
        """Show the tiles, the one in hand, and what can be done."""
        tiles = self._desk.tiles.book.all()
        noun = "class" if self._desk.annotating.tools.semantic else "object"
        self.strip.set_entries([_entry(tile, noun) for tile in tiles])
        self.strip.setVisible(bool(tiles))
        self._legend.setVisible(bool(tiles))
        self.strip.set_current(self._desk.annotating.place)
        self.thumbnails.want([tile.place for tile in tiles])
        self._show_suggesting()
        self._say_where()
        self._allow()
        super().refresh()

    def close_panel(self) -> None:
        """Give up a search under way."""
        self.suggesting.cancel()
        self.tools.close_grid()

    def _suggesting_controls(self) -> tuple[QPushButton, QProgressBar, QWidget]:
        suggest = button(
            "Suggest tiles",
            "Find tiles that differ from each other and hold something to outline.",
            self._on_suggest,
        )
        cancel = button("Cancel", "Stop looking for tiles.", self.suggesting.cancel)
        bar = QProgressBar()
        bar.setToolTip("Images looked into.")
        bar.setFormat("%v of %m images")
        return suggest, bar, row(bar, cancel)

    def _offer_line(self) -> tuple[QWidget, QLabel, QPushButton]:
        text = note()
        accept = button("", "Do what is offered.", self._on_accept)
        decline = button("Leave it", "Leave it as it is.", self._on_decline)
        line = QWidget()
        column = QVBoxLayout(line)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(text)
        column.addWidget(row(accept, decline))
        return line, text, accept

    def _lay_out(self) -> None:
        tile = self._tile_tools
        lines = [
            self._suggest,
            row(QLabel("how many"), self._count, QLabel("size"), self._side),
            self._search,
            row(tile["draw"], tile["import"]),
            self.strip,
            self._legend,
            self._where,
            self.classes,
            self._offer,
            self.tools,
            self._fill,
            self._mark,
            row(tile["done"], tile["no objects"]),
            row(tile["validation"], tile["to do"]),
            row(tile["previous tile"], tile["next tile"], tile["remove"]),
            self._reason,
        ]
        for line in lines:
            self.rows.addWidget(line)

    def _on_project(self) -> None:
        self._chosen_side = False
        self.refresh()

    def _on_suggest(self) -> None:
        self.suggesting.start(self._count.value(), self._side.value())

    def _on_progress(self, done: int, total: int) -> None:
        self._bar.setMaximum(total)
        self._bar.setValue(done)

    def _on_side(self) -> None:
        self._chosen_side = True

    def _on_picture(self, place: object) -> None:
        picture = self.thumbnails.get(place)  # type: ignore[arg-type]
        if picture is not None:
            self.strip.set_picture(place, picture)

    def _on_drawn(self) -> None:
        """Back from the rectangle to the brush."""
        self._desk.annotating.annotation.take_in_hand()

    def _on_accept(self) -> None:
        offer = self._desk.annotating.offer
        if offer is not None:
            offer.accept()

    def _on_decline(self) -> None:
        self._desk.annotating.propose(None)

    def _show_offer(self) -> None:
        offer = self._desk.annotating.offer
        self._offer.setVisible(offer is not None)
        if offer is not None:
            self._offer_text.setText(offer.text)
            self._offer_button.setText(offer.button)

    def _show_suggesting(self) -> None:
        busy, size = self.suggesting.busy, self.suggesting.size
        self._search.setVisible(busy)
        if not self._chosen_side:
            self._side.blockSignals(True)
            self._side.setValue(self.suggesting.tile_size)
            self._side.blockSignals(False)
        known = "" if size is None else f" Here {size.words}."
        self._side.setToolTip(f"Side of the tiles, in pixels.{known}")

    def _say_where(self) -> None:
        self._where.setText(where_words(self._desk))

    def _speak(self, *, of_classes: bool) -> None:
        """Call a tile without anything in it what it is."""
        self._speaks_of_classes = of_classes
        words = "All background" if of_classes else "No objects"
        control = self._tile_tools["no objects"]
        control.setText(f"{words}  {KEYS['no objects'].shown}")
        self._legend.setText(_LEGEND.replace("no objects", words.lower()))

    def _allow(self) -> None:
        """Enable what can be done now; say once why the rest cannot."""
        session, annotating = self._desk.session, self._desk.annotating
        no_project = None if session.project else "Open a project first."
        no_images = no_project or (
            None if session.opened.images else "Add images first, in step 1."
        )
        closed = no_images or session.read_only
        busy = "Tiles are being sought." if self.suggesting.busy else None
        allow(self._suggest, closed or busy)
        no_view = None if session.item else "Show an image first, in step 1."
        allow(self._tile_tools["draw"], closed or no_view)
        importing = "Labels are being read." if self.importing.busy else None
        allow(self._tile_tools["import"], closed or no_view or importing)
        tiles = self._desk.tiles.book.all()
        for name in _OF_TILES[-2:]:
            allow(self._tile_tools[name], None if tiles else "There is no tile yet.")
        why_not = closed or annotating.why_not
        semantic = annotating.tools.semantic
        self.tools.allow(why_not, of_classes=semantic)
        allow(self._fill, why_not or annotating.tools.why_not_filled())
        for name in _OF_TILES[:-2]:
            allow(self._tile_tools[name], why_not)
        for part in (self._mark, self.tools, self._fill):
            part.setVisible(bool(tiles))
        if semantic != self._speaks_of_classes:
            self._speak(of_classes=semantic)
        for name in _OF_TILES:
            self._tile_tools[name].setVisible(bool(tiles))
        self._reason.setVisible(session.read_only is not None)
        self._reason.setText(session.read_only or "")


def _spin(low: int, high: int, value: int, tip: str) -> QSpinBox:
    made = QSpinBox()
    made.setRange(low, high)
    made.setValue(value)
    made.setToolTip(tip)
    made.setMaximumWidth(100)
    return made


def _entry(tile: PlacedTile, noun: str) -> StripEntry:
    box = tile.record.box
    count = "" if tile.n_objects is None else f", {counted(tile.n_objects, noun)}"
    return StripEntry(
        key=tile.place,
        colour=STATE_COLOURS[tile.state],
        mark=_MARKS[tile.state],
        tip=f"{tile.item.name}, {box.size[1]} x {box.size[0]} pixels: "
        f"{STATE_WORDS[tile.state]}{count}",
    )
