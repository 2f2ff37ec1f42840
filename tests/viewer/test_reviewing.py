from __future__ import annotations

import inspect
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from desk_fakes import (
    FakeImages,
    FakeKeys,
    FakeServer,
    FakeTeacher,
    FakeTraining,
    fake_desk,
    finished_run,
    living_run,
)
from projects import make_project
from qtpy.QtCore import Qt

from napari_semiseg.geometry import Box
from napari_semiseg.learning.settings import ActisSettings
from napari_semiseg.project.project import Project
from napari_semiseg.runs.chosen_thresholds import chosen_thresholds
from napari_semiseg.runs.reasons import sureness
from napari_semiseg.viewer.background import Background
from napari_semiseg.viewer.canvas import camera_of
from napari_semiseg.viewer.keys import KEYS
from napari_semiseg.viewer.own_layers import mark
from napari_semiseg.viewer.panels.review import ReviewPanel
from napari_semiseg.viewer.review.reviewing import Reviewing
from napari_semiseg.viewer.rounds.rounds import Rounds
from napari_semiseg.viewer.session import Session
from napari_semiseg.viewer.teacher.layer_making import NAMES
from napari_semiseg.viewer.teacher.looking import Looking
from napari_semiseg.viewer.teacher.teacher_layers import Chosen

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytestqt.qtbot import QtBot

WHOLE = Box((0, 0), (96, 112))
TUNED = Chosen(0.4, 0.6, 8)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    tile = (Box((0, 0), (64, 64)), "training")
    project = make_project(tmp_path / "project", {0: [tile]})
    finished_run(project)
    return project


@pytest.fixture
def desk(
    project: Project,
    tmp_path: Path,
    qtbot: QtBot,
    viewer: Any,
) -> Iterator[Any]:
    """A real viewer, session and looking; the first image is in view."""
    session = Session()
    made = fake_desk(
        session,
        viewer,
        keys=FakeKeys(),
        server=FakeServer(tmp_path / "previews"),
        training=FakeTraining(),
        teacher=FakeTeacher(WHOLE),
        images=FakeImages(session),
        background=Background(session),
    )
    made.looking = Looking(made)
    made.reviewing = Reviewing(made)
    made.rounds = Rounds(made)
    made.said = []
    session.said.connect(lambda text, problem: made.said.append(text))
    session.open(project)
    session.show(project.images[0])
    yield made
    made.rounds.close()
    made.reviewing.close()
    made.looking.close()
    session.close()
    made.background.close()


@pytest.fixture
def panel(desk: Any, qtbot: QtBot) -> Iterator[ReviewPanel]:
    panel = ReviewPanel(desk)
    qtbot.addWidget(panel)
    panel.show()
    yield panel
    panel.close_panel()


def rank_all(desk: Any, project: Project, *confidences: float) -> None:
    desk.reviewing.ranking.rank()
    request = f"rank-{len(desk.server.asked)}"
    for number, (item, value) in enumerate(
        zip(project.images, confidences, strict=True), start=1
    ):
        event = {"event": "ranked", "request": request, **ranked(item.id, value)}
        desk.server.ranked.emit({**event, "done": number, "total": 3})
    images = [
        ranked(item.id, value)
        for item, value in sorted(
            zip(project.images, confidences, strict=True), key=lambda pair: pair[1]
        )
    ]
    event = {"event": "ranked_all", "request": request}
    desk.server.ranked.emit({**event, "images": images})


def ranked(image_id: str, confidence: float) -> dict[str, Any]:
    """What the server tells of an image that is doubtful by its confidence alone."""
    return {
        "image_id": image_id,
        "confidence": confidence,
        "n_objects": 3,
        "score": 1 - confidence,
        "reason": sureness(confidence),
        "box": [[16, 8], [32, 32]],
    }


def kept(project: Project) -> Any:
    fresh = Project.open(project.folder)
    (run,) = (fresh.folder / "runs").iterdir()
    return chosen_thresholds(fresh, SimpleNamespace(id=run.name))


