"""What the dock remembers of a person, whichever project is open: very little."""

from __future__ import annotations

from qtpy.QtCore import QSettings

_READ = "help/read"  # Titles of the steps whose help was dismissed.


class Preferences:
    """Kept in the user's settings folder, as an INI file; projects know nothing of it.

    Where that folder cannot be written, everything is as on the first day.
    """

    def __init__(self) -> None:
        form, scope = QSettings.Format.IniFormat, QSettings.Scope.UserScope
        self._settings = QSettings(form, scope, "napari-semiseg", "dock")

    def has_read_help(self, title: str) -> bool:
        """Whether the help of a step was dismissed."""
        return title in self._read()

    def note_help(self, title: str, *, read: bool) -> None:
        """Note that the help of a step was dismissed, or is wanted again."""
        titles = self._read() - {title} | ({title} if read else set())
        self._settings.setValue(_READ, ",".join(sorted(titles)))

    def _read(self) -> set[str]:
        # Lists of one entry come back as a word: hence a single text.
        return set(filter(None, str(self._settings.value(_READ) or "").split(",")))
