"""TIFF, OME-TIFF and ImageJ TIFF: read in pieces, never whole."""

from __future__ import annotations

import contextlib
import functools
import logging
import mmap
import re
from typing import TYPE_CHECKING, Any

import tifffile

from napari_semiseg.errors import SemisegError
from napari_semiseg.exchange.axes import UNKNOWN
from napari_semiseg.exchange.pixel_size import in_micrometres
from napari_semiseg.exchange.stored import OpenedArray, StoredImage, damaged, reading

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

_COLOUR = (tifffile.PHOTOMETRIC.RGB, tifffile.PHOTOMETRIC.YCBCR)
# Lost pages, and lost tags without which the pixels or their axes are not known.
_TORN = re.compile(
    r"invalid page offset|"
    r"TiffTag (270|273|279|324|325|50838|50839) .*invalid value offset"
)
_MOST_IMAGEJ_CHANNELS = 7  # ImageJ shows no more; a longer axis is likely frames.
_LARGEST_PRINT_PIXEL = 20.0  # µm; resolutions coarser than this are meant for paper.


def stored_tiff(path: Path) -> StoredImage:
    """Describe the first image of a TIFF file.

    Raises
    ------
    SemisegError
        When the file is damaged, cut short, or parts of it are missing.
    """
    with reading(path), _torn(path), tifffile.TiffFile(path) as tiff:
        if not tiff.series:
            raise damaged(path)
        series = tiff.series[0]
        _check_complete(path, series)
        return StoredImage(
            shape=tuple(map(int, series.shape)),
            dtype=series.dtype,
            axes=_axes(tiff, series),
            open=functools.partial(_open, path),
            pixel_size=_pixel_size(tiff, series.keyframe),
            remarks=_remarks(tiff),
            levels=tuple(
                functools.partial(_open, path, level)
                for level in range(1, len(series.levels))
                if len(series.levels[level].shape) == len(series.shape)
            ),
        )


class _Complaints(logging.Handler):
    """Keeps what tifffile logs where it should raise."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the text of a record."""
        self.texts.append(record.getMessage())


@contextlib.contextmanager
def _torn(path: Path) -> Iterator[None]:
    """Refuse files of which tifffile would silently leave out the lost part."""
    complaints = _Complaints()
    logger = logging.getLogger("tifffile")
    logger.addHandler(complaints)
    try:
        yield
    finally:
        logger.removeHandler(complaints)
    if any(_TORN.search(text) for text in complaints.texts):
        raise damaged(path)


def _open(path: Path, level: int = 0) -> OpenedArray:
    import zarr

    with reading(path):
        tiff = tifffile.TiffFile(path)
        try:
            if level == 0 and tiff.series[0].dataoffset is not None:
                tiff.close()
                pixels = tifffile.memmap(path, mode="r")
                return OpenedArray(
                    pixels, release=functools.partial(_unmap_pages, pixels)
                )
            store = tiff.series[0].aszarr(level=level)
            return OpenedArray(zarr.open_array(store, mode="r"), tiff.close)
        except BaseException:
            tiff.close()
            raise


def _unmap_pages(pixels: NDArray[Any]) -> None:
    """Let pages of a memory map go: else all that was ever read counts as ours.

    They stay in the system's cache, from where they come back when they are read.
    """
    mapped = getattr(pixels, "_mmap", None)
    if mapped is not None and hasattr(mmap, "MADV_DONTNEED"):
        mapped.madvise(mmap.MADV_DONTNEED)


def _axes(tiff: tifffile.TiffFile, series: tifffile.TiffPageSeries) -> str:
    axes = str(series.axes)
    colour = series.keyframe.photometric in _COLOUR and axes.endswith("S")
    if not colour and "C" not in axes:
        # Samples without colour, or saved plane after plane, are channels.
        axes = axes.replace("S", "C")
    return _imagej_axes(tiff, series, axes) if series.kind == "imagej" else axes


def _imagej_axes(
    tiff: tifffile.TiffFile, series: tifffile.TiffPageSeries, axes: str
) -> str:
    metadata = tiff.imagej_metadata or {}
    # ImageJ writes every plain stack as "slices", time-lapses too.
    if "hyperstack" not in metadata and "spacing" not in metadata:
        axes = axes.replace("Z", UNKNOWN)
    if "C" in axes and series.shape[axes.index("C")] > _MOST_IMAGEJ_CHANNELS:
        axes = axes.replace("C", UNKNOWN)
    return axes


def _check_complete(path: Path, series: tifffile.TiffPageSeries) -> None:
    """Refuse files that end before their pixels do."""
    if series.dtype is None:
        raise damaged(path)
    if series.dataoffset is not None:
        if series.dataoffset + series.nbytes > path.stat().st_size:
            raise damaged(path)
        return
    n_bytes = 0
    for page in series.pages:
        if page is None:
            raise SemisegError(
                f"{path.name} refers to other files that are missing: keep the files "
                "of one recording in one folder."
            )
        ends = map(sum, zip(page.dataoffsets, page.databytecounts, strict=True))
        if max(ends, default=0) > page.parent.filehandle.size:
            raise damaged(path)
        n_bytes += sum(page.databytecounts)
    if n_bytes == 0:
        raise damaged(path)


def _remarks(tiff: tifffile.TiffFile) -> tuple[str, ...]:
    if len(tiff.series) == 1:
        return ()
    return (f"first of {len(tiff.series)} images in the file",)


def _pixel_size(tiff: tifffile.TiffFile, page: tifffile.TiffPage) -> dict[str, float]:
    if tiff.is_ome:
        return _ome_pixel_size(tiff.ome_metadata or "")
    if tiff.is_imagej:
        metadata = tiff.imagej_metadata or {}
        unit = metadata.get("unit")
        sizes = _resolution(page, unit)
        depth = in_micrometres(metadata.get("spacing"), unit)
        return sizes | ({"Z": depth} if depth else {})
    if page.resolutionunit == tifffile.RESUNIT.CENTIMETER:
        sizes = _resolution(page, "cm")
        if sizes and max(sizes.values()) <= _LARGEST_PRINT_PIXEL:
            return sizes
    return {}


def _resolution(page: tifffile.TiffPage, unit: str | None) -> dict[str, float]:
    """Pixel size from the resolution tags, which hold pixels per unit."""
    sizes = {}
    for letter, tag in (("Y", "YResolution"), ("X", "XResolution")):
        value = page.tags[tag].value if tag in page.tags else (0, 1)
        pixels, units = value if isinstance(value, tuple) else (value, 1)
        if pixels and (size := in_micrometres(units / pixels, unit)):
            sizes[letter] = size
    return sizes


def _ome_pixel_size(xml: str) -> dict[str, float]:
    image: Any = tifffile.xml2dict(xml).get("OME", {}).get("Image", {})
    if isinstance(image, list):
        image = image[0]
    pixels = image.get("Pixels", {})
    sizes = {
        letter: in_micrometres(
            pixels.get(f"PhysicalSize{letter}"),
            pixels.get(f"PhysicalSize{letter}Unit", "µm"),
        )
        for letter in "ZYX"
    }
    return {letter: size for letter, size in sizes.items() if size}
