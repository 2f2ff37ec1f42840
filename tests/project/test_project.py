from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile

from napari_semiseg.errors import SemisegError
from napari_semiseg.geometry import Box
from napari_semiseg.project import opening
from napari_semiseg.project.annotations import AnnotationStore
from napari_semiseg.project.project import Project

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from napari_semiseg.project.records import ImageItem


def test_what_is_created_is_opened(project: Project) -> None:
    opened = Project.open(project.folder / "project.json")
    assert opened.folder == project.folder
    assert opened.images == project.images
    assert (opened.task, opened.classes) == ("instances", ("object",))
    assert [item.path for item in opened.images] == [
        "../images/a.tif",
        "../images/b.tif",
    ]


def test_ids_are_readable_and_unique(project: Project) -> None:
    first, second = (item.id for item in project.images)
    assert first.startswith("a-")
    assert len(first) == len("a-") + 8
    assert first != second


def test_a_project_is_not_created_twice(project: Project) -> None:
    with pytest.raises(SemisegError, match="a project already"):
        Project.create(project.folder)


@pytest.mark.parametrize("classes", [(), ("",), ("a", "a"), ("background", "a")])
def test_classes_need_names(tmp_path: Path, classes: tuple[str, ...]) -> None:
    with pytest.raises(SemisegError, match="class"):
        Project.create(tmp_path / "new", classes=classes)


def test_a_folder_that_is_no_project_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(SemisegError, match="napari-semiseg init"):
        Project.open(tmp_path)


def test_source_is_normalised_and_frame_is_raw(
    project: Project, item: ImageItem
) -> None:
    raw = tifffile.imread(project.folder / item.path)
    box = Box((3, 5), (20, 30))
    np.testing.assert_array_equal(project.frame(item).read(box)[0], raw[box.slices])
    low, high = np.percentile(raw, [1, 99.8])
    expected = (raw[box.slices] - low) / (high - low)
    np.testing.assert_allclose(project.source(item).read(box)[0], expected, rtol=1e-5)


def test_few_files_stay_open(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "_MOST_OPEN", 1)
    sources = [project.source(item) for item in project.images]
    pixels = [source.read(Box((0, 0), (40, 60))) for source in sources]
    assert not np.array_equal(*pixels)
    assert [source.shape for source in sources] == [(40, 60), (40, 60)]


def test_a_stack_gives_an_item_a_frame(project: Project, tmp_path: Path) -> None:
    frames = np.random.default_rng(0).integers(0, 99, (3, 40, 60), dtype=np.uint16)
    tifffile.imwrite(tmp_path / "film.tif", frames, photometric="minisblack")
    added = project.add_images([tmp_path / "film.tif"], axes="TYX").added
    assert [item.frame for item in added] == [0, 1, 2]
    assert added[1].id.endswith("-t001")
    assert project.image("film", frame=2) == added[2]
    assert "3 frames" in project.describe(added[0])
    whole = Box.whole(added[2].shape)
    np.testing.assert_array_equal(project.frame(added[2]).read(whole)[0], frames[2])
    with pytest.raises(SemisegError, match=r"3 frames: name one from 0 to 2"):
        project.image("film.tif")
    with pytest.raises(SemisegError, match="no frame 7"):
        project.image("film.tif", frame=7)


def test_one_bad_file_does_not_stop_the_others(
    project: Project, save_image: Callable[..., Path], tmp_path: Path
) -> None:
    broken = tmp_path / "broken.tif"
    broken.write_bytes(b"II*\0nonsense")
    colour = tmp_path / "colour.tif"
    tifffile.imwrite(colour, np.zeros((40, 60, 3), np.uint8), photometric="rgb")
    good = save_image("c.tif", 3)
    empty = tmp_path / "empty"
    empty.mkdir()
    asked = [broken, colour, tmp_path / "gone.tif", empty, good]
    result = project.add_images(asked)
    assert [item.name for item in result.added] == ["c.tif"]
    reasons = {skip.path.name: skip.reason for skip in result.skipped}
    assert set(reasons) == {"broken.tif", "colour.tif", "gone.tif", "empty"}
    assert (
        "3 channel(s), but the images of this project have 1" in reasons["colour.tif"]
    )
    assert len(Project.open(project.folder).images) == 3


def test_a_folder_is_the_images_in_it(
    tmp_path: Path, save_image: Callable[..., Path]
) -> None:
    save_image("2.tif", 2)
    folder = save_image("1.tif", 1).parent
    (folder / "notes.txt").write_text("nothing to see")
    result = Project.create(tmp_path / "p").add_images([folder])
    assert [item.name for item in result.added] == ["1.tif", "2.tif"]
    assert not result.skipped


def test_the_same_pixels_join_once(project: Project, tmp_path: Path) -> None:
    original = project.folder / project.image("a.tif").path
    copied = shutil.copy(original, tmp_path / "twin.tif")
    result = project.add_images([original, copied])
    assert not result.added
    again, twin = (skip.reason for skip in result.skipped)
    assert "already in the project" in again
    assert "twin.tif holds the same pixels as ../images/a.tif" in twin


def test_two_programs_add_images_to_one_project(
    project: Project, save_image: Callable[..., Path]
) -> None:
    other = Project.open(project.folder)
    project.add_images([save_image("c.tif", 3)])
    other.add_images([save_image("d.tif", 4)])
    assert len(Project.open(project.folder).images) == 4


def test_images_are_found_by_any_of_their_names(
    project: Project, item: ImageItem
) -> None:
    names = [item.id, item.path, "a.tif", "a", project.folder / item.path, item]
    assert all(project.image(name) == item for name in names)


