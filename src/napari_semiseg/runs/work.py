"""What a server needs of those who do its work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from napari_semiseg.runs.control import Request

    Attend = Callable[[], None]


class LeftError(Exception):
    """The work in hand is to be left.

    No `SemisegError`: an export skips an image that fails with one, and goes on.
    """


class Work(Protocol):
    """What a server does; ``attend`` is to be called often, and may raise."""

    def describe(self) -> dict[str, Any]:
        """Fields of the ``ready`` event: devices."""
        ...

    def model(self) -> str | None:
        """Id of the run whose model is in use now."""
        ...

    def preview(self, request: Request, attend: Attend) -> dict[str, Any]:
        """Write the arrays; return the fields of the event."""
        ...

    def ranking(self, request: Request, attend: Attend) -> Iterator[dict[str, Any]]:
        """Fields of the ``ranked`` event of one image after the other.

        A generator may return those of ``ranked_all``.
        """
        ...

    def export(
        self, request: Request, tell: Callable[[dict[str, Any]], None]
    ) -> dict[str, Any]:
        """Write files; ``tell`` is called often with how far it is."""
        ...

    def pace(self, request: Request) -> dict[str, Any]:
        """Measure what a training step costs."""
        ...

    def rest(self) -> None:
        """Give back what is not needed while nothing is asked."""
        ...
