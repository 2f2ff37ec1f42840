from __future__ import annotations

import pytest

from napari_semiseg.runs.outside import Outside
from napari_semiseg.runs.reasons import Known, reason_of

OUTSIDE = Outside("31 %, expected 10 to 22 %", "All of it.", 0.4)
ALL = Known(0.612, 5, reliability=0.43, outside=OUTSIDE)


@pytest.mark.parametrize(
    ("image", "strongest", "words"),
    [
        (ALL, "outside", "31 %, expected 10 to 22 %"),
        (ALL, "unreliability", "checkpoints disagree, 0.43"),
        (Known(reliability=0.8), "unreliability", "checkpoints differ a little, 0.80"),
        (Known(reliability=0.97), "unreliability", "checkpoints agree, 0.97"),
        (ALL, "inconsistency", "changes when turned"),
        (ALL, "instability", "objects change when turned"),
        (ALL, "disagreement", "teacher and student differ"),
        (ALL, "unsureness", "unsure, 61 %"),
        (ALL, None, "unsure, 61 %"),
        (Known(0.85, 5), "unsureness", "not quite sure, 85 %"),
        (Known(0.95, 5), None, "95 %"),
        (Known(0.95, 0), "disagreement", "no object found"),
        (Known(), None, "cannot be predicted"),
        # Not known after all.
        (Known(0.95, 5), "outside", "95 %"),
    ],
)
def test_reasons_are_words(image: Known, strongest: str | None, words: str) -> None:
    assert reason_of(image, strongest) == words
