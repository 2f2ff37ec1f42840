from __future__ import annotations

from typing import TYPE_CHECKING

from hands import Hands
from rig import OPEN_TILE, dab

from napari_semiseg.project.labelling_time import LabellingTime
from napari_semiseg.project.project import Project

if TYPE_CHECKING:
    from rig import Rig


def test_time_passes_with_real_strokes(rig: Rig) -> None:
    dock = rig.new_dock(show=True)
    hands = Hands(dock)
    desk = dock.desk
    item = desk.session.opened.images[0]
    desk.session.annotations.add_tile(item, OPEN_TILE)
    desk.session.tiles_changed.emit(item.id)
    desk.annotating.take((item.id, OPEN_TILE))
    for y in (56, 62, 68):
        hands.stroke([(y, 60), (y, 70), (y, 80)])
    desk.session.take(None)
    dab(desk.viewer.layers["instances"], 80, 20, 900)
    dab(desk.viewer.layers["instances"], 84, 20, 901)
    project = desk.session.opened
    dock.close_dock()
    times = LabellingTime(Project.open(project.folder)).times(item)
    assert [one.box for one in times.tiles] == [OPEN_TILE]
    assert 0 < times.tiles[0].seconds < 30
    assert 0 < times.elsewhere < 30