# -- thresholds -----------------------------------------------------------------------


def test_the_model_brings_its_thresholds_rules_and_words(desk: Any) -> None:
    assert desk.reviewing.cutting.tuned == TUNED
    assert desk.teacher.thresholds == TUNED
    assert desk.teacher.rules["boundary_mode"] == "inner"
    assert desk.teacher.rules["form"] == "components"
    assert desk.teacher.words == ActisSettings.layer_words


def test_chosen_thresholds_are_shown_at_once_and_kept(
    desk: Any, project: Project, qtbot: QtBot
) -> None:
    desk.reviewing.cutting.put(0.3, 0.7, 20)

    assert desk.teacher.thresholds == Chosen(0.3, 0.7, 20)
    qtbot.waitUntil(lambda: kept(project) is not None)
    found = kept(project)
    assert (found.foreground, found.seed, found.min_size) == (0.3, 0.7, 20)


def test_thresholds_in_the_making_are_saved_when_the_project_is_left(
    desk: Any, project: Project
) -> None:
    desk.reviewing.cutting.put(0.3, 0.7, 20)
    assert kept(project) is None

    desk.session.close()

    assert kept(project).foreground == 0.3


def test_kept_thresholds_come_back(desk: Any, project: Project) -> None:
    desk.reviewing.cutting.put(0.3, 0.7, 20)
    desk.session.close()
    desk.teacher.set_thresholds(0.5, 0.5, 0)

    desk.session.open(Project.open(project.folder))

    assert desk.teacher.thresholds == Chosen(0.3, 0.7, 20)
    assert desk.reviewing.cutting.tuned == TUNED


def test_going_back_forgets_what_was_chosen(desk: Any, project: Project) -> None:
    desk.reviewing.cutting.put(0.3, 0.7, 20)
    desk.reviewing.cutting.save()
    assert kept(project) is not None

    desk.reviewing.cutting.reset()
    desk.reviewing.cutting.save()

    assert desk.teacher.thresholds == TUNED
    assert kept(project) is None


def test_thresholds_of_a_run_that_trains_are_only_tried(
    desk: Any, project: Project
) -> None:
    run = living_run(project)
    desk.training.show(run, state="training", step=3)
    assert desk.teacher.thresholds == Chosen(0.5, 0.5, 12)
    assert desk.teacher.rules["boundary_mode"] == "outer"
    assert desk.teacher.rules["form"] == "mahotas"

    desk.reviewing.cutting.put(0.2, 0.8, 0)
    desk.reviewing.cutting.save()

    assert not desk.reviewing.cutting.keeps
    assert "thresholds" not in Project.open(project.folder).settings
    desk.training.show(None)
    assert desk.teacher.thresholds == TUNED


def test_objects_are_cut_out_by_what_suits_the_run_now(
    desk: Any, project: Project
) -> None:
    desk.training.show(living_run(project), state="training", step=3)

    desk.looking.tuned.emit(0.7, 0.4)
    assert desk.teacher.thresholds == Chosen(0.7, 0.4, 12)

    desk.reviewing.cutting.put(0.2, 0.8, 0)  # The user's own choice holds,
    desk.looking.tuned.emit(0.6, 0.3)
    assert desk.teacher.thresholds == Chosen(0.2, 0.8, 0)

    desk.reviewing.cutting.reset()  # until it is given up.
    assert desk.teacher.thresholds == Chosen(0.6, 0.3, 12)


def test_a_project_opened_to_look_only_keeps_nothing(
    desk: Any, project: Project
) -> None:
    desk.session.read_only = "Somebody else has it open."

    desk.reviewing.cutting.put(0.3, 0.7, 20)
    desk.session.close()

    assert kept(project) is None


# -- objects --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "act"),
    [
        ("accept object", "accept"),
        ("reject", "reject"),
        ("give back", "give back objects"),
    ],
)
def test_a_key_acts_on_the_object_under_the_cursor(
    desk: Any, key: str, act: str
) -> None:
    desk.teacher.object_there = 7

    desk.keys.bound[key]()

    assert desk.teacher.acts == [(act, [7])]


