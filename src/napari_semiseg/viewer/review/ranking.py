"""What the model is in doubt of in each image, and which one to look at next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from napari_semiseg.errors import SemisegError
from napari_semiseg.geometry import Box
from napari_semiseg.runs.outside import outside
from napari_semiseg.viewer.canvas import look_at
from napari_semiseg.viewer.review.image_queue import ImageQueue, QueuedImage

if TYPE_CHECKING:
    from napari_semiseg.runs.events import Event
    from napari_semiseg.viewer.desk import Desk
    from napari_semiseg.viewer.review.run_reports import RunReports

_SHARE = 0.6  # Of the canvas, that the tile fills: its surroundings count, too.


class Ranking(QObject):
    """Has the server rank the images, and goes through them.

    Attributes
    ----------
    queue
        What is known of the images.
    progress
        How many images are ranked, of how many.
    """

    changed = Signal()

    def __init__(self, desk: Desk, reports: RunReports) -> None:
        super().__init__(desk.session)
        self._desk = desk
        self._reports = reports
        self.queue = ImageQueue()
        self.progress = (0, 0)
        self._request: str | None = None
        self._going = False  # Whether to go to the first image once all are known.
        self._wanted: str | None = None  # Image whose doubtful tile to look at.
        self._finished: dict[str, bool] = {}
        self._corrected: set[str] | None = None  # None: not known yet.
        desk.session.project_changed.connect(self._on_project)
        desk.session.image_changed.connect(self._on_image)
        desk.session.tiles_changed.connect(self._on_tiles)
        desk.session.model_changed.connect(self.forget)
        desk.session.corrected.connect(self._on_corrected)
        desk.session.corrections_changed.connect(self._on_corrections)
        desk.server.ranked.connect(self._hear)
        desk.images.shown.connect(self._on_shown)
        reports.changed.connect(self._on_reports)

    def close(self) -> None:
        """Let go of the others."""
        self._desk.session.project_changed.disconnect(self._on_project)
        self._desk.session.image_changed.disconnect(self._on_image)
        self._desk.session.tiles_changed.disconnect(self._on_tiles)
        self._desk.session.model_changed.disconnect(self.forget)
        self._desk.session.corrected.disconnect(self._on_corrected)
        self._desk.session.corrections_changed.disconnect(self._on_corrections)
        self._desk.server.ranked.disconnect(self._hear)
        self._desk.images.shown.disconnect(self._on_shown)
        self._reports.changed.disconnect(self._on_reports)

    @property
    def busy(self) -> bool:
        """Whether images are being ranked."""
        return self._request is not None

    def why_not(self) -> str | None:
        """Why images cannot be ranked now, a sentence; None: they can."""
        project = self._desk.session.project
        if project is None:
            return "Open a project first."
        if not project.images:
            return "Add images first."
        if self._desk.looking.model is None:
            return "Train a model first: then it can say where it is unsure."
        return None

    def why_not_next(self) -> str | None:
        """Why there is no next image, a sentence; None: it is known or can be."""
        return None if self.upcoming() else self.why_not()

    def rank(self) -> None:
        """Find out what the model in use is in doubt of in each image."""
        if self.why_not() or self.busy:
            return
        self._request = self._desk.server.ask_rank()
        self.progress = (0, len(self._desk.session.opened.images))
        self.changed.emit()

    def cancel(self) -> None:
        """Leave it; what is known stays."""
        self._going = False
        if self._request is not None:
            self._desk.server.cancel(self._request)

    def finished(self) -> set[str]:
        """Ids of the images that have a finished tile."""
        project = self._desk.session.project
        for item in project.images if project else ():
            if item.id not in self._finished:
                try:
                    tiles = self._desk.session.annotations.tiles(item)
                except SemisegError:
                    tiles = []
                self._finished[item.id] = any(tile.finished for tile in tiles)
        return {image_id for image_id, found in self._finished.items() if found}

    def corrected(self) -> set[str]:
        """Ids of the images in which the user has accepted or corrected something."""
        if self._corrected is None:
            project = self._desk.session.project
            try:
                found = self._desk.session.corrections.images() if project else ()
            except SemisegError:
                found = ()
            self._corrected = set(found)
        return self._corrected

    def upcoming(self) -> QueuedImage | None:
        """The image that is most worth a look; None: none is known."""
        return self.queue.next_one(self.finished())

    def go_next(self) -> None:
        """Put the image in view that is most worth a look, as soon as it is known."""
        reason, following = self.why_not_next(), self.upcoming()
        if reason is not None:
            self._desk.session.say(reason)
        elif following is not None:
            self.go(following.image_id)
        elif self.queue.looked_at:
            words = "You have seen all images since they were ranked: rank them again."
            self._desk.session.say(words)
        else:
            self._going = True
            self.rank()

    def go(self, image_id: str) -> None:
        """Put an image of the queue in view, and the doubtful tile in the middle."""
        session = self._desk.session
        self.queue.visit(image_id)
        self._wanted = image_id
        if session.item is not None and session.item.id == image_id:
            self._on_shown()
        else:
            self._desk.images.show(session.opened.image(image_id))
        self.changed.emit()

    def _hear(self, event: Event) -> None:
        if self._request is None or event.get("request") != self._request:
            return
        name = event["event"]
        if name == "ranked":
            self.queue.put(QueuedImage.of(event))
            self.progress = (event["done"], event["total"])
        else:
            self._request = None
            going, self._going = self._going, False
            if name == "refused":
                self._desk.session.say(event["sentence"], problem=True)
            elif name == "ranked_all":
                self.queue.settle(event["images"])
            if name == "ranked_all" and going and self.upcoming() is not None:
                self.go_next()
        self.changed.emit()

    def forget(self) -> None:
        """What was known of the images was another model's."""
        self.cancel()
        self._request = None
        self.queue.clear()
        self.progress = (0, 0)
        self.changed.emit()

    def _on_reports(self) -> None:
        project, now = self._desk.session.project, self._reports.now
        known = {item.id for item in project.images} if project else set()
        scores = {key: one for key, one in now.reliability.items() if key in known}
        self.queue.report(scores, outside(now.sizes, known) if now.sizes else {})
        self.changed.emit()

    def _on_corrections(self, _image_id: str) -> None:
        self._corrected = None  # Some may have been given back.
        self.changed.emit()

    def _on_corrected(self, image_id: str, _box: object) -> None:
        known = self.corrected()
        if image_id not in known:
            known.add(image_id)
            self.changed.emit()

    def _on_project(self) -> None:
        self._finished.clear()
        self._corrected = None
        self.forget()

    def _on_shown(self) -> None:
        """Look at the tile that is most worth it, once: then the view is the user's."""
        session, wanted = self._desk.session, self._wanted
        self._wanted = None
        if session.item is None or session.item.id != wanted:
            return
        box = self.queue.of(wanted).box
        if box is not None:
            flat = Box(box.origin[-2:], box.size[-2:])
            look_at(self._desk.viewer, session.placement, flat, _SHARE)

    def _on_image(self) -> None:
        item = self._desk.session.item
        if item is not None:
            self.queue.visit(item.id)
            self.changed.emit()

    def _on_tiles(self, image_id: str) -> None:
        self._finished.pop(image_id, None)
        self.changed.emit()
