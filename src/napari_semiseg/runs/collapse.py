"""Whether a model has given up telling foreground from background."""

from __future__ import annotations

_LEAST = 0.05  # Of the true foreground; with less a model has collapsed.
_MOST = 0.98  # Of all pixels, where the truth has less than the next:
_MUCH = 0.8


def foreground_collapsed(guessed: int, true: int, known: int) -> bool:
    """Whether a model finds (nearly) no foreground, or (nearly) nothing else.

    Parameters
    ----------
    guessed, true, known
        Numbers of pixels, of those that are annotated: found to be foreground, truly
        foreground, and all. Where nothing is truly foreground, nobody can tell.
    """
    if true == 0:
        return False
    everything = guessed > _MOST * known and true < _MUCH * known
    return guessed < _LEAST * true or everything