def test_without_an_object_under_the_cursor_it_is_said(desk: Any) -> None:
    desk.keys.bound["accept object"]()

    assert desk.teacher.acts == []
    assert desk.said == ["There is no object here: point at one."]


def test_nothing_is_corrected_in_a_project_to_look_at(desk: Any) -> None:
    desk.session.read_only = "Somebody else has it open."
    desk.teacher.object_there = 7

    for act in ("accept object", "reject", "accept tile", "give back"):
        desk.keys.bound[act]()
    desk.reviewing.give_back_view()
    desk.reviewing.give_back_image()

    assert desk.teacher.acts == []
    assert set(desk.said) == {"Somebody else has it open."}


def test_the_tile_in_hand_is_accepted(desk: Any) -> None:
    tile = Box((64, 64), (32, 32))
    desk.session.take(tile)

    desk.keys.bound["accept tile"]()

    assert desk.teacher.acts == [("accept tile", tile)]


@pytest.mark.parametrize(
    ("cursor", "origin"),
    [((48, 56), (16, 24)), ((0, 0), (0, 0)), ((500, 500), (32, 48))],
)
def test_without_one_a_tile_around_the_cursor_is(
    desk: Any, cursor: tuple[int, int], origin: tuple[int, int]
) -> None:
    desk.viewer.cursor.position = cursor

    desk.keys.bound["accept tile"]()

    assert desk.teacher.acts == [("accept tile", Box(origin, (64, 64)))]


def test_what_is_in_view_is_given_back(desk: Any) -> None:
    desk.reviewing.give_back_view()

    ((_, box),) = desk.teacher.acts
    assert WHOLE.contains(box)


# -- clicks in the image --------------------------------------------------------------


def press(
    desk: Any, *, drag: bool = False, button: int = 1, held: tuple[str, ...] = ()
) -> SimpleNamespace:
    """A click in the viewer, as napari passes it to its callbacks."""
    event = SimpleNamespace(
        type="mouse_press",
        position=(3.0, 4.0),
        button=button,
        modifiers=held,
        handled=False,
    )
    started = [call(desk.viewer, event) for call in desk.viewer.mouse_drag_callbacks]
    running = [one for one in started if inspect.isgenerator(one)]
    kinds = [*(["mouse_move"] * drag), "mouse_release"]
    for generator in running:
        next(generator, None)
    for kind in kinds:
        event.type = kind
        for generator in running:
            next(generator, None)
    return event


def test_a_click_accepts_while_the_tool_is_on(desk: Any) -> None:
    desk.teacher.object_there = 7
    desk.reviewing.tool.take("accept")

    event = press(desk)

    assert desk.teacher.acts == [("accept", [7])]
    assert event.handled

    desk.reviewing.tool.take(None)
    press(desk)
    assert len(desk.teacher.acts) == 1


def test_the_tool_changes_hands(desk: Any) -> None:
    desk.teacher.object_there = 7
    desk.reviewing.tool.take("accept")
    desk.reviewing.tool.take("reject")

    press(desk)

    assert desk.teacher.acts == [("reject", [7])]


def test_dragging_and_other_buttons_click_nothing(desk: Any) -> None:
    desk.teacher.object_there = 7
    desk.reviewing.tool.take("accept")

    press(desk, drag=True)
    press(desk, button=2)
    press(desk, held=("Shift",))

    assert desk.teacher.acts == []


def test_the_selected_layer_rests_and_gets_its_tool_back(desk: Any) -> None:
    layer = desk.viewer.add_labels(np.zeros((9, 9), np.int32))
    layer.mode = "paint"

    desk.reviewing.tool.take("accept")
    assert layer.mode == "pan_zoom"

    desk.reviewing.tool.take(None)
    assert layer.mode == "paint"