def test_an_unknown_image_names_near_matches(project: Project) -> None:
    with pytest.raises(SemisegError, match=r"Did you mean a\.tif"):
        project.image("a.tiff")


def test_equal_names_need_the_path(
    project: Project, save_image: Callable[..., Path], tmp_path: Path
) -> None:
    other = save_image("a.tif", 9, tmp_path / "day2")
    (added,) = project.add_images([other]).added
    with pytest.raises(SemisegError, match=r"\.\./day2/a\.tif.*\.\./images/a\.tif"):
        project.image("a.tif")
    assert project.image(other) == added


def test_the_whole_tree_moves(project: Project, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    for name in ("project", "images"):
        shutil.move(tmp_path / name, moved / name)
    opened = Project.open(moved / "project")
    assert opened.missing() == []
    assert all(opened.source(item).shape == (40, 60) for item in opened.images)


def test_images_inside_travel_with_a_copy(
    tmp_path: Path, save_image: Callable[..., Path]
) -> None:
    project = Project.create(tmp_path / "p")
    project.add_images([save_image("a.tif", 1, tmp_path / "p" / "raw")])
    AnnotationStore(project).add_tile(project.images[0], Box((0, 0), (8, 8)))
    shutil.copytree(tmp_path / "p", tmp_path / "far" / "away" / "q")
    shutil.rmtree(tmp_path / "p")
    opened = Project.open(tmp_path / "far" / "away" / "q")
    assert opened.images[0].path == "raw/a.tif"
    assert opened.missing() == []
    opened.source(opened.images[0]).read(Box((0, 0), (2, 2)))
    assert len(AnnotationStore(opened).tiles(opened.images[0])) == 1


def test_a_project_moved_alone_finds_its_images_where_they_were(
    project: Project, tmp_path: Path
) -> None:
    place = tmp_path / "deep" / "down" / "project"
    place.parent.mkdir(parents=True)
    shutil.move(project.folder, place)
    opened = Project.open(place)
    assert opened.missing() == []
    assert opened.frame(opened.images[0]).shape == (40, 60)


def test_moved_images_are_relocated_at_once(project: Project, tmp_path: Path) -> None:
    new = tmp_path / "archive" / "2026"
    new.parent.mkdir()
    shutil.move(tmp_path / "images", new)
    (new / "a.tif").rename(new / "renamed.tif")
    assert project.missing() == list(project.images)
    with pytest.raises(SemisegError, match=r"a\.tif is missing"):
        project.frame(project.images[0])
    assert project.relocate(tmp_path / "archive") == 2
    assert project.missing() == []
    paths = [item.path for item in Project.open(project.folder).images]
    assert paths == ["../archive/2026/renamed.tif", "../archive/2026/b.tif"]


def test_relocation_takes_no_image_with_other_pixels(
    project: Project, save_image: Callable[..., Path], tmp_path: Path
) -> None:
    shutil.rmtree(tmp_path / "images")
    save_image("a.tif", 77, tmp_path / "wrong")
    assert project.relocate(tmp_path / "wrong") == 0
    assert len(project.missing()) == 2


def test_a_changed_image_is_refused(
    project: Project, item: ImageItem, save_image: Callable[..., Path]
) -> None:
    save_image("a.tif", 55)
    with pytest.raises(SemisegError, match="labels stay with the original"):
        project.source(item)
    with pytest.raises(SemisegError, match="labels stay with the original"):
        AnnotationStore(project).import_labels(item, np.zeros((40, 60), np.int32), None)


def test_files_swapped_with_their_times_are_noticed(
    project: Project, tmp_path: Path
) -> None:
    one, other = tmp_path / "images" / "a.tif", tmp_path / "images" / "b.tif"
    status = one.stat()
    os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
    project.relocate(tmp_path)
    other.replace(one)
    with pytest.raises(SemisegError, match="labels stay with the original"):
        project.frame(project.images[0])


def test_a_rewritten_file_with_the_same_pixels_is_the_image(
    project: Project, item: ImageItem
) -> None:
    path = project.folder / item.path
    tifffile.imwrite(path, tifffile.imread(path), compression="zlib")
    assert project.frame(item).shape == (40, 60)


def test_roles_and_settings_are_kept(project: Project, item: ImageItem) -> None:
    assert project.set_role(item, "test").role == "test"
    project.update_settings(preset="paper", steps=300)
    opened = Project.open(project.folder)
    assert [image.role for image in opened.images] == ["test", "pool"]
    assert opened.settings == {"preset": "paper", "steps": 300}


def test_far_images_have_absolute_paths(
    tmp_path: Path, save_image: Callable[..., Path]
) -> None:
    deep = tmp_path / "1" / "2" / "3" / "4" / "project"
    project = Project.create(deep)
    image = save_image("a.tif")
    (added,) = project.add_images([image]).added
    assert added.path == image.as_posix()


@pytest.mark.parametrize("shape", [(1, 1), (17, 300)])
@pytest.mark.parametrize("value", [0, 1000])
def test_odd_and_constant_images(
    tmp_path: Path, shape: tuple[int, int], value: int
) -> None:
    tifffile.imwrite(tmp_path / "odd.tif", np.full(shape, value, np.uint16))
    project = Project.create(tmp_path / "p")
    (added,) = project.add_images([tmp_path / "odd.tif"]).added
    pixels = project.source(added).read(Box.whole(shape))
    np.testing.assert_array_equal(pixels, np.zeros((1, *shape)))


def test_the_file_is_plain_json(project: Project) -> None:
    raw = json.loads((project.folder / "project.json").read_text())
    assert raw["schema_version"] == 2
    assert raw["images"][0]["full_shape"] == [40, 60]
