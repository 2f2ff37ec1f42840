"""Everything a step of the dock works with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_semiseg.viewer.autosave import Autosave
    from napari_semiseg.viewer.background import Background
    from napari_semiseg.viewer.classes.palette import Palette
    from napari_semiseg.viewer.exporting import Exporting
    from napari_semiseg.viewer.images.image_view import ImageView
    from napari_semiseg.viewer.keys import Keys
    from napari_semiseg.viewer.labelling_minutes import LabellingMinutes
    from napari_semiseg.viewer.review.reviewing import Reviewing
    from napari_semiseg.viewer.rounds.rounds import Rounds
    from napari_semiseg.viewer.server import Server
    from napari_semiseg.viewer.session import Session
    from napari_semiseg.viewer.teacher.looking import Looking
    from napari_semiseg.viewer.teacher.teacher_layers import TeacherLayers
    from napari_semiseg.viewer.tiles.annotating import Annotating
    from napari_semiseg.viewer.tiles.tiles_layer import TilesLayer
    from napari_semiseg.viewer.tools.toolbox import Toolbox
    from napari_semiseg.viewer.training.training import Training


@dataclass(eq=False)
class Desk:
    """The viewer, the session, and one controller for each thing.

    The controllers are made after the desk, in this order, each with the desk as its
    only argument: a controller uses later ones in its slots, not when it is made.
    """

    viewer: Viewer
    session: Session
    background: Background
    autosave: Autosave

    keys: Keys = field(init=False)
    images: ImageView = field(init=False)
    server: Server = field(init=False)
    tiles: TilesLayer = field(init=False)
    annotating: Annotating = field(init=False)
    training: Training = field(init=False)
    teacher: TeacherLayers = field(init=False)
    palette: Palette = field(init=False)
    looking: Looking = field(init=False)
    minutes: LabellingMinutes = field(init=False)
    reviewing: Reviewing = field(init=False)
    rounds: Rounds = field(init=False)
    tools: Toolbox = field(init=False)
    exporting: Exporting = field(init=False)