def test_another_tool_of_napari_puts_this_one_away(desk: Any, qtbot: QtBot) -> None:
    desk.teacher.object_there = 7
    layer = desk.viewer.add_labels(np.zeros((9, 9), np.int32))
    desk.reviewing.tool.take("accept")
    layer.mode = "erase"

    press(desk)
    qtbot.waitUntil(lambda: desk.reviewing.tool.clicking is None)

    assert desk.teacher.acts == []
    assert layer.mode == "erase"


# -- looking under the layers ---------------------------------------------------------


def own(desk: Any, use: str, *, visible: bool) -> Any:
    layer = desk.viewer.add_labels(np.zeros((9, 9), np.int32), name=use)
    mark(layer, use)
    layer.visible = visible
    return layer


def test_the_layers_of_the_model_are_hidden_and_come_back(desk: Any) -> None:
    objects = own(desk, NAMES["instances"], visible=True)
    classes = own(desk, NAMES["label"], visible=False)
    drawn = own(desk, "annotation", visible=True)

    desk.keys.bound["teacher layers"]()
    assert [layer.visible for layer in (objects, classes, drawn)] == [False] * 2 + [
        True
    ]

    desk.keys.bound["teacher layers"]()
    assert [layer.visible for layer in (objects, classes, drawn)] == [True, False, True]
    assert desk.teacher.acts == []


def test_removed_layers_of_the_model_are_made_again(desk: Any) -> None:
    desk.keys.bound["teacher layers"]()

    assert desk.teacher.acts == [("show layers",)]


def test_peeking_shows_the_bare_image_and_nothing_else_changes(desk: Any) -> None:
    image = own(desk, "image", visible=True)
    objects = own(desk, NAMES["instances"], visible=True)
    drawn = own(desk, "annotation", visible=False)
    theirs = desk.viewer.add_labels(np.zeros((9, 9), np.int32))
    layers = (image, objects, drawn, theirs)

    desk.keys.bound["peek"]()
    assert [layer.visible for layer in layers] == [True, False, False, True]

    desk.reviewing.peeking.unpeek()
    assert [layer.visible for layer in layers] == [True, True, False, True]


def test_a_layer_removed_while_it_was_hidden_stays_away(desk: Any) -> None:
    objects = own(desk, NAMES["instances"], visible=True)
    desk.keys.bound["peek"]()
    desk.viewer.layers.remove(objects)

    desk.reviewing.peeking.unpeek()

    assert not objects.visible


# -- the queue ------------------------------------------------------------------------


def test_images_are_ranked_and_the_least_sure_is_next(
    desk: Any, project: Project
) -> None:
    rank_all(desk, project, 0.4, 0.9, 0.7)

    # The first has a finished tile and is in view.
    assert desk.reviewing.ranking.upcoming().image_id == project.images[2].id

    desk.keys.bound["next image"]()
    assert desk.session.item == project.images[2]
    desk.keys.bound["next image"]()
    assert desk.session.item == project.images[1]
    desk.keys.bound["next image"]()
    assert desk.said == [
        "You have seen all images since they were ranked: rank them again."
    ]


def test_the_next_image_is_seen_at_its_doubtful_tile_once(
    desk: Any, project: Project
) -> None:
    rank_all(desk, project, 0.4, 0.9, 0.7)
    camera = camera_of(desk.viewer)

    desk.keys.bound["next image"]()
    assert desk.session.item == project.images[2]
    middle = desk.session.placement.to_world((31.5, 23.5))
    assert camera.center[-2:] == pytest.approx(middle)

    # From then on the view is the user's, whatever shows the image again.
    camera.center = (3.0, 4.0)
    desk.images.shown.emit()
    assert camera.center[-2:] == pytest.approx((3.0, 4.0))

    # Asked for by the list, the image in view is seen there again.
    desk.reviewing.ranking.go(project.images[2].id)
    assert camera.center[-2:] == pytest.approx(middle)


