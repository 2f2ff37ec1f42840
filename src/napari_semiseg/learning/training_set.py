"""What a method learns from: labelled tiles and unlabelled images, as arrays."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np

from napari_semiseg.geometry import ArraySource, Box, ImageSource
from napari_semiseg.segmentation.classes import IGNORE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

Task = Literal["instances", "semantic"]
N_INSTANCE_CLASSES = 3  # Background, interior, boundary.


@dataclass(frozen=True, eq=False)
class LabelledTile:
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

    def object_classes(self) -> NDArray[np.uint8]:
        """The class of the object each pixel belongs to, 0 without; uint8 ``(*S)``."""
        ids = np.maximum(self.instances, 0)
        numbers, places = np.unique(ids, return_inverse=True)
        kinds = [self.classes.get(n, 1) if n else 0 for n in numbers.tolist()]
        return np.array(kinds, np.uint8)[places].reshape(ids.shape)

    def class_of_objects(self) -> dict[int, int]:
        """The class of each object."""
        present = np.unique(self.instances[self.instances > 0]).tolist()
        return {number: self.classes.get(number, 1) for number in present}

    def known_classes(self) -> NDArray[np.uint8]:
        """The targets of a semantic task.

        Returns
        -------
        NDArray
            uint8 ``(*S)``: the class of the object that a pixel belongs to, 0 on
            annotated background, what a person gave the pixel where that is known, and
            `IGNORE` elsewhere.
        """
        known = self.annotated & (self.instances >= 0)
        target = np.where(known, self.object_classes(), np.uint8(IGNORE))
        if self.class_overrides is None:
            return target
        told = self.class_overrides != IGNORE
        return np.where(told, self.class_overrides, target)

    @property
    def box(self) -> Box:
        """Where the tile lies in its image."""
        return Box(self.origin, tuple(self.instances.shape))

    def region(self) -> tuple[ImageSource, Box]:
        """The source to predict the tile from, and the tile's box in it."""
        if self.source is None:
            return ArraySource(self.image), Box.whole(tuple(self.instances.shape))
        return self.source, self.box


class TrustSource(Protocol):
    """Where a person said which pseudo-labels of an image shall count."""

    def read(self, box: Box) -> NDArray[np.uint8]:
        """uint8 ``(*box.size)``, values of `Trust`; of a box inside the image."""
        ...


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

    ``trust`` does not change while a run trains; None: nobody said anything. ``sizes``
    is for the comparison with a method that knows them, in benchmarks; else None.
    """

    source: ImageSource
    image_id: str = ""
    excluded: tuple[Box, ...] = ()
    trust: TrustSource | None = None
    sizes: SizeSource | None = None

    def read_trust(self, box: Box) -> NDArray[np.uint8]:
        """uint8 ``(*box.size)``, values of `Trust`."""
        if self.trust is None:
            return np.zeros(box.size, np.uint8)
        return self.trust.read(box)


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

    def trust(self, image_id: str, box: Box) -> NDArray[np.uint8]:
        """What the user says of a box's pseudo-labels: uint8, values of `Trust`."""
        for image in self.unlabelled:
            if image.image_id == image_id:
                return image.read_trust(box)
        return np.zeros(box.size, np.uint8)
