"""Images: what they hold in words, their pixels in pieces, sentences for bad files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from napari_semiseg.errors import SemisegError
from napari_semiseg.exchange.images import (
    AmbiguousAxesError,
    describe,
    is_image,
    open_frame,
    stored_image,
)
from napari_semiseg.geometry import Box


def ramp(*shape: int, dtype: str = "uint16") -> np.ndarray:
    return np.arange(np.prod(shape)).reshape(shape).astype(dtype)


def whole(path: Path, frame: int = 0, **options: object) -> np.ndarray:
    description = describe(path, **options)
    return open_frame(description, frame).read(Box.whole(description.shape))


def test_grey_tiff(tmp_path: Path) -> None:
    image = ramp(20, 30)
    tifffile.imwrite(tmp_path / "a.tif", image)

    description = describe(tmp_path / "a.tif")

    assert description.words == "1 channel, 20 x 30"
    assert description.shape == (20, 30)
    assert (description.n_channels, description.n_frames) == (1, 1)
    assert description.dtype == "uint16"
    assert description.pixel_size is None
    assert not description.rgb
    np.testing.assert_array_equal(whole(tmp_path / "a.tif"), image[None])


def test_hyperstack_in_words_and_frame_by_frame(tmp_path: Path) -> None:
    image = ramp(12, 3, 20, 30)
    tifffile.imwrite(
        tmp_path / "a.tif", image, imagej=True, metadata={"axes": "TCYX", "unit": "um"}
    )

    description = describe(tmp_path / "a.tif")

    assert description.words == "3 channels, 12 frames, 20 x 30"
    frame = open_frame(description, 7)
    assert (frame.shape, frame.n_channels, frame.dtype) == ((20, 30), 3, np.uint16)
    box = Box((4, 5), (6, 7))
    np.testing.assert_array_equal(frame.read(box), image[7, :, 4:10, 5:12])


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32", "float64"])
@pytest.mark.parametrize(
    "layout",
    [
        {},
        {"compression": "zlib"},
        {"compression": "lzw", "tile": (16, 16)},
        {"byteorder": ">"},
    ],
    ids=["plain", "deflate", "lzw tiles", "big-endian"],
)
def test_pixels_survive_every_layout(
    tmp_path: Path, layout: dict[str, object], dtype: str
) -> None:
    image = ramp(3, 40, 50, dtype=dtype)
    tifffile.imwrite(
        tmp_path / "a.tif", image, photometric="minisblack", metadata=None, **layout
    )

    pixels = whole(tmp_path / "a.tif", axes="CYX")

    np.testing.assert_array_equal(pixels, image)
    assert pixels.dtype == np.dtype(dtype)
    assert pixels.dtype.isnative


def test_large_tiff_is_not_read_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tifffile.imwrite(
        tmp_path / "a.tif", ramp(512, 512), tile=(64, 64), compression="zlib"
    )
    frame = open_frame(describe(tmp_path / "a.tif"))

    def refuse(*_: object, **__: object) -> None:
        pytest.fail("the whole image was read")

    monkeypatch.setattr(tifffile.TiffPageSeries, "asarray", refuse)
    monkeypatch.setattr(tifffile.TiffPage, "asarray", refuse)
    np.testing.assert_array_equal(
        frame.read(Box((100, 3), (2, 2))), [[[51203, 51204], [51715, 51716]]]
    )


def test_uncompressed_tiff_is_memory_mapped(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", ramp(64, 64))

    opened = stored_image(tmp_path / "a.tif").open()

    assert isinstance(opened.pixels, np.memmap)


@pytest.mark.parametrize("shape", [(1, 1), (17, 300), (1, 300), (300, 1)])
def test_odd_shapes(tmp_path: Path, shape: tuple[int, int]) -> None:
    tifffile.imwrite(tmp_path / "a.tif", ramp(*shape))

    description = describe(tmp_path / "a.tif")

    assert description.shape == shape
    np.testing.assert_array_equal(whole(tmp_path / "a.tif"), ramp(*shape)[None])


def test_nan_and_inf_are_kept_as_stored(tmp_path: Path) -> None:
    image = np.array([[np.nan, np.inf], [-np.inf, 1]], np.float32)
    tifffile.imwrite(tmp_path / "a.tif", image)

    np.testing.assert_array_equal(whole(tmp_path / "a.tif"), image[None])


def test_float64_in_16_bit_range(tmp_path: Path) -> None:
    image = np.linspace(0, 65535, 12).reshape(3, 4)
    tifffile.imwrite(tmp_path / "a.tif", image)

    assert describe(tmp_path / "a.tif").dtype == "float64"
    np.testing.assert_array_equal(whole(tmp_path / "a.tif"), image[None])


# --- axes -----------------------------------------------------------------------------


def test_a_stack_without_metadata_asks(tmp_path: Path) -> None:
    tifffile.imwrite(
        tmp_path / "a.tif", ramp(3, 20, 30), metadata=None, photometric="minisblack"
    )

    with pytest.raises(AmbiguousAxesError, match=r"CYX \(3 channels\)") as caught:
        describe(tmp_path / "a.tif")

    assert caught.value.choices == ("CYX", "TYX", "ZYX")
    for axes in caught.value.choices:
        describe(tmp_path / "a.tif", axes=axes)


def test_two_unknown_axes_offer_every_reading(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", ramp(2, 5, 9, 8), photometric="minisblack")

    with pytest.raises(AmbiguousAxesError) as caught:
        describe(tmp_path / "a.tif")

    assert {"TCYX", "CTYX"} <= set(caught.value.choices)
    assert describe(tmp_path / "a.tif", axes="CTYX").words == (
        "2 channels, 5 frames, 9 x 8"
    )


def test_channels_behind_the_image_are_offered(tmp_path: Path) -> None:
    image = ramp(20, 30, 2)
    tifffile.imwrite(tmp_path / "a.tif", image)

    with pytest.raises(AmbiguousAxesError) as caught:
        describe(tmp_path / "a.tif")

    assert "YXC" in caught.value.choices
    pixels = whole(tmp_path / "a.tif", axes="YXC")
    np.testing.assert_array_equal(pixels, image.transpose(2, 0, 1))


@pytest.mark.parametrize(
    ("axes", "n_channels", "n_frames"), [("CYX", 3, 1), ("tyx", 1, 3)]
)
def test_stated_axes_win(
    tmp_path: Path, axes: str, n_channels: int, n_frames: int
) -> None:
    image = ramp(3, 20, 30)
    tifffile.imwrite(tmp_path / "a.tif", image, imagej=True, metadata={"axes": "CYX"})

    description = describe(tmp_path / "a.tif", axes=axes)

    assert (description.n_channels, description.n_frames) == (n_channels, n_frames)
    pixels = open_frame(description, n_frames - 1).read(Box((0, 0), (20, 30)))
    np.testing.assert_array_equal(pixels, image if n_channels == 3 else image[2:])


def test_a_plain_imagej_stack_asks_and_a_hyperstack_does_not(tmp_path: Path) -> None:
    plain = "ImageJ=1.54f\nimages=4\nslices=4\n"
    for name, text in (("plain", plain), ("hyper", plain + "hyperstack=true\n")):
        tifffile.imwrite(
            tmp_path / f"{name}.tif",
            ramp(4, 9, 9),
            description=text,
            metadata=None,
            photometric="minisblack",
        )

    with pytest.raises(AmbiguousAxesError):
        describe(tmp_path / "plain.tif")
    assert describe(tmp_path / "hyper.tif").shape == (4, 9, 9)


def test_twelve_imagej_channels_are_not_believed(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", ramp(12, 9, 9), imagej=True)

    with pytest.raises(AmbiguousAxesError, match="12 frames"):
        describe(tmp_path / "a.tif")


def test_a_volume_keeps_its_planes(tmp_path: Path) -> None:
    image = ramp(4, 2, 9, 8)
    tifffile.imwrite(tmp_path / "a.ome.tif", image, metadata={"axes": "ZCYX"})

    description = describe(tmp_path / "a.ome.tif")

    assert description.shape == (4, 9, 8)
    assert description.words == "2 channels, 4 planes, 9 x 8"
    pixels = open_frame(description).read(Box((1, 2, 3), (2, 3, 4)))
    np.testing.assert_array_equal(pixels, image[1:3, :, 2:5, 3:7].swapaxes(0, 1))


@pytest.mark.parametrize("axes", ["YY", "CY", "TCYX", "QYX", "YX", ""])
def test_axes_that_do_not_fit_are_refused(tmp_path: Path, axes: str) -> None:
    tifffile.imwrite(tmp_path / "a.tif", ramp(3, 5, 6), photometric="minisblack")

    with pytest.raises(SemisegError):
        describe(tmp_path / "a.tif", axes=axes)


def test_five_axes_are_refused_unless_one_is_single(tmp_path: Path) -> None:
    tifffile.imwrite(
        tmp_path / "5.ome.tif", ramp(2, 3, 4, 5, 6), metadata={"axes": "TCZYX"}
    )
    tifffile.imwrite(
        tmp_path / "4.ome.tif", ramp(2, 3, 1, 5, 6), metadata={"axes": "TCZYX"}
    )

    with pytest.raises(SemisegError, match="too many axes"):
        describe(tmp_path / "5.ome.tif")
    assert describe(tmp_path / "4.ome.tif").words == "3 channels, 2 frames, 5 x 6"


@given(
    shape=st.lists(st.integers(1, 4), min_size=2, max_size=5).map(tuple),
    compressed=st.booleans(),
)
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_axes_given_back_yield_the_same_description(
    tmp_path: Path, shape: tuple[int, ...], compressed: bool
) -> None:
    tifffile.imwrite(
        tmp_path / "a.tif",
        ramp(*shape),
        photometric="minisblack",
        compression="zlib" if compressed else None,
    )
    try:
        first = describe(tmp_path / "a.tif")
    except AmbiguousAxesError as error:
        first = describe(tmp_path / "a.tif", axes=error.choices[0])
    except SemisegError:
        return

    assert describe(tmp_path / "a.tif", axes=first.axes) == first
    pixels = whole(tmp_path / "a.tif", axes=first.axes)
    assert pixels.shape == (first.n_channels, *first.shape)


# --- colour and channels --------------------------------------------------------------


def test_rgb_and_rgba_tiff(tmp_path: Path) -> None:
    image = ramp(5, 6, 4, dtype="uint8")
    tifffile.imwrite(tmp_path / "rgba.tif", image, photometric="rgb")
    tifffile.imwrite(tmp_path / "rgb.tif", image[..., :3], photometric="rgb")

    for name, words in (
        ("rgb.tif", "RGB colour, 5 x 6"),
        ("rgba.tif", "RGB colour, 5 x 6, transparency left out"),
    ):
        description = describe(tmp_path / name)
        assert description.rgb
        assert description.words == words
        expected = image[..., :3].transpose(2, 0, 1)
        np.testing.assert_array_equal(whole(tmp_path / name), expected)


def test_channels_saved_plane_after_plane_are_channels(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", ramp(3, 5, 6), photometric="rgb")

    description = describe(tmp_path / "a.tif")

    assert description.n_channels == 3
    assert not description.rgb


def test_chosen_channels(tmp_path: Path) -> None:
    image = ramp(4, 5, 6)
    tifffile.imwrite(tmp_path / "a.tif", image, imagej=True, metadata={"axes": "CYX"})

    description = describe(tmp_path / "a.tif", channels=[3, 1])

    assert description.n_channels == 2
    assert "of which 3, 1" in description.words
    pixels = open_frame(description).read(Box((0, 0), (5, 6)))
    np.testing.assert_array_equal(pixels, image[[3, 1]])


@pytest.mark.parametrize("channels", [[4], [-1], [], [0, 0]])
def test_wrong_channels_are_refused(tmp_path: Path, channels: list[int]) -> None:
    tifffile.imwrite(
        tmp_path / "a.tif", ramp(4, 5, 6), imagej=True, metadata={"axes": "CYX"}
    )

    with pytest.raises(SemisegError, match="4 channels"):
        describe(tmp_path / "a.tif", channels=channels)


@pytest.mark.parametrize(
    ("mode", "suffix", "n_channels", "dtype"),
    [
        ("L", "png", 1, "uint8"),
        ("LA", "png", 1, "uint8"),
        ("1", "png", 1, "uint8"),
        ("P", "png", 3, "uint8"),
        ("RGB", "png", 3, "uint8"),
        ("RGBA", "png", 3, "uint8"),
        ("I;16", "png", 1, "uint16"),
        ("L", "jpg", 1, "uint8"),
        ("RGB", "jpeg", 3, "uint8"),
        ("CMYK", "jpg", 3, "uint8"),
    ],
)
def test_pictures(
    tmp_path: Path, mode: str, suffix: str, n_channels: int, dtype: str
) -> None:
    path = tmp_path / f"a.{suffix}"
    Image.new(mode, (7, 5)).save(path)

    description = describe(path)

    assert (description.shape, description.n_channels) == ((5, 7), n_channels)
    assert description.dtype == dtype
    assert whole(path).shape == (n_channels, 5, 7)
    assert whole(path).dtype == dtype


def test_colour_png_of_16_bits_keeps_its_bits(tmp_path: Path) -> None:
    import imagecodecs

    image = ramp(5, 7, 3) * 400
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(image))

    np.testing.assert_array_equal(whole(tmp_path / "a.png"), image.transpose(2, 0, 1))


# --- pixel size -----------------------------------------------------------------------


@pytest.mark.parametrize("unit", ["um", "micron", "\\u00B5m", "µm"])
def test_pixel_size_of_imagej(tmp_path: Path, unit: str) -> None:
    tifffile.imwrite(
        tmp_path / "a.tif",
        ramp(5, 6),
        imagej=True,
        resolution=(1 / 0.5, 1 / 0.25),
        metadata={"unit": unit if unit.isascii() else "\\u00B5m"},
    )

    description = describe(tmp_path / "a.tif")

    assert description.pixel_size == pytest.approx((0.25, 0.5))
    assert description.pixel_unit == "µm"


def test_pixel_size_of_ome(tmp_path: Path) -> None:
    metadata = {
        "axes": "YX",
        "PhysicalSizeX": 325.0,
        "PhysicalSizeXUnit": "nm",
        "PhysicalSizeY": 0.325,
    }
    tifffile.imwrite(tmp_path / "a.ome.tif", ramp(5, 6), metadata=metadata)

    assert describe(tmp_path / "a.ome.tif").pixel_size == pytest.approx((0.325, 0.325))


@pytest.mark.parametrize(
    ("resolution", "unit", "size"),
    [((10000, 10000), "CENTIMETER", (1.0, 1.0)), ((72, 72), "INCH", None)],
)
def test_resolution_for_paper_is_no_pixel_size(
    tmp_path: Path,
    resolution: tuple[int, int],
    unit: str,
    size: tuple[float, float] | None,
) -> None:
    tifffile.imwrite(
        tmp_path / "a.tif", ramp(5, 6), resolution=resolution, resolutionunit=unit
    )

    assert describe(tmp_path / "a.tif").pixel_size == size


# --- OME-Zarr -------------------------------------------------------------------------


def write_ome_zarr(path: Path, image: np.ndarray, axes: str, version: int) -> None:
    group = zarr.open_group(str(path), mode="w", zarr_format=version)
    array = group.create_array(
        "0",
        shape=image.shape,
        chunks=(*[1] * (image.ndim - 2), 8, 8),
        dtype=image.dtype,
    )
    array[...] = image
    kinds = {"t": "time", "c": "channel"}
    named = [{"name": a, "type": kinds.get(a, "space")} for a in axes.lower()]
    for axis in named:
        if axis["type"] == "space":
            axis["unit"] = "micrometer"
    scale = [0.5 if a in "YX" else 1.0 for a in axes]
    multiscales = [
        {
            "axes": named,
            "datasets": [
                {
                    "path": "0",
                    "coordinateTransformations": [{"type": "scale", "scale": scale}],
                }
            ],
        }
    ]
    content = {"multiscales": multiscales}
    group.attrs.update(content if version == 2 else {"ome": content})


@pytest.mark.parametrize("version", [2, 3])
def test_ome_zarr(tmp_path: Path, version: int) -> None:
    image = ramp(3, 2, 20, 30)
    write_ome_zarr(tmp_path / "a.zarr", image, "TCYX", version)

    description = describe(tmp_path / "a.zarr")

    assert description.words == "2 channels, 3 frames, 20 x 30"
    assert description.pixel_size == (0.5, 0.5)
    pixels = open_frame(description, 2).read(Box((7, 7), (4, 5)))
    np.testing.assert_array_equal(pixels, image[2, :, 7:11, 7:12])


def test_bare_zarr_array_asks_for_its_axes(tmp_path: Path) -> None:
    array = zarr.create_array(
        str(tmp_path / "a.zarr"), shape=(3, 9, 9), dtype="uint8", chunks=(1, 9, 9)
    )
    array[...] = 1

    with pytest.raises(AmbiguousAxesError):
        describe(tmp_path / "a.zarr")
    assert describe(tmp_path / "a.zarr", axes="CYX").n_channels == 3


def test_zarr_without_image_and_damaged_zarr(tmp_path: Path) -> None:
    zarr.open_group(str(tmp_path / "plate.zarr"), mode="w")
    (tmp_path / "bad.zarr").mkdir()
    (tmp_path / "bad.zarr" / "zarr.json").write_text("{")

    with pytest.raises(SemisegError, match="one field"):
        describe(tmp_path / "plate.zarr")
    with pytest.raises(SemisegError, match="damaged"):
        describe(tmp_path / "bad.zarr")


# --- bad files ------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.tif", "a.png", "a.jpg"])
@pytest.mark.parametrize(
    "content", [b"", b"no image", b"II*\0\x08\0\0\0\xff\xff", b"MM"]
)
def test_corrupt_files_get_a_sentence(
    tmp_path: Path, name: str, content: bytes
) -> None:
    (tmp_path / name).write_bytes(content)

    with pytest.raises(SemisegError, match="damaged or incomplete"):
        describe(tmp_path / name)


@pytest.mark.parametrize("part", [0.05, 0.3, 0.6, 0.95])
@pytest.mark.parametrize(
    "options", [{}, {"compression": "zlib"}, {"imagej": True}, {"ome": True}]
)
def test_truncated_tiff_gets_a_sentence(
    tmp_path: Path, options: dict[str, object], part: float
) -> None:
    rng = np.random.default_rng(0)
    metadata = {} if "imagej" not in options else {"metadata": {"axes": "TYX"}}
    tifffile.imwrite(
        tmp_path / "a.tif",
        rng.integers(0, 60000, (5, 40, 40)).astype("uint16"),
        photometric="minisblack",
        **options,
        **metadata,
    )
    content = (tmp_path / "a.tif").read_bytes()
    (tmp_path / "a.tif").write_bytes(content[: int(part * len(content))])

    with pytest.raises(SemisegError, match="damaged or incomplete"):
        open_frame(describe(tmp_path / "a.tif", axes="TYX")).read(Box((0, 0), (40, 40)))


def test_scrambled_pixels_get_a_sentence(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", ramp(64, 64), compression="zlib")
    with tifffile.TiffFile(tmp_path / "a.tif") as tiff:
        offset = tiff.pages.first.dataoffsets[0]
    with (tmp_path / "a.tif").open("r+b") as file:
        file.seek(offset)
        file.write(b"\xff" * 100)

    with pytest.raises(SemisegError, match="damaged"):
        whole(tmp_path / "a.tif")


def test_truncated_png_gets_a_sentence(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 255, (50, 50), dtype=np.uint8)).save(
        tmp_path / "a.png"
    )
    content = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(content[:1000])

    with pytest.raises(SemisegError, match="damaged"):
        whole(tmp_path / "a.png")


def test_missing_unknown_and_complex_files(tmp_path: Path) -> None:
    (tmp_path / "a.czi").write_bytes(b"x")
    (tmp_path / "folder").mkdir()
    tifffile.imwrite(tmp_path / "c.tif", np.ones((3, 3), np.complex64))

    for name, words in (
        ("gone.tif", "does not exist"),
        ("a.czi", "save it as TIFF"),
        ("folder", "save it as TIFF"),
        ("c.tif", "complex64"),
    ):
        with pytest.raises(SemisegError, match=words):
            describe(tmp_path / name)


@pytest.mark.parametrize("frame", [-1, 1])
def test_a_frame_that_is_not_there(tmp_path: Path, frame: int) -> None:
    tifffile.imwrite(tmp_path / "a.tif", ramp(4, 4))

    with pytest.raises(SemisegError, match="1 frame"):
        open_frame(describe(tmp_path / "a.tif"), frame)


def test_which_names_are_images(tmp_path: Path) -> None:
    write_ome_zarr(tmp_path / "a.zarr", ramp(8, 8), "YX", 3)

    assert is_image(Path("a.TIF"))
    assert is_image(tmp_path / "a.zarr")
    assert not is_image(tmp_path)
    assert not is_image(Path("notes.txt"))
