"""Photos: every format and orientation comes out upright and in its colours, and whatever is wrong has a name."""

from __future__ import annotations

import base64
import io
import os
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from perceptkit.arrays import Picture
from perceptkit.errors import MediaError, MissingExtraError
from perceptkit.images import (
    SUFFIXES,
    ImageInfo,
    crop,
    decode,
    encode_jpeg,
    inspect,
    load,
    read,
    write_jpeg,
)
from systems import linux, posix

RED, GREEN, BLUE, YELLOW = (220, 40, 30), (40, 160, 60), (30, 60, 200), (240, 220, 50)
CUT_SHORT = r"damaged or cut short .*allow_truncated"
# 64 x 48, red on the left half and blue on the right, stored lying on its side with EXIF orientation 6. Made with
#   pillow_heif.register_heif_opener()  # pillow-heif 1.8.1: pi-heif, which reads, has no encoder
#   image = Image.new("RGB", (64, 48), (230, 40, 30)); image.paste((30, 60, 220), (32, 0, 64, 48))
#   image.save("tiny.heic", quality=60, exif=exif_with_orientation_6)
HEIC = base64.b64decode(
    "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAchtZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAAADRpbG9jAA"
    "AAAERAAAIAAQAAAAAB7AABAAAAAAAAAG8AAgAAAAACWwABAAAAAAAAACQAAAA4aWluZgAAAAAAAgAAABVpbmZlAgAAAAABAABodmMxAAAAABVp"
    "bmZlAgAAAQACAABFeGlmAAAAAA5waXRtAAAAAAABAAABB2lwcnAAAADmaXBjbwAAAHZodmNDAQNwAAAAkAAAAAAAHvAA/P34+AAADwNgAAEAGE"
    "ABDAH//wNwAAADAJAAAAMAAAMAHroCQGEAAQAqQgEBA3AAAAMAkAAAAwAAAwAeoCCBBZbq5Ka5uAhoMCAAAAMDIAAAAwAhYgABAAZEAcFzwIkA"
    "AAATY29scm5jbHgAAQANAAaAAAAAFGlzcGUAAAAAAAAAQAAAAEAAAAAoY2xhcAAAAEAAAAABAAAAMAAAAAEAAAAAAAAAAv////AAAAACAAAAEH"
    "BpeGkAAAAAAwgICAAAAAlpcm90AwAAABlpcG1hAAAAAAAAAAEAAQaBAgMFhIYAAAAaaXJlZgAAAAAAAAAOY2RzYwACAAEAAQAAAJttZGF0AAAA"
    "aygBrwngOSMkv//3QT//+ZKuQ/g40cF//ddXff4qbv/+/sfUV2Vcz6NdoCOZ4v5I5YlSOtwbLL4DG78/FmIaRavBfOYiTpRj70aV7JmnFA2Jfg"
    "FCzf/pc9ImxDanleM2gz9+rRUUykseVH1HAAAABkV4aWYAAE1NACoAAAAIAAEBEgADAAAAAQAGAAAAAAAA"
)


