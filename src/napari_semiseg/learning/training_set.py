"""What a method learns from: labelled tiles and unlabelled images, as arrays."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np

from napari_semiseg.geometry import ArraySource, Box, ImageSource
from napari_semiseg.learning.told import KnownPixels, Told
from napari_semiseg.segmentation.object_classes import object_class_plane

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from napari_semiseg.learning.told import CorrectionSource

Task = Literal["instances", "semantic"]
N_INSTANCE_CLASSES = 3  # Background, interior, boundary.


@dataclass(frozen=True, eq=False)
class LabelledTile(KnownPixels):
    """One annotated box of one image.

    Attributes
    ----------
    image
        float32 ``(C, *S)``, normalised.
    instances
        int32 ``(*S)``: object ids >= 1, 0 no object, -1 ignore.
    annotated
        bool ``(*S)``: where the class of the pixel is known. A pixel with an id but not
        annotated lies on an edge that the tile's border cuts: it is ignored, and yet no
        boundary arises beside it.
    classes
        Class of each object, 1 for those not named. (Of a semantic task an "object" is
        whatever has one number in a label image: usually all pixels of its class.)
    image_id, origin
        Where the tile lies.
    role
        ``validation`` tiles never train.
    source
        The whole image, so that the tile can be predicted with its surroundings;
        None: the tile is all there is.
    clean
        False when an ancestor of the model was trained on this validation tile.
    class_overrides
        uint8 ``(*S)``: the target a person gave a pixel, annotated or not, which wins
        over the one that follows from the objects; 255 elsewhere. None: no pixel.
    accepted
        bool ``(*S)``: where an object was accepted from a teacher, not drawn. None:
        nowhere.
    """

    image: NDArray[np.float32]
    instances: NDArray[np.int32]
    annotated: NDArray[np.bool_]
    classes: Mapping[int, int] = field(default_factory=dict)
    image_id: str = ""
    origin: tuple[int, ...] = (0, 0)
    role: Literal["training", "validation"] = "training"
    source: ImageSource | None = None
    clean: bool = True
    class_overrides: NDArray[np.uint8] | None = None
    accepted: NDArray[np.bool_] | None = None

    def object_classes(self) -> NDArray[np.uint8]:
        """The class of the object each pixel belongs to, 0 without; uint8 ``(*S)``."""
        return object_class_plane(self.instances, self.classes)

    def class_of_objects(self) -> dict[int, int]:
        """The class of each object."""
        present = np.unique(self.instances[self.instances > 0]).tolist()
        return {number: self.classes.get(number, 1) for number in present}

    @property
    def box(self) -> Box:
        """Where the tile lies in its image."""
        return Box(self.origin, tuple(self.instances.shape))

    def region(self) -> tuple[ImageSource, Box]:
        """The source to predict the tile from, and the tile's box in it."""
        if self.source is None:
            return ArraySource(self.image), Box.whole(tuple(self.instances.shape))
        return self.source, self.box


class SizeSource(Protocol):
    """How much of an image each region really covers: a benchmark knows the truth."""

    def read(self, box: Box) -> NDArray[np.float32]:
        """float32 ``(R,)``: share of a box that each region covers.

        Regions are the classes without the background, or of instances all objects
        together; NaN where nobody knows.
        """
        ...


@dataclass(frozen=True, eq=False)
class UnlabelledImage:
    """An image to draw unlabelled tiles from, but for the boxes in ``excluded``.

    What a person said of its pixels, in ``corrections``, does not change while a run
    trains; None: nothing. ``sizes`` is for the comparison with a method that knows
    them, in benchmarks; else None.
    """

    source: ImageSource
    image_id: str = ""
    excluded: tuple[Box, ...] = ()
    corrections: CorrectionSource | None = None
    sizes: SizeSource | None = None

    def told(self, box: Box) -> Told:
        """What a person said of the pixels of a box."""
        if self.corrections is None:
            return Told.nothing(box.size)
        return self.corrections.read(box)


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """Everything a run learns from; frozen.

    ``classes`` are the user's class names without the background. ``pixel_size`` is
    that of the images (None when unknown or mixed), ``pixel_unit`` its unit.
    """

    labelled: tuple[LabelledTile, ...]
    unlabelled: tuple[UnlabelledImage, ...] = ()
    n_channels: int = 1
    classes: tuple[str, ...] = ("object",)
    task: Task = "instances"
    pixel_size: tuple[float, ...] | None = None
    pixel_unit: str = "pixel"

    @property
    def n_classes(self) -> int:
        """Classes a network tells apart: those of the user and the background.

        Of task ``instances`` background, interior and boundary, whatever the classes.
        """
        return N_INSTANCE_CLASSES if self.task == "instances" else len(self.classes) + 1

    @property
    def n_kinds(self) -> int:
        """Classes of objects that a head of its own tells apart: 0, or two and more."""
        several = self.task == "instances" and len(self.classes) > 1
        return len(self.classes) if several else 0

    @property
    def training(self) -> tuple[LabelledTile, ...]:
        """Tiles that train."""
        return tuple(tile for tile in self.labelled if tile.role == "training")

    @property
    def validation(self) -> tuple[LabelledTile, ...]:
        """Tiles that judge."""
        return tuple(tile for tile in self.labelled if tile.role == "validation")

    def told(self, image_id: str, box: Box) -> Told:
        """What the user said of the pixels of a box when the run began."""
        for image in self.unlabelled:
            if image.image_id == image_id:
                return image.told(box)
        return Told.nothing(box.size)
