"""Whether a model has given up telling foreground from background."""

from __future__ import annotations

from dataclasses import dataclass

_LEAST = 0.05  # Of the true foreground; with less a model has collapsed.
_MOST = 0.98  # Of all pixels, where the truth has less than the next:
_MUCH = 0.8


@dataclass(frozen=True)
class Foreground:
    """Numbers of pixels, of those that are annotated.

    ``guessed`` are found to be foreground, ``true`` truly are, ``known`` are all.
    """

    guessed: int
    true: int
    known: int

    @property
    def collapsed(self) -> bool:
        """Whether a model finds (nearly) no foreground, or (nearly) nothing else.

        Where nothing is truly foreground, nobody can tell.
        """
        if self.true == 0:
            return False
        everything = self.guessed > _MOST * self.known and (
            self.true < _MUCH * self.known
        )
        return self.guessed < _LEAST * self.true or everything

    @property
    def words(self) -> str:
        """``0.1 % of the annotated pixels, in the labels 23.0 %``."""
        known = max(self.known, 1)
        guessed, true = self.guessed / known, self.true / known
        return f"{guessed:.1%} of the annotated pixels, in the labels {true:.1%}"
