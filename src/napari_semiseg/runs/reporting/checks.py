"""How far the scores of a run can be trusted: what a cross-validation has found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_semiseg.runs.comparison import score_of_rows
from napari_semiseg.runs.reporting.markup import Markup, join, table, tag

if TYPE_CHECKING:
    from napari_semiseg.runs.reporting.facts import RunFacts

_ABOUT = (
    "The labelled tiles were dealt out to as many parts as there are trainings. Each "
    "training, from the encoder weights, was given all parts but one, and was scored "
    "on that one; its thresholds were tuned on the tiles that it was given. So no tile "
    "was judged by anything that had seen it. These trainings had fewer tiles than the "
    "model itself, and fewer steps accordingly: the model should be a little better."
)


def cross_validation_section(facts: RunFacts) -> Markup:
    """Score, noise, and the tiles one by one; nothing where nobody asked for it."""
    if facts.record.cross_validate is None:
        return Markup("")
    title = tag("h2", "Cross-validation")
    found = facts.checked
    if found is None:
        return join([title, tag("p", "It has come to no result.")])
    noise = "not known" if found.noise is None else f"{found.noise:.3f}"
    rows = [
        (f"Score ({found.score_words})", f"{found.score:.3f}"),
        ("Noise: its standard error over the tiles (jackknife)", noise),
        ("Trainings", found.n_folds),
    ]
    tiles = [
        (
            facts.image(row.get("image_id")),
            ", ".join(map(str, row.get("origin", ()))),
            row.get("fold", "-"),
            f"{score_of_rows([row]):.3f}",
        )
        for row in found.rows
    ]
    listed = table(("Image", "Place", "Training", "Score"), tiles)
    return join([title, tag("p", _ABOUT), table((), rows), listed])
