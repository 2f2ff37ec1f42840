"""Why a run ended, as a sentence that names cause and remedy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_semiseg.errors import DiskFullError, ReadOnlyError, SemisegError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari_semiseg.runs.folder import RunFolder

_LOST_DEVICE = ("CUDA error", "CUDNN_STATUS", "NVML", "device-side", "MPS backend")
_MEMORY = ("out of memory", "not enough memory", "can't allocate memory")


@dataclass(frozen=True)
class Failure:
    """A cause in one word, and the sentence for the user."""

    kind: str
    sentence: str


class NotFiniteError(Exception):
    """A loss became infinite or not-a-number.

    Parameters
    ----------
    step
        The step whose losses are broken.
    names
        Names of the broken losses.
    """

    def __init__(self, step: int, names: Iterable[str]) -> None:
        self.step = step
        self.names = tuple(names)
        super().__init__(f"step {step}: {', '.join(self.names)} not finite")


def is_device_memory(error: BaseException) -> bool:
    """Whether the GPU ran out of memory, which a smaller batch may cure.

    Told by the name of the class, so that this module does not need torch.
    """
    names = {kind.__name__ for kind in type(error).__mro__}
    return "OutOfMemoryError" in names or "CUDA out of memory" in str(error)


def is_divergence(error: BaseException) -> bool:
    """Whether the training loop itself found its loss to be no number."""
    return "DivergedError" in {kind.__name__ for kind in type(error).__mro__}


def explain(error: BaseException, run: RunFolder) -> Failure:
    """The failure that an exception in a training process stands for."""
    kind, cause = _cause(error, run)
    if kind in {"moved", "refused", "numbers"}:
        return Failure(kind, cause)
    return Failure(kind, f"{cause} {_remains(run)}")


def _cause(error: BaseException, run: RunFolder) -> tuple[str, str]:
    text = str(error)
    if isinstance(error, FileNotFoundError) and not run.record_file.exists():
        return "moved", (
            f"The project folder was moved or deleted while the run {run.id} wrote "
            "to it. Open the project where it lies now and resume the run there."
        )
    if isinstance(error, NotFiniteError):
        return "numbers", (
            f"The loss became not-a-number at step {error.step} "
            f"({', '.join(error.names)}). Lower the learning rate, or look for images "
            "without contrast, and train again."
        )
    if is_divergence(error):
        return "numbers", text
    if isinstance(error, DiskFullError):
        return "disk", f"The disk is full ({run.path}). Free some space, then resume."
    if isinstance(error, ReadOnlyError):
        return "disk", text
    if isinstance(error, SemisegError):
        return "refused", text
    if is_device_memory(error):
        return "memory", (
            "The GPU has not enough memory, even for the smallest batch. Choose "
            "smaller tiles or a smaller encoder, or close other programs on the GPU."
        )
    if isinstance(error, MemoryError) or any(word in text for word in _MEMORY):
        return "memory", (
            "The computer ran out of memory. Choose smaller tiles, a smaller batch or "
            "a smaller encoder, or close other programs."
        )
    if any(word in text for word in _LOST_DEVICE):
        return "device", (
            f"The GPU was lost or its driver failed ({_first_line(text)}). "
            "Restart the computer if it stays away, then resume, or resume on the CPU."
        )
    return "unexpected", (
        f"Training met an unexpected error ({type(error).__name__}: "
        f"{_first_line(text)}). Please report it with the file {run.log.name}."
    )


def _remains(run: RunFolder) -> str:
    if run.checkpoint is None:
        return "The run has no checkpoint yet: start it again."
    return "The last checkpoint is intact: resume continues from it."


def _first_line(text: str) -> str:
    line = text.strip().split("\n", maxsplit=1)[0]
    return line[:200] or "no text"
