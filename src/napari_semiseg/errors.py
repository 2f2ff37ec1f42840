"""Errors whose text is meant for the person at the microscope."""

from __future__ import annotations


class SemisegError(Exception):
    """A problem the user can do something about; the text is one clear sentence."""


class DiskFullError(SemisegError):
    """The disk has no room left for what must be written."""


class ReadOnlyError(SemisegError):
    """The folder cannot be written to."""
