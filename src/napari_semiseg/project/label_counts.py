"""How much was labelled, and how long that took: what a score cost."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from napari_semiseg.project.annotations import AnnotationStore
from napari_semiseg.project.corrections import CorrectionStore
from napari_semiseg.project.labelling_time import LabellingTime
from napari_semiseg.project.owners import Owner

if TYPE_CHECKING:
    from napari_semiseg.project.project import Project


@dataclass(frozen=True)
class LabelCounts:
    """What people have decided so far, in images that are not for testing.

    Attributes
    ----------
    training_tiles, validation_tiles
        Finished tiles.
    tile_objects
        Objects in them; None in a semantic task, where nobody counts objects.
    drawn_objects, accepted_objects
        Objects outside finished tiles that a person drew or changed, and those of a
        model that a person accepted as they were.
    minutes
        Active time of labelling; None where none was recorded.
    """

    training_tiles: int = 0
    validation_tiles: int = 0
    tile_objects: int | None = 0
    drawn_objects: int = 0
    accepted_objects: int = 0
    minutes: float | None = None

    @property
    def tiles(self) -> int:
        """All finished tiles."""
        return self.training_tiles + self.validation_tiles

    @property
    def objects(self) -> int | None:
        """All objects that were labelled; None in a semantic task."""
        if self.tile_objects is None:
            return None
        return self.tile_objects + self.drawn_objects + self.accepted_objects

    def as_dict(self) -> dict[str, float | int | None]:
        """Ready for JSON."""
        return {"tiles": self.tiles, "objects": self.objects, **asdict(self)}


def count_labels(project: Project) -> LabelCounts:
    """Count the tiles and objects that people have labelled so far."""
    tiles, corrections = AnnotationStore(project), CorrectionStore(project)
    states, owners, n_objects = [], [], 0
    for item in project.images:
        if item.role == "test":
            continue
        finished = [record for record in tiles.tiles(item) if record.finished]
        states += [record.state for record in finished]
        n_objects += sum(tiles.load(item, record.box).n_objects for record in finished)
        owners += [
            record.owner
            for record in corrections.objects(item).values()
            if not any(tile.box.overlaps(record.box) for tile in finished)
        ]
    seconds = LabellingTime(project).total()
    return LabelCounts(
        states.count("training"),
        states.count("validation"),
        n_objects if project.task == "instances" else None,
        owners.count(Owner.HUMAN),
        owners.count(Owner.ACCEPTED),
        None if seconds is None else seconds / 60,
    )