def test_the_first_next_ranks_and_goes_there(desk: Any, project: Project) -> None:
    desk.reviewing.ranking.go_next()
    assert desk.reviewing.ranking.busy
    assert desk.session.item == project.images[0]

    for item, value in zip(project.images, (0.9, 0.8, 0.3), strict=True):
        event = {"event": "ranked", "request": "rank-1", **ranked(item.id, value)}
        desk.server.ranked.emit({**event, "done": 1, "total": 3})
    last = {"event": "ranked_all", "request": "rank-1", "images": []}
    desk.server.ranked.emit(last)

    assert desk.session.item == project.images[2]
    assert not desk.reviewing.ranking.busy


def test_a_cancelled_ranking_keeps_what_is_known(desk: Any, project: Project) -> None:
    desk.reviewing.ranking.rank()
    told = ranked(project.images[1].id, 0.5)
    event = {"event": "ranked", "request": "rank-1", **told, "done": 1, "total": 3}
    desk.server.ranked.emit(event)

    desk.reviewing.ranking.cancel()
    desk.server.ranked.emit({"event": "cancelled", "request": "rank-1"})

    assert desk.server.cancelled == ["rank-1"]
    assert not desk.reviewing.ranking.busy
    assert len(desk.reviewing.ranking.queue) == 1


def test_another_model_makes_the_ranking_worthless(desk: Any, project: Project) -> None:
    rank_all(desk, project, 0.4, 0.9, 0.7)

    desk.session.model_changed.emit()

    assert len(desk.reviewing.ranking.queue) == 0


def test_an_image_that_was_labelled_meanwhile_comes_last(
    desk: Any, project: Project
) -> None:
    rank_all(desk, project, 0.4, 0.9, 0.7)
    item = project.images[2]
    desk.session.annotations.add_tile(item, Box((0, 0), (32, 32)), "training")

    desk.session.tiles_changed.emit(item.id)

    assert desk.reviewing.ranking.upcoming().image_id == project.images[1].id


def test_a_refused_ranking_is_said(desk: Any, project: Project) -> None:
    desk.reviewing.ranking.rank()

    sentence = "There is no image."
    desk.server.ranked.emit(
        {"event": "refused", "request": "rank-1", "sentence": sentence}
    )

    assert desk.said == [sentence]
    assert not desk.reviewing.ranking.busy


# -- the verdict ----------------------------------------------------------------------


def test_the_verdict_is_that_of_the_last_run(desk: Any, project: Project) -> None:
    verdict = desk.reviewing.verdict
    assert verdict.accepted
    assert verdict.headline == "The new model was taken."
    assert verdict.measured == (
        "On 2 validation tiles: precision x recall 0.78, F1 0.90. "
        "1 would be without fault."
    )

    finished_run(
        project,
        "two",
        accepted=False,
        verdict="It is not better than the model in use: 0.7 against 0.8.",
        scores={},
    )
    desk.session.model_changed.emit()

    assert desk.reviewing.verdict.headline == "The new model was not taken."
    assert desk.reviewing.verdict.measured == ""


def test_a_run_that_ends_brings_its_verdict(desk: Any, project: Project) -> None:
    view = SimpleNamespace(
        accepted=True,
        verdict="It is better than the model in use.",
        tuned_on="1 validation tile",
        scores={"validation.f1": 0.5},
        arm_of=None,
    )

    desk.training.ended.emit(view)

    assert desk.reviewing.verdict.sentence == "It is better than the model in use."
    assert desk.reviewing.verdict.measured == (
        "On 1 validation tile: F1 0.50. 1 would be without fault."
    )


def test_a_failed_run_leaves_the_verdict_as_it_was(desk: Any) -> None:
    before = desk.reviewing.verdict
    view = SimpleNamespace(
        accepted=None, verdict=None, tuned_on=None, scores={}, arm_of=None
    )

    desk.training.ended.emit(view)

    assert desk.reviewing.verdict == before


# -- the panel ------------------------------------------------------------------------


def test_keys_stand_on_the_buttons(panel: ReviewPanel) -> None:
    from qtpy.QtWidgets import QPushButton

    texts = [made.text() for made in panel.findChildren(QPushButton)]

    for name in ("accept object", "reject", "accept tile", "give back", "next image"):
        assert any(text.endswith(KEYS[name].shown) for text in texts), name