def encoded(image: Image.Image, form: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.copy().save(buffer, form, **options)
    return buffer.getvalue()


def exif(orientation: int) -> bytes:
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags.tobytes()


def quarters(width: int = 64, height: int = 48) -> Image.Image:
    """Red, green / blue, yellow."""
    image = Image.new("RGB", (width, height), RED)
    image.paste(GREEN, (width // 2, 0, width, height))
    image.paste(BLUE, (0, height // 2, width, height))
    image.paste(YELLOW, (width // 2, height // 2, width, height))
    return image


def noise(width: int = 160, height: int = 120) -> Image.Image:
    """A picture that no format packs well."""
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3)).astype(np.uint8))


def samples(mode: str, values: Any) -> Image.Image:
    kinds = {"I;16": np.uint16, "I": np.int32, "F": np.float32}
    return Image.fromarray(np.array(values, kinds[mode]))


def assert_quarters(image: Picture, *, tolerance: int = 0, width: int = 64, height: int = 48) -> None:
    """The colours of the four quarters, away from their borders."""
    assert image.dtype == np.uint8
    assert image.shape == (height, width, 3)
    inner = image.reshape(2, height // 2, 2, width // 2, 3)[:, height // 6 : height // 3, :, width // 6 : width // 3]
    expected = np.array([[RED, GREEN], [BLUE, YELLOW]])[:, None, :, None]
    assert np.abs(inner.astype(int) - expected).max() <= tolerance


Make = Callable[[], bytes]
COLOUR: dict[str, tuple[Make, int]] = {
    "jpeg": (lambda: encoded(quarters(), "JPEG", quality=95), 8),
    "jpeg-progressive": (lambda: encoded(quarters(), "JPEG", quality=95, progressive=True), 8),
    "jpeg-444": (lambda: encoded(quarters(), "JPEG", quality=95, subsampling=0), 8),
    "jpeg-cmyk": (lambda: encoded(quarters().convert("CMYK"), "JPEG", quality=95), 12),
    "mpo": (lambda: encoded(quarters(), "MPO", quality=95, save_all=True, append_images=[noise()]), 8),
    "png": (lambda: encoded(quarters(), "PNG"), 0),
    "png-palette": (lambda: encoded(quarters().quantize(8), "PNG"), 0),
    "png-rgba": (lambda: encoded(quarters().convert("RGBA"), "PNG"), 0),
    "bmp": (lambda: encoded(quarters(), "BMP"), 0),
    "tiff": (lambda: encoded(quarters(), "TIFF"), 0),
    "tiff-lzw": (lambda: encoded(quarters(), "TIFF", compression="tiff_lzw"), 0),
    "tiff-jpeg": (lambda: encoded(quarters(), "TIFF", compression="jpeg", quality=95), 8),
    "tiff-cmyk": (lambda: encoded(quarters().convert("CMYK"), "TIFF"), 0),
    "tiff-pages": (lambda: encoded(quarters(), "TIFF", save_all=True, append_images=[noise()]), 0),
    "webp": (lambda: encoded(quarters(), "WEBP", quality=95), 8),
    "webp-lossless": (lambda: encoded(quarters(), "WEBP", lossless=True), 0),
    "webp-animated": (
        lambda: encoded(quarters(), "WEBP", lossless=True, save_all=True, append_images=[noise(64, 48)]),
        0,
    ),
    "gif": (lambda: encoded(quarters().quantize(8), "GIF"), 0),
    "gif-animated": (lambda: encoded(quarters().quantize(8), "GIF", save_all=True, append_images=[noise(64, 48)]), 0),
    "avif": (lambda: encoded(quarters(), "AVIF", quality=95), 8),
    "avif-general-brand": (lambda: encoded(quarters(), "AVIF", quality=95).replace(b"ftypavif", b"ftypmif1", 1), 8),
    "jpeg2000": (lambda: encoded(quarters(), "JPEG2000"), 0),
    "jpeg2000-codestream": (lambda: encoded(quarters(), "JPEG2000", no_jp2=True), 0),
}


@pytest.mark.parametrize("kind", COLOUR)
def test_every_format_gives_its_colours(kind: str, tmp_path: Path) -> None:
    make, tolerance = COLOUR[kind]
    data = make()
    assert_quarters(decode(data), tolerance=tolerance)
    info = inspect(data)
    assert (info.width, info.height, info.orientation) == (64, 48, 1)
    path = tmp_path / "any name"
    path.write_bytes(data)
    assert_quarters(read(path), tolerance=tolerance)


@pytest.mark.parametrize(
    ("kind", "form", "frames"),
    [
        ("jpeg", "JPEG", 1),
        ("mpo", "MPO", 2),
        ("tiff-pages", "TIFF", 2),
        ("webp-animated", "WEBP", 2),
        ("gif-animated", "GIF", 2),
        ("avif-general-brand", "AVIF", 1),
    ],
)
def test_header_names_the_format_and_counts_the_pictures(kind: str, form: str, frames: int) -> None:
    assert inspect(COLOUR[kind][0]()) == ImageInfo(64, 48, form, 1, frames)


GREY: dict[str, tuple[Make, int]] = {
    "jpeg": (lambda: encoded(Image.new("L", (16, 8), 90), "JPEG"), 90),
    "png": (lambda: encoded(Image.new("L", (16, 8), 90), "PNG"), 90),
    "png-1-bit": (lambda: encoded(Image.new("1", (16, 8), 1), "PNG"), 255),
    "png-1-bit-black": (lambda: encoded(Image.new("1", (16, 8), 0), "PNG"), 0),
    "png-16-bit": (lambda: encoded(samples("I;16", np.full((8, 16), 90 * 257)), "PNG"), 90),
    "png-16-bit-dark": (lambda: encoded(samples("I;16", np.full((8, 16), 128)), "PNG"), 0),
    "tiff-16-bit": (lambda: encoded(samples("I;16", np.full((8, 16), 90 * 257)), "TIFF"), 90),
    "tiff-16-bit-lzw": (
        lambda: encoded(samples("I;16", np.full((8, 16), 90 * 257)), "TIFF", compression="tiff_lzw"),
        90,
    ),
    "tiff-32-bit-in-16-bits-range": (lambda: encoded(samples("I", np.full((8, 16), 90 * 257)), "TIFF"), 90),
    "tiff-1-bit-g4": (lambda: encoded(Image.new("1", (16, 8), 1), "TIFF", compression="group4"), 255),
    "tiff-float-all-one-value": (lambda: encoded(samples("F", np.full((8, 16), 0.5)), "TIFF"), 0),
    "tiff-float-not-a-number": (lambda: encoded(samples("F", np.full((8, 16), np.nan)), "TIFF"), 0),
}


@pytest.mark.parametrize("kind", GREY)
def test_grey_of_every_depth_becomes_rgb(kind: str) -> None:
    make, value = GREY[kind]
    image = decode(make())
    assert image.dtype == np.uint8
    assert image.shape == (8, 16, 3)
    assert np.unique(image).tolist() == [value]


def test_float_and_32_bit_samples_are_stretched_over_the_range_they_use() -> None:
    floats = samples("F", [[-1.0, 0.0, 1.0, np.nan, np.inf, -np.inf]])
    assert decode(encoded(floats, "TIFF"))[0, :, 0].tolist() == [0, 128, 255, 0, 255, 0]
    integers = samples("I", [[-1000, 0, 1000, 100_000]])
    assert decode(encoded(integers, "TIFF"))[0, :, 1].tolist() == [0, 3, 5, 255]


def half_clear(mode: str) -> Image.Image:
    """A clear pixel, one that is half clear, one that is not; black under it."""
    image = Image.fromarray(np.array([[[0, 0, 0, 0], [0, 0, 0, 128], [0, 0, 0, 255]]], np.uint8), "RGBA")
    return image.convert(mode)


def palette_with_a_clear_colour() -> Image.Image:
    image = Image.fromarray(np.array([[0, 1, 2]], np.uint8), "P")
    image.putpalette([10, 10, 10, 0, 0, 0, 200, 0, 0])
    return image


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (lambda: encoded(half_clear("RGBA"), "PNG"), [(255,) * 3, (127,) * 3, (0,) * 3]),
        (lambda: encoded(half_clear("LA"), "PNG"), [(255,) * 3, (127,) * 3, (0,) * 3]),
        (lambda: encoded(half_clear("RGBA"), "TIFF"), [(255,) * 3, (127,) * 3, (0,) * 3]),
        (lambda: encoded(half_clear("RGBA"), "WEBP", lossless=True, exact=True), [(255,) * 3, (127,) * 3, (0,) * 3]),
        (lambda: encoded(palette_with_a_clear_colour(), "PNG", transparency=0), [(255,) * 3, (0,) * 3, (200, 0, 0)]),
        (
            lambda: encoded(palette_with_a_clear_colour(), "PNG", transparency=bytes([0, 128, 255])),
            [(255,) * 3, (127,) * 3, (200, 0, 0)],
        ),
        (lambda: encoded(palette_with_a_clear_colour(), "GIF", transparency=1), [(10,) * 3, (255,) * 3, (200, 0, 0)]),
        (lambda: encoded(Image.new("L", (3, 1), 7), "PNG", transparency=7), [(255,) * 3] * 3),
        (lambda: encoded(Image.new("1", (3, 1), 0), "PNG", transparency=0), [(255,) * 3] * 3),
        (lambda: encoded(Image.new("RGB", (3, 1), RED), "PNG", transparency=RED), [(255,) * 3] * 3),
    ],
    ids=["rgba", "la", "tiff", "webp", "palette", "palette-alpha", "gif", "grey-key", "1-bit-key", "colour-key"],
)
def test_transparent_parts_become_white(data: Make, expected: list[tuple[int, ...]]) -> None:
    assert np.abs(decode(data())[0].astype(int) - expected).max() <= 1


@pytest.mark.parametrize("form", ["JPEG", "PNG", "BMP", "TIFF", "WEBP", "GIF", "AVIF", "JPEG2000"])
def test_one_pixel(form: str) -> None:
    data = encoded(Image.new("RGB", (1, 1), (90, 90, 90)), form)
    assert inspect(data) == ImageInfo(1, 1, form, 1, 1)
    for step in (1, 2, 8):
        image = decode(data, reduce=step)
        assert image.shape == (1, 1, 3)
        assert np.abs(image.astype(int) - 90).max() <= 3


# Where the first row and the first column of the stored pixels belong in the upright picture (Exif 2.32, table 6).
ORIENTATIONS = {
    1: ("top", "left"),
    2: ("top", "right"),
    3: ("bottom", "right"),
    4: ("bottom", "left"),
    5: ("left", "top"),
    6: ("right", "top"),
    7: ("right", "bottom"),
    8: ("left", "bottom"),
}


def stored(upright: Image.Image, orientation: int) -> Image.Image:
    """The pixels of a file that says `orientation`."""
    pixels, sides = np.asarray(upright), ORIENTATIONS[orientation]
    if "bottom" in sides:
        pixels = pixels[::-1]
    if "right" in sides:
        pixels = pixels[:, ::-1]
    return Image.fromarray(np.ascontiguousarray(pixels if orientation <= 4 else pixels.transpose(1, 0, 2)))


def with_late_exif(png: bytes) -> bytes:
    """The same PNG with its EXIF data behind the pixels, as some programs write it."""
    start = png.index(b"eXIf") - 4
    end = start + 12 + struct.unpack(">I", png[start : start + 4])[0]
    return png[:start] + png[end:-12] + png[start:end] + png[-12:]


TURNED: dict[str, Callable[[Image.Image, bytes], bytes]] = {
    "jpeg": lambda image, tags: encoded(image, "JPEG", quality=95, exif=tags),
    "jpeg-cmyk": lambda image, tags: encoded(image.convert("CMYK"), "JPEG", quality=95, exif=tags),
    "jpeg-with-a-video-after-it": lambda image, tags: encoded(image, "JPEG", quality=95, exif=tags) + b"\0ftypmp42",
    "png": lambda image, tags: encoded(image, "PNG", exif=tags),
    "png-late-exif": lambda image, tags: with_late_exif(encoded(image, "PNG", exif=tags)),
    "webp": lambda image, tags: encoded(image, "WEBP", quality=95, exif=tags),
    "tiff": lambda image, tags: encoded(image, "TIFF", exif=tags),
    "tiff-lzw": lambda image, tags: encoded(image, "TIFF", exif=tags, compression="tiff_lzw", strip_size=4096),
    "avif": lambda image, tags: encoded(image, "AVIF", quality=95, exif=tags),
}


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("kind", TURNED)
def test_every_orientation_comes_out_upright(kind: str, orientation: int) -> None:
    data = TURNED[kind](stored(quarters(), orientation), exif(orientation))
    info = inspect(data)
    assert (info.width, info.height, info.orientation) == (64, 48, orientation)
    assert_quarters(decode(data), tolerance=12)
    if kind.startswith("jpeg"):
        assert_quarters(decode(data, reduce=2), tolerance=12, width=32, height=24)


def test_orientation_that_is_none_is_upright() -> None:
    for orientation in (0, 9, 65535):
        data = encoded(quarters(), "JPEG", quality=95, exif=exif(orientation))
        assert inspect(data) == ImageInfo(64, 48, "JPEG", 1, 1)
        assert_quarters(decode(data), tolerance=8)


DAMAGED_EXIF = {
    "nothing": b"Exif\0\0",
    "text": b"Exif\0\0 not a TIFF header",
    "offset-outside": b"Exif\0\0II*\0\xff\xff\xff\x7f",
    "entries-missing": b"Exif\0\0MM\0*\0\0\0\x08\0\x05\x01\x12\0\x03",
    "value-outside": b"Exif\0\0II*\0\x08\0\0\0\x01\0\x0f\x01\x02\0\xff\0\0\0\xf0\xff\xff\x7f\0\0\0\0",
    "huge-count": b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\xff\xff\xff\xff\x06\0\0\0\0\0\0\0",
    "text-as-orientation": b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x02\0\x02\0\0\x006\0\0\0\0\0\0\0",
}


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, about the EXIF data
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("tags", DAMAGED_EXIF.values(), ids=DAMAGED_EXIF)
def test_damaged_exif_is_no_reason_to_lose_the_photo(tags: bytes, form: str) -> None:
    data = encoded(quarters(), form, quality=95, exif=tags)
    assert inspect(data) == ImageInfo(64, 48, form, 1, 1)
    assert_quarters(decode(data), tolerance=8)


@pytest.mark.parametrize("kind", ["jpeg", "jpeg-progressive", "jpeg-cmyk", "grey", "jpeg-with-more-after-it"])
@pytest.mark.parametrize(("step", "width", "height"), [(1, 128, 96), (2, 64, 48), (4, 32, 24), (8, 16, 12)])
def test_jpeg_is_decoded_at_a_fraction_of_its_size(kind: str, step: int, width: int, height: int) -> None:
    picture = quarters(128, 96)
    options: dict[str, Any] = {"quality": 95, "progressive": kind == "jpeg-progressive"}
    mode = {"grey": "L", "jpeg-cmyk": "CMYK"}.get(kind, "RGB")
    data = encoded(picture.convert(mode), "JPEG", **options) + b"more" * (kind == "jpeg-with-more-after-it")
    image = decode(data, reduce=step)
    if kind == "grey":
        assert image.shape == (height, width, 3)
        assert abs(int(image[0, 0, 0]) - picture.convert("L").getpixel((0, 0))) <= 3  # type: ignore[operator]
    else:
        assert_quarters(image, tolerance=12, width=width, height=height)
    assert inspect(data).width == 128


def test_size_that_is_no_multiple_of_the_fraction_is_rounded_up() -> None:
    data = encoded(Image.new("RGB", (101, 67)), "JPEG")
    assert [decode(data, reduce=step).shape[:2] for step in (2, 4, 8)] == [(34, 51), (17, 26), (9, 13)]


def test_other_formats_are_decoded_in_full() -> None:
    assert_quarters(decode(encoded(quarters(), "PNG"), reduce=4))


CUTTABLE: dict[str, Make] = {
    "jpeg": lambda: encoded(noise(), "JPEG"),
    "jpeg-progressive": lambda: encoded(noise(), "JPEG", progressive=True),
    "jpeg-cmyk": lambda: encoded(noise().convert("CMYK"), "JPEG"),
    "png": lambda: encoded(noise(), "PNG"),
    "bmp": lambda: encoded(noise(), "BMP"),
    "gif": lambda: encoded(noise(), "GIF", interlace=0),
    "tiff": lambda: encoded(noise(), "TIFF"),
    "tiff-lzw": lambda: encoded(noise(), "TIFF", compression="tiff_lzw"),
    "webp": lambda: encoded(noise(), "WEBP"),
    "avif": lambda: encoded(noise(), "AVIF"),
    "jpeg2000": lambda: encoded(noise(), "JPEG2000"),
}


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, about metadata
@pytest.mark.parametrize("part", [0.02, 0.3, 0.7, 0.95])
@pytest.mark.parametrize("kind", CUTTABLE)
def test_file_cut_short_is_an_error(kind: str, part: float, tmp_path: Path) -> None:
    data = CUTTABLE[kind]()
    path = tmp_path / "cut.jpg"
    path.write_bytes(data[: int(len(data) * part)])
    with pytest.raises(MediaError, match=r"cut\.jpg: the (file is damaged or cut short|\w+ header is damaged)"):
        read(path)


def test_error_says_how_to_use_what_is_left() -> None:
    with pytest.raises(MediaError, match=f"holiday: the file is {CUT_SHORT}"):
        decode(CUTTABLE["jpeg"]()[:9000], name="holiday")


@pytest.mark.parametrize("part", [0.3, 0.7, 0.95])
@pytest.mark.parametrize("kind", ["jpeg", "png", "bmp", "gif", "tiff", "jpeg-cmyk"])
def test_what_is_left_of_a_cut_file_can_be_had(kind: str, part: float, tmp_path: Path) -> None:
    data = CUTTABLE[kind]()
    path = tmp_path / "cut.jpg"
    path.write_bytes(data[: int(len(data) * part)])
    image, whole = read(path, allow_truncated=True), decode(data)
    assert image.shape == whole.shape
    rows = slice(0, int(len(whole) * (part - 0.2)))
    if kind == "bmp":  # it begins with the last row
        image, whole = image[::-1], whole[::-1]
    assert np.abs(image[rows].astype(int) - whole[rows]).max() <= 2
    if kind in ("png", "bmp", "tiff", "jpeg") and part < 0.9:
        assert np.unique(image[-1]).tolist() == [128 if kind == "jpeg" else 0]


def test_progressive_jpeg_cut_short_is_coarse_but_whole() -> None:
    data = CUTTABLE["jpeg-progressive"]()
    starts = [position for position in range(len(data)) if data.startswith(b"\xff\xda", position)]
    assert len(starts) == 10  # each scan covers the whole picture, the first one coarsely
    whole = decode(data)
    for start, end in pairwise([*starts[1:], len(data)]):
        left = decode(data[: (start + end) // 2], allow_truncated=True)
        blocks = (left.astype(float) - whole).reshape(15, 8, 20, 8, 3).mean(axis=(1, 3))
        assert np.abs(blocks).max() < 40


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("kind", ["jpeg", "png", "tiff", "tiff-lzw"])
def test_what_is_left_is_upright(kind: str, orientation: int) -> None:
    upright = noise()
    data = TURNED[kind](stored(upright, orientation), exif(orientation))
    cut = data[: int(len(data) * 0.8)]
    if kind == "tiff":  # its header may stand behind the pixels
        cut = data.replace(np.asarray(stored(upright, orientation))[-9:].tobytes(), b"")
    elif kind == "tiff-lzw":
        cut = data[: len(data) // 2] + b"\xff" * 60 + data[len(data) // 2 + 60 :]
    with pytest.raises(MediaError, match="the file is damaged or cut short"):
        decode(cut)
    whole, info = decode(data), inspect(cut)
    left = decode(cut, allow_truncated=True)
    assert left.shape == whole.shape == (info.height, info.width, 3)
    side, _ = ORIENTATIONS[orientation]  # where the first row belongs, which is there
    near: Any = {"top": np.s_[:8], "bottom": np.s_[-8:], "left": np.s_[:, :8], "right": np.s_[:, -8:]}[side]
    assert np.abs(left[near].astype(int) - whole[near]).max() <= 2


@pytest.mark.parametrize("kind", ["webp", "avif"])
def test_where_nothing_is_left_truncated_files_are_errors_too(kind: str) -> None:
    data = CUTTABLE[kind]()
    with pytest.raises(MediaError, match=r"header is damaged|no picture can be made of it"):
        decode(data[: int(len(data) * 0.95)], allow_truncated=True)


@pytest.mark.parametrize(
    "more", [b"\0" * 100, b"\r\n", b"\0\0\0\x18ftypmp42" + bytes(range(256)) * 50, b"\xff\xd8\xff"]
)
def test_jpeg_with_something_after_its_end_is_not_cut_short(more: bytes) -> None:
    data = encoded(noise(), "JPEG", quality=95)
    assert np.abs(decode(data + more).astype(int) - decode(data)).max() <= 2


def test_damaged_second_picture_is_no_reason_to_lose_the_first() -> None:
    first = len(encoded(quarters().quantize(8), "GIF"))
    data = COLOUR["gif-animated"][0]()
    for end in range(first + 40, len(data), 97):
        assert inspect(data[:end]).frames in (1, 2)
        assert_quarters(decode(data[:end]))
    pages = COLOUR["tiff-pages"][0]()
    for end in range(len(pages) - 300, len(pages)):
        assert inspect(pages[:end]).frames in (1, 2)
        assert_quarters(decode(pages[:end]))


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, about metadata
def test_damaged_photo_is_a_media_error_or_a_picture_of_the_size_in_its_header() -> None:
    random = np.random.default_rng(0)
    seeds = [make() for make, _ in COLOUR.values()]
    seeds += [make(stored(quarters(), 6), exif(6)) for make in TURNED.values()]
    refused = 0
    for number in range(600):
        data = bytearray(seeds[number % len(seeds)])
        reach = len(data) if number % 3 else min(len(data), 200)
        for position in random.integers(0, reach, random.integers(1, 6)):
            data[position] = random.choice([0, 1, 127, 255, int(random.integers(256))])
        if number % 4 == 0:
            del data[random.integers(1, len(data)) :]
        try:
            info = inspect(bytes(data), max_pixels=1_000_000)
            assert decode(bytes(data), allow_truncated=True).shape == (info.height, info.width, 3)
            decode(bytes(data))
        except MediaError:
            refused += 1
    assert 100 < refused < 500


def png_of_one_bit(width: int, height: int) -> bytes:
    """A black PNG, made row by row."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    packer, row = zlib.compressobj(9), bytes(1 + (width + 7) // 8)
    packed = b"".join([packer.compress(row * 100) for _ in range(height // 100)]) + packer.flush()
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def run(program: str, *arguments: str | Path, options: tuple[str, ...] = ()) -> list[str]:
    """The lines that a Python program prints."""
    command = [sys.executable, *options, "-c", program, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.splitlines()


INSPECT = """
import resource, sys
from pathlib import Path
from perceptkit import images
from perceptkit.errors import MediaError
held = [Path(path).read_bytes() for path in sys.argv[1:]]
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for path in sys.argv[1:]:
    try:
        images.read(path)
    except MediaError as error:
        print(error)
info = images.inspect(held[1], max_pixels=200_000_000)
print(info.width, info.height)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@posix
def test_size_is_judged_from_the_header_with_flat_memory(tmp_path: Path) -> None:
    bomb, large = tmp_path / "bomb.png", tmp_path / "large.png"
    bomb.write_bytes(png_of_one_bit(50_000, 50_000))
    large.write_bytes(png_of_one_bit(20_000, 10_000))
    assert bomb.stat().st_size < 320_000
    limit = "pixels is over the limit of 100,000,000 pixels; make the photo smaller or raise the limit (max_pixels)"
    *printed, growth = run(INSPECT, bomb, large)
    assert printed == [f"{bomb}: 50000 x 50000 {limit}", f"{large}: 20000 x 10000 {limit}", "20000 10000"]
    assert int(growth) < 8_000 * (1024 if sys.platform == "darwin" else 1)  # kilobytes; the bomb has 2,500,000


def test_limit_counts_pixels_and_includes_itself() -> None:
    data = encoded(quarters(), "JPEG", exif=exif(6))
    assert inspect(data, max_pixels=64 * 48).width == 48
    with pytest.raises(MediaError, match=r"^mine: 64 x 48 pixels is over the limit of 3,071 pixels"):
        inspect(data, name="mine", max_pixels=64 * 48 - 1)


READ_ALL = """
import sys
from pathlib import Path
from PIL import Image
from perceptkit import images
from perceptkit.errors import MediaError
Image.MAX_IMAGE_PIXELS = 2000
for path in sorted(Path(sys.argv[1]).iterdir()):
    try:
        print(path.stem, images.read(path, max_pixels=10_000).shape)
    except MediaError as error:
        print(path.stem, error)
"""


def test_limit_is_ours_whatever_pillow_is_set_to(tmp_path: Path) -> None:
    """Pillow is set to warn above 2000 pixels, and warnings are errors; from twice that on it refuses."""
    for kind, (make, _) in COLOUR.items():
        (tmp_path / f"{kind}.jpg").write_bytes(make())
    (tmp_path / "webp-above-twice.jpg").write_bytes(encoded(Image.new("RGB", (80, 60)), "WEBP"))
    (tmp_path / "tiff-above-twice.jpg").write_bytes(encoded(Image.new("RGB", (80, 60)), "TIFF"))
    printed = dict(line.split(" ", 1) for line in run(READ_ALL, tmp_path, options=("-W", "error")))
    assert "over the limit that Pillow has of its own" in printed.pop("webp-above-twice")  # it cannot be helped
    assert printed.pop("tiff-above-twice") == "(60, 80, 3)"
    assert printed == dict.fromkeys(COLOUR, "(48, 64, 3)")


def test_picture_larger_than_the_screen_of_a_gif_is_refused() -> None:
    data = bytearray(encoded(Image.new("L", (2, 2)), "GIF"))
    frame = data.index(b",\0\0\0\0\2\0\2\0")
    data[frame + 5 : frame + 9] = struct.pack("<HH", 60_000, 60_000)
    with pytest.raises(MediaError, match="over the limit that Pillow has of its own"):
        inspect(bytes(data))


NOT_PHOTOS = {
    "empty file": b"",
    "not a photo but a text file": b"Dear all,\nthe photos are attached.\n",
    "not a photo but an HTML page": b"<!DOCTYPE html><html><body>Sign in</body></html>",
    "not a photo but a PDF document": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n",
    "not a photo but a video": b"\0\0\0\x18ftypisom\0\0\x02\0isomavc1mp41" + bytes(99),
    "not a photo but a ZIP archive": b"PK\x03\x04\x14\0\0\0\x08\0" + bytes(99),
    "not a photo but a gzip archive": b"\x1f\x8b\x08\0" + bytes(99),
    "not a photo but a Git LFS pointer, not the file itself; run: git lfs pull": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:5e4447f5\nsize 640000\n"
    ),
    r"not a photo that can be read \(JPEG, PNG, .*HEIC\)": bytes(range(200)),
}


@pytest.mark.parametrize(("problem", "data"), NOT_PHOTOS.items(), ids=range(len(NOT_PHOTOS)))
def test_what_is_no_photo_is_named(problem: str, data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(data)
    with pytest.raises(MediaError, match=rf"photo\.jpg: {problem}"):
        read(path)
    for look in (inspect, decode):
        with pytest.raises(MediaError, match=f"upload: {problem}"):
            look(data, name="upload")


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, about metadata
@pytest.mark.parametrize(
    ("head", "form"),
    [
        (b"\xff\xd8\xff\xe0\0\x10JFIF", "JPEG"),
        (b"\x89PNG\r\n\x1a\n", "PNG"),
        (b"II*\0\x08\0\0\0", "TIFF"),
        (b"GIF89a", "GIF"),
        (b"RIFF\x10\0\0\0WEBPVP8 ", "WEBP"),
        (b"\0\0\0\x1cftypavif", "AVIF"),
        (b"BM", "BMP"),
    ],
)
def test_signature_with_nothing_after_it_is_a_damaged_header(head: bytes, form: str) -> None:
    with pytest.raises(MediaError, match=f"image: the {form} header is damaged"):
        inspect(head)


def test_what_is_no_regular_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="not a regular file"):
        load(tmp_path)
    with pytest.raises(MediaError, match=r"gone\.jpg: cannot be read: No such file or directory"):
        load(tmp_path / "gone.jpg")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.jpg")
        with pytest.raises(MediaError, match=r"pipe\.jpg: not a regular file"):  # and does not wait for a writer
            load(tmp_path / "pipe.jpg")


LOAD_HUGE = """
import resource, sys
from pathlib import Path
from perceptkit import images
from perceptkit.errors import MediaError
pages = int(Path("/proc/self/statm").read_text().split()[0])
resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + (100 << 20),) * 2)
for path in sys.argv[1:]:
    try:
        images.load(path)
    except MediaError as error:
        print(error)
"""


@linux
def test_file_larger_than_the_memory_is_refused(tmp_path: Path) -> None:
    large, huge = tmp_path / "large.jpg", tmp_path / "huge.jpg"
    for path, size in ((large, 1 << 30), (huge, (1 << 30) + 1)):
        with path.open("wb") as file:
            file.write(b"\xff\xd8\xff")
            file.truncate(size)  # a hole, which takes no space on the disk
    assert run(LOAD_HUGE, large, huge) == [
        f"{large}: the file is larger than the memory",
        f"{huge}: 1,073,741,825 bytes is over the limit of 1,073,741,824 bytes for a photo",
    ]


def test_heic_is_decoded_upright() -> None:
    info = inspect(HEIC)
    assert (info.width, info.height, info.format, info.frames) == (48, 64, "HEIF", 1)
    image = decode(HEIC)
    assert image.shape == (64, 48, 3)
    for half, colour in ((image[4:28], (230, 40, 30)), (image[36:60], (30, 60, 220))):
        assert np.abs(half.astype(int) - colour).max() <= 10


def test_damaged_heic_is_an_error() -> None:
    for end in (16, 60, 300, len(HEIC) - 60):
        with pytest.raises(MediaError, match="damaged"):
            decode(HEIC[:end])


WITHOUT_HEIF = """
import sys
sys.modules["pi_heif"] = None
from perceptkit import images
from perceptkit.errors import MissingExtraError
try:
    images.read(sys.argv[1])
except MissingExtraError as error:
    print(error)
"""


def test_heic_without_the_extra_names_the_pip_command(tmp_path: Path) -> None:
    path = tmp_path / "photo.heic"
    path.write_bytes(HEIC)
    expected = MissingExtraError("heic", f"{path}: reading HEIC")
    assert run(WITHOUT_HEIF, path) == [str(expected)]
    assert "pip install 'perceptkit[heic]'" in str(expected)


def test_every_ending_is_lower_case_with_its_dot() -> None:
    assert all(suffix.startswith(".") and suffix == suffix.lower() for suffix in SUFFIXES)
    assert {".jpg", ".jpeg", ".png", ".tif", ".webp", ".heic", ".avif", ".jp2", ".gif", ".bmp"} <= SUFFIXES


@pytest.mark.parametrize(
    ("box", "x", "y"),
    [
        ((2, 1, 5, 3), (2, 5), (1, 3)),
        ((1.6, 0.6, 4.4, 2.4), (2, 4), (1, 2)),
        ((-5, -5, 3, 2), (0, 3), (0, 2)),
        ((7, 4, 99, 99), (7, 10), (4, 6)),
        ((-9, -9, 99, 99), (0, 10), (0, 6)),
        ((20, 20, 30, 30), (9, 10), (5, 6)),
        ((-30, -30, -20, -20), (0, 1), (0, 1)),
        ((4, 4, 4, 4), (4, 5), (4, 5)),
        ((5, 3, 2, 1), (5, 6), (3, 4)),
    ],
)
def test_crop_is_the_part_inside_and_never_empty(
    box: tuple[float, ...], x: tuple[int, int], y: tuple[int, int]
) -> None:
    rows, columns = np.mgrid[0:6, 0:10]
    image = np.stack([columns, rows, rows], axis=2).astype(np.uint8)
    part = crop(image, box)
    assert part.base is not None
    assert (part[0, 0, 0], part[-1, -1, 0] + 1, part[0, 0, 1], part[-1, -1, 1] + 1) == (*x, *y)
    assert np.array_equal(part, crop(image, np.array(box, np.float32)))


def test_jpeg_that_is_written_reads_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "Größe 写真.jpg"
    write_jpeg(path, np.asarray(quarters()), quality=95)
    assert_quarters(read(path), tolerance=8)
    small = encode_jpeg(np.asarray(noise()), quality=20)
    assert len(small) < len(encode_jpeg(np.asarray(noise()))) < len(encode_jpeg(np.asarray(noise()), quality=98))


def test_part_of_an_image_can_be_written() -> None:
    image = np.asarray(quarters(128, 96))
    assert_quarters(decode(encode_jpeg(crop(image, (32, 24, 96, 72)), quality=95)), tolerance=8)
