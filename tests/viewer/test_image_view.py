"""Images in view, and open layers that join the project."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile
from projects import make_project, nuclei

from napari_semiseg.exchange import images as exchange_images
from napari_semiseg.project.project import Project
from napari_semiseg.viewer.autosave import Autosave
from napari_semiseg.viewer.background import Background
from napari_semiseg.viewer.images.adding import Adding
from napari_semiseg.viewer.images.image_view import ImageView
from napari_semiseg.viewer.session import Session

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytestqt.qtbot import QtBot


@pytest.fixture
def desk(viewer: Any, qtbot: QtBot) -> Iterator[Any]:
    """A viewer with what shows and adds images."""
    session = Session()
    desk = SimpleNamespace(
        viewer=viewer,
        session=session,
        background=Background(),
        autosave=Autosave(),
    )
    desk.images = ImageView(desk)
    desk.adding = Adding(desk)
    yield desk
    session.close()
    desk.images.close()
    desk.autosave.close()
    desk.background.close()
    qtbot.waitUntil(lambda: not desk.background.busy)


def shown(desk: Any) -> np.ndarray:
    (layer,) = desk.images.layers
    return np.asarray(layer.data)


def test_images_are_shown_one_after_the_other_in_one_layer(
    desk: Any, tmp_path: Path, qtbot: QtBot
) -> None:
    project = make_project(tmp_path / "p", {})
    desk.session.open(project)
    with qtbot.waitSignal(desk.images.shown):
        desk.images.show(project.images[0])
    first = desk.images.layers[0]
    first.colormap = "magma"

    with qtbot.waitSignal(desk.images.shown):
        desk.images.show_next()

    assert desk.session.item.id == project.images[1].id
    assert desk.images.layers[0] is first
    assert first.colormap.name == "magma"
    assert len(desk.viewer.layers) == 1
    np.testing.assert_array_equal(shown(desk), nuclei(1)[0])


def test_after_the_last_image_comes_the_first(
    desk: Any, tmp_path: Path, qtbot: QtBot
) -> None:
    project = make_project(tmp_path / "p", {})
    desk.session.open(project)

    with qtbot.waitSignal(desk.images.shown):
        desk.images.show_next(-1)
    assert desk.session.item.id == project.images[-1].id
    with qtbot.waitSignal(desk.images.shown):
        desk.images.show_next()
    assert desk.session.item.id == project.images[0].id


def test_the_users_layers_and_selection_stay(
    desk: Any, tmp_path: Path, qtbot: QtBot
) -> None:
    mine = desk.viewer.add_labels(np.zeros((5, 5), np.int32), name="mine")
    project = make_project(tmp_path / "p", {})
    desk.session.open(project)

    with qtbot.waitSignal(desk.images.shown):
        desk.images.show(project.images[0])

    assert [layer.name for layer in desk.viewer.layers] == ["cells0.tif", "mine"]
    assert desk.viewer.layers.selection.active is mine


def test_removing_the_image_layer_is_no_accident(
    desk: Any, tmp_path: Path, qtbot: QtBot
) -> None:
    project = make_project(tmp_path / "p", {})
    desk.session.open(project)
    with qtbot.waitSignal(desk.images.shown):
        desk.images.show(project.images[0])
    said: list[str] = []
    desk.session.said.connect(lambda text, problem: said.append(text))

    desk.viewer.layers.clear()

    assert desk.session.item is None
    assert "still in the project" in said[0]
    with qtbot.waitSignal(desk.images.shown):
        desk.images.show(project.images[0])
    assert len(desk.viewer.layers) == 1


def test_a_renamed_layer_is_still_the_image(
    desk: Any, tmp_path: Path, qtbot: QtBot
) -> None:
    project = make_project(tmp_path / "p", {})
    desk.session.open(project)
    with qtbot.waitSignal(desk.images.shown):
        desk.images.show(project.images[0])

    desk.images.layers[0].name = "my favourite"

    assert desk.session.item is not None
    assert desk.images.layers[0].name == "my favourite"


def test_channels_become_layers_and_colours_stay_together(
    desk: Any, tmp_path: Path, qtbot: QtBot
) -> None:
    rng = np.random.default_rng(0)
    two = rng.integers(0, 255, (2, 40, 50), np.uint8)
    tifffile.imwrite(tmp_path / "two.tif", two, metadata={"axes": "CYX"}, imagej=True)
    colour = rng.integers(0, 255, (40, 50, 3), np.uint8)
    tifffile.imwrite(tmp_path / "rgb.tif", colour, photometric="rgb")
    for name, n_layers in (("two", 2), ("rgb", 1)):
        project = Project.create(tmp_path / f"p-{name}")
        project.add_images([tmp_path / f"{name}.tif"])
        desk.session.open(project)
        with qtbot.waitSignal(desk.images.shown):
            desk.images.show(project.images[0])
        assert len(desk.images.layers) == n_layers == len(desk.viewer.layers)
    np.testing.assert_array_equal(shown(desk), colour)


def test_a_large_image_is_shown_from_smaller_versions_of_it(
    desk: Any, tmp_path: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = np.random.default_rng(0).integers(0, 999, (4200, 300), np.uint16)
    tifffile.imwrite(tmp_path / "long.tif", pixels)
    project = Project.create(tmp_path / "p")
    project.add_images([tmp_path / "long.tif"])
    read: list[int] = []
    whole = exchange_images.LazyFrame.read

    def counted(frame: Any, box: Any) -> Any:
        read.append(int(np.prod(box.size)))
        return whole(frame, box)

    monkeypatch.setattr(exchange_images.LazyFrame, "read", counted)
    desk.session.open(project)

    with qtbot.waitSignal(desk.images.shown):
        desk.images.show(project.images[0])

    (layer,) = desk.images.layers
    assert layer.multiscale
    assert max(read, default=0) < pixels.size
    np.testing.assert_array_equal(
        np.asarray(layer.data[0][100:120, 5:9]), pixels[100:120, 5:9]
    )


def test_an_open_file_joins_as_the_file_it_is(
    desk: Any, tmp_path: Path, qtbot: QtBot
) -> None:
    path = tmp_path / "cells.tif"
    tifffile.imwrite(path, nuclei(0)[0])
    (layer,) = desk.viewer.open(str(path), plugin="napari")
    layer.scale = (0.5, 0.5)
    project = Project.create(tmp_path / "p")
    desk.session.open(project)

    with qtbot.waitSignal(desk.session.image_changed):
        desk.adding.add_layers(desk.adding.open_layers())

    assert (project.folder / project.images[0].path).resolve() == path
    assert desk.images.layers == (layer,)
    assert desk.session.placement.scale == (0.5, 0.5)
    assert desk.adding.open_layers() == []
    assert len(desk.viewer.layers) == 1


def test_pixels_without_a_file_are_copied_into_the_project(
    desk: Any, tmp_path: Path, qtbot: QtBot
) -> None:
    image = nuclei(3)[0]
    desk.viewer.add_image(image, name="made / here")
    desk.viewer.add_image(np.stack([nuclei(4)[0], nuclei(5)[0]]), name="frames")
    project = Project.create(tmp_path / "p")
    desk.session.open(project)

    desk.adding.add_layers(desk.adding.open_layers())
    qtbot.waitUntil(lambda: len(project.images) == 3)
    qtbot.waitUntil(lambda: not desk.background.busy)

    by_name = {item.name: item for item in project.images}
    assert set(by_name) == {
        "made-here.tif",
        "frames.tif (frame 0)",
        "frames.tif (frame 1)",
    }
    frame = project.frame(by_name["made-here.tif"])
    np.testing.assert_array_equal(
        tifffile.imread(project.folder / "images/made-here.tif"), image
    )
    assert frame.shape == image.shape


def test_unclear_axes_are_asked_for(desk: Any, tmp_path: Path, qtbot: QtBot) -> None:
    stack = np.random.default_rng(0).integers(0, 99, (4, 40, 50), np.uint8)
    np_path = tmp_path / "stack.tif"
    tifffile.imwrite(np_path, stack, photometric="minisblack", metadata=None)
    project = Project.create(tmp_path / "p")
    desk.session.open(project)

    desk.adding.add_files([np_path])
    qtbot.waitUntil(lambda: bool(desk.adding.questions))
    (question,) = desk.adding.questions
    assert "stack.tif is 4 x 40 x 50" in question.words
    desk.adding.answer(question, "TYX")
    qtbot.waitUntil(lambda: bool(project.images))

    assert len(project.images) == 4
    assert desk.adding.questions == []


def test_a_bad_file_is_a_sentence_and_the_others_join(
    desk: Any, tmp_path: Path, qtbot: QtBot
) -> None:
    (tmp_path / "broken.tif").write_bytes(b"no image")
    tifffile.imwrite(tmp_path / "good.tif", nuclei(0)[0])
    project = Project.create(tmp_path / "p")
    desk.session.open(project)
    said: list[tuple[str, bool]] = []
    desk.session.said.connect(lambda text, problem: said.append((text, problem)))

    desk.adding.add_files([tmp_path / "broken.tif", tmp_path / "good.tif"])
    qtbot.waitUntil(lambda: desk.session.item is not None)

    assert [item.name for item in project.images] == ["good.tif"]
    assert "broken.tif" in said[0][0]
    assert said[0][1]
