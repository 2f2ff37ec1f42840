from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from napari.utils.key_bindings import coerce_keybinding
from napari.utils.shortcuts import default_shortcuts

from napari_semiseg.viewer.keys import KEYS, Keys

if TYPE_CHECKING:
    from napari_semiseg.viewer.desk import Desk


def press(bench: Desk, sequence: str) -> None:
    assert bench.viewer.window._qt_viewer._key_map_handler.press_key(sequence)


def release(bench: Desk, sequence: str) -> None:
    bench.viewer.window._qt_viewer._key_map_handler.release_key(sequence)


def test_no_key_is_used_by_napari_or_twice() -> None:
    napari = {str(key) for keys in default_shortcuts.values() for key in keys}
    ours = [str(coerce_keybinding(key.sequence)) for key in KEYS.values()]

    assert napari, "the table of napari's keys has moved"
    assert all(ours)
    assert not napari & set(ours)
    assert len(set(ours)) == len(ours)


def test_every_key_can_be_shown_on_a_button(qtbot: Any) -> None:
    assert all(key.shown and key.words for key in KEYS.values())


@pytest.mark.parametrize("name", sorted(KEYS))
def test_a_key_calls_its_function_while_any_layer_is_active(
    bench: Desk, name: str
) -> None:
    pressed: list[str] = []
    bench.keys.bind(name, lambda: pressed.append(name))

    for layer in bench.viewer.layers:
        bench.viewer.layers.selection.active = layer
        press(bench, KEYS[name].sequence)

    assert pressed == [name] * len(bench.viewer.layers)


def test_a_held_key_tells_when_it_is_let_go(bench: Desk) -> None:
    seen: list[str] = []
    bench.keys.bind("peek", lambda: seen.append("down"), lambda: seen.append("up"))

    press(bench, "W")
    assert seen == ["down"]
    release(bench, "W")
    assert seen == ["down", "up"]


def test_closing_gives_the_keys_back(bench: Desk) -> None:
    mine = KEYS["new id"].sequence
    keys = Keys(bench)
    before = dict(bench.viewer.keymap)
    calls: list[str] = []
    bench.viewer.bind_key(mine, lambda viewer: calls.append("before"), overwrite=True)

    keys.bind("new id", lambda: calls.append("dock"))
    keys.bind("new id", lambda: calls.append("dock again"))
    press(bench, mine)
    keys.close()
    press(bench, mine)
    keys.close()

    assert calls == ["dock again", "before"]
    assert set(bench.viewer.keymap) == {*before, coerce_keybinding(mine)}
