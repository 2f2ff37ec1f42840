"""What a training says in a terminal, while it goes on and when it has ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from napari_semiseg.cli.showing import Display
    from napari_semiseg.runs.events import Event
    from napari_semiseg.runs.folder import RunFolder
    from napari_semiseg.runs.record import RunRecord


class TrainingLog:
    """Shows the events of a run as they come."""

    def __init__(self, shown: Display) -> None:
        self._shown = shown
        self._begun_with = ""

    def __call__(self, event: Event) -> None:
        """Show one event."""
        for line in _lines(event):
            # The first step repeats what was said at the beginning.
            if line not in self._begun_with:
                self._shown.line(line)
        self._begun_with += " ".join(event.get("messages") or ())
        if event["event"] == "preparing":
            # How long it takes still may follow, behind a comma.
            words = f"{event['stage']}: {event['sentence'].rstrip('.')}"
            self._shown.progress(event["step"], event["n_steps"], words)
        if event["event"] == "step":
            self._shown.progress(event["step"], event["n_steps"], _step_words(event))


def _lines(event: Event) -> Iterator[str]:
    name = event["event"]
    if name in ("started", "resumed"):
        yield from event.get("messages") or ()
        begin = "Going on at" if name == "resumed" else "Beginning at"
        yield f"{begin} step {event['step']} of {event['n_steps']}."
    elif name in ("step", "preparing"):
        if event.get("message"):
            yield event["message"]
        if scores := event.get("scores"):
            yield f"Step {event['step']}, validation: {_scores_words(scores)}"
    elif name in ("batch", "arm", "check"):
        yield event["sentence"]
    elif name == "paused":
        yield "Paused. Go on with: napari-semiseg resume PROJECT"
    elif name == "unpaused":
        yield "Going on."
    elif name == "finishing":
        yield "The model is being evaluated and saved."


def _step_words(event: Event) -> str:
    loss = (event.get("losses") or {}).get("total")
    words = f"step {event['step']} of {event['n_steps']}, {event['stage']}"
    words += "" if loss is None else f", loss {loss:.3f}"
    coverage = event.get("coverage")
    return words if coverage is None else f"{words}, coverage {coverage:.0%}"


def _scores_words(scores: Mapping[str, Any]) -> str:
    known = {name.rsplit(".", 1)[-1]: value for name, value in scores.items()}
    wanted = {
        "ap": "precision x recall",
        "ap_actis": "precision x recall",
        "f1": "F1",
        "ap_actis_mean": "precision x recall over IoU 0.1 to 0.9",
        "mean_iou": "mean IoU",
        "mean_dice": "mean Dice",
    }
    parts = [
        f"{words} {known[name]:.3f}"
        for name, words in wanted.items()
        if known.get(name) is not None
    ]
    if not parts:
        parts = [f"{name} {value:.3f}" for name, value in known.items() if value]
    return ", ".join(parts)


def closing_words(record: RunRecord, run: RunFolder) -> Iterator[str]:
    """What came of a run: model, scores, verdict, weights, device."""
    from napari_semiseg.runs.beside import main_run
    from napari_semiseg.runs.checking.check import check_of
    from napari_semiseg.runs.models import read_card_json
    from napari_semiseg.runs.supervised_arm import compare_with_arm

    checked = main_run(run, record)
    if record.check_of is not None and checked is not None:
        yield from closing_words(checked.record(), checked)
        return
    if not run.has_model:
        yield (
            f"The run {record.id} was {record.state} before it had a model. "
            f"Go on with: napari-semiseg train {run.project_folder} "
            f"--resume {record.id}"
        )
        return
    card = read_card_json(run.model)
    if record.state == "stopped":
        yield "The run was stopped; its model is that of the steps it made."
    yield f"Model: {run.model}"
    if record.scores:
        at = "" if card["task"] == "semantic" else " at IoU 0.5"
        yield f"Scores{at}, on {record.tuned_on}: {_scores_words(record.scores)}"
    if any(name.startswith("training") for name in record.scores):
        yield "Those are the tiles it learned from: they say little about other images."
        if record.cross_validated is None:
            yield (
                "To know more, label a tile with --role validation, or train with "
                "--cross-validate."
            )
    used = "The model is in use now." if record.accepted else "It is not in use."
    yield f"{used} {record.verdict or ''}".rstrip()
    check = check_of(run)
    if record.cross_validate and record.cross_validated is None and check is not None:
        place = f"{run.project_folder} --resume {check.id}"
        yield f"Go on with the cross-validation by: napari-semiseg train {place}"
    if found := compare_with_arm(run):
        yield found.sentence
    elif record.compare:
        yield "The supervised arm did not finish: there is nothing to compare with."
    network = card["network"]
    yield f"Network: {network['architecture']} with {network['encoder']}. " + str(
        card.get("weights_source") or ""
    )
    threads = f", {record.threads} thread(s)" if record.device == "cpu" else ""
    yield f"Device: {record.device}{threads}. Report: {run.report}"