def test_every_control_has_a_tooltip(panel: ReviewPanel) -> None:
    from qtpy.QtWidgets import QAbstractButton, QAbstractSpinBox, QSlider

    silent = [
        control
        for kind in (QAbstractButton, QSlider, QAbstractSpinBox)
        for control in panel.findChildren(kind)
        if not (control.toolTip() or control.parent().toolTip())
    ]

    assert not silent


def test_sliders_show_and_change_the_thresholds(
    panel: ReviewPanel, desk: Any, qtbot: QtBot
) -> None:
    assert panel.cutting.sliders.foreground.value() == pytest.approx(0.4)
    assert panel.cutting.sliders.min_size.value() == 8

    panel.cutting.sliders.foreground.setValue(0.25)

    assert desk.teacher.thresholds == Chosen(0.25, 0.6, 8)
    qtbot.waitUntil(panel.cutting.reset.isEnabled)
    panel.cutting.reset.click()
    qtbot.waitUntil(
        lambda: panel.cutting.sliders.foreground.value() == pytest.approx(0.4)
    )


def test_showing_thresholds_is_no_choice(panel: ReviewPanel, desk: Any) -> None:
    desk.reviewing.cutting.close = lambda: None
    desk.session.project.update_settings(thresholds={})

    panel.refresh()
    desk.reviewing.cutting.save()

    assert desk.session.project.reload().settings["thresholds"] == {}


def test_without_a_model_it_is_said_what_to_do(
    panel: ReviewPanel, desk: Any, project: Project
) -> None:
    desk.looking.model = desk.looking.teacher = None
    desk.reviewing.cutting.tuned = None
    panel.refresh()

    assert panel.fact() == "no model yet"
    assert not panel.cutting.sliders.isEnabled()
    assert "Train a model first" in panel.queue.words.text()


def test_a_tool_button_stays_down_while_the_tool_is_on(
    panel: ReviewPanel, desk: Any, qtbot: QtBot
) -> None:
    button = panel.objects._accept

    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert desk.reviewing.tool.clicking == "accept"
    assert button.isChecked()

    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert desk.reviewing.tool.clicking is None
    assert not button.isChecked()


def test_all_corrections_of_an_image_take_two_presses(
    panel: ReviewPanel, desk: Any, qtbot: QtBot
) -> None:
    button = panel.objects._back_image

    button.click()
    assert desk.teacher.acts == []
    assert button.text() == "Really all?"

    button.click()
    assert desk.teacher.acts == [("give back", None)]
    assert button.text() == "All in image"


def test_the_list_names_images_and_reasons_and_leads_there(
    panel: ReviewPanel, desk: Any, project: Project, qtbot: QtBot
) -> None:
    rank_all(desk, project, 0.4, 0.95, 0.7)
    panel.refresh()

    entries = [panel.queue.list.topLevelItem(n) for n in range(3)]
    assert [entry.text(0) for entry in entries] == [
        "cells2.tif",
        "cells1.tif",
        "cells0.tif",
    ]
    assert [entry.text(1) for entry in entries] == [
        "unsure, 70 %",
        "95 %",
        "unsure, 40 %, labelled",
    ]
    assert panel.fact().endswith("next: cells2.tif (unsure, 70 %)")

    panel.queue.list.itemClicked.emit(entries[1], 0)
    assert desk.session.item == project.images[1]


def test_train_again_is_the_training_of_step_three(
    panel: ReviewPanel, desk: Any
) -> None:
    panel._retrain.click()
    assert desk.training.started == ["last"]

    desk.training.reason = "A run is going on already."
    panel.refresh()
    assert not panel._retrain.isEnabled()
    assert panel._why_not_retrain.text() == desk.training.reason


def test_many_changes_are_shown_once(
    panel: ReviewPanel, desk: Any, qtbot: QtBot
) -> None:
    facts: list[str] = []
    panel.fact_changed.connect(facts.append)

    for _ in range(50):
        desk.training.changed.emit()
    qtbot.waitUntil(lambda: bool(facts))

    assert len(facts) == 1
