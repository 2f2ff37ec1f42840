from __future__ import annotations

import numpy as np

from napari_semiseg.segmentation.trust import Trust, apply_trust


def test_a_persons_word_wins() -> None:
    selected = np.array([False, True, False, True, False, True])
    said = [Trust.UNSET] * 2 + [Trust.TRUSTED] * 2 + [Trust.NOT_TRUSTED] * 2
    found = apply_trust(selected, np.array(said, np.uint8))
    assert found.tolist() == [False, True, True, True, False, False]
