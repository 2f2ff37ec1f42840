"""Where a model comes from: settings, weights, versions, citations."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from napari_semiseg.errors import SemisegError
from napari_semiseg.learning.citations import how_to_cite
from napari_semiseg.learning.methods import method_of, parse_settings
from napari_semiseg.runs.reporting.markup import Markup, join, table, tag

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from napari_semiseg.runs.reporting.facts import RunFacts


def settings_section(facts: RunFacts) -> Markup:
    """All settings; what differs from the preset stands first."""
    title = tag("h2", "Settings")
    try:
        settings = parse_settings(facts.record.settings)
    except SemisegError:
        rows = [(name, _words(v)) for name, v in _flat(facts.record.settings)]
        words = tag("p", "This version does not know the method's settings any more.")
        return join([title, words, table((), rows)])
    kind = method_of(settings.name).settings
    preset = dict(_flat(kind.of_preset(settings.preset).model_dump(mode="json")))
    about = dict(_descriptions(settings))
    values = dict(_flat(settings.model_dump(mode="json")))
    changed = [
        (name, _words(value), _words(preset.get(name)), about.get(name, ""))
        for name, value in values.items()
        if value != preset.get(name) and name not in ("name", "preset")
    ]
    head = tag(
        "p",
        tag("b", kind.title),
        f", preset “{settings.preset}”. {kind.sentence}",
    )
    told = (
        table(("Changed setting", "Here", "In the preset", "Meaning"), changed)
        if changed
        else tag("p", "Nothing was changed in the preset.")
    )
    every = table((), [(n, _words(v), about.get(n, "")) for n, v in values.items()])
    rest = tag("details", tag("summary", "All settings"), every)
    return join([title, head, told, rest])


def weights_words(facts: RunFacts) -> str:
    """Which weights a run started from, plainly."""
    source = str(facts.card.get("weights_source") or "").strip()
    if facts.record.start == "scratch":
        encoder = source or "It is not known what the encoder began with."
        return f"From the encoder weights, with a new decoder. {encoder}"
    ancestors = facts.card.get("ancestors") or ()
    names = [str(one.get("name")) for one in ancestors if isinstance(one, dict)]
    first = names[0] if names else PurePath(facts.record.start).name
    words = f"From an earlier model, {first}"
    if len(names) > 1:
        words += f", which went on from {', '.join(names[1:])}"
    return f"{words}. The first encoder: {source}" if source else f"{words}."


def origin_section(facts: RunFacts) -> Markup:
    """Weights, network, device, seed, versions, and the hashes of the images."""
    record, network = facts.record, facts.card.get("network") or {}
    threads = f", {record.threads} thread(s)" if record.device == "cpu" else ""
    rows: list[tuple[object, object]] = [
        ("Started from", tag("b", weights_words(facts))),
        ("Network", " with ".join(map(str, list(network.values())[:2]))),
        ("Steps", f"{record.total_steps or 0:,}"),
        ("Seed", "" if record.seed is None else record.seed),
        ("Device", f"{record.device or 'not known'}{threads}"),
        ("Started, ended", f"{_time(record.started)}, {_time(record.ended)}"),
        *((f"Version of {name}", v) for name, v in record.versions.items()),
    ]
    hashes = table(
        ("Image", "Content hash"),
        [(facts.image(name), code) for name, code in record.inputs.items()],
    )
    folded = tag("details", tag("summary", "Images by their content"), hashes)
    said = [*record.messages, *record.changes]
    notes = tag("ul", *(tag("li", one) for one in said)) if said else ""
    return join([tag("h2", "How it was made"), table((), rows), notes, folded])


def citation_section(facts: RunFacts) -> Markup:
    """What to cite when results of this run are published."""
    version = facts.record.versions.get("napari-semiseg", "")
    papers = how_to_cite(facts.record.method, version)
    words = "Cite the papers of the method, and the software:"
    lines = tag("ol", *(tag("li", paper) for paper in papers))
    return join([tag("h2", "How to cite"), tag("p", words), lines])


def _flat(values: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", value


def _descriptions(model: BaseModel, before: str = "") -> Iterator[tuple[str, str]]:
    for name, field in type(model).model_fields.items():
        value = getattr(model, name)
        if isinstance(value, BaseModel):
            yield from _descriptions(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", field.description or ""


def _words(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list | tuple):
        return ", ".join(map(_words, value)) or "none"
    return "-" if value is None else str(value)


def _time(stamp: str | None) -> str:
    return "-" if stamp is None else f"{stamp[:19].replace('T', ' ')} UTC"
