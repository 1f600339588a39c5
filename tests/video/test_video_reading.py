"""Frames come with the times of the container, upright, in their colours, and only those that were asked for."""

from __future__ import annotations

import gc
import os
import struct
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from clips import CORNERS, Sound, corners, edit, number_of, painted, turn, write_clip
from perceptkit import video
from perceptkit.errors import InputError, MediaError
from perceptkit.video import VideoInfo
from systems import linux

BFRAMES = {"g": "10", "x264-params": "b-adapt=0:bframes=3:b-pyramid=normal"}
UNEVEN = [Fraction(number * number, 200) for number in range(16)]


def seen(path: Path, **options: Any) -> list[tuple[float, int]]:
    """Times and numbers of the frames that are read, without a warning."""
    with video.read(path, **options) as frames:
        found = [(frame.time, number_of(frame.image)) for frame in frames]
    assert frames.warnings == []
    return found


def regular(rate: Fraction | int, count: int, first: float = 0.0) -> list[Any]:
    return [(pytest.approx(first + float(number / Fraction(rate)), abs=6e-4), number) for number in range(count)]


# Times


@pytest.mark.parametrize("rate", [25, Fraction(30_000, 1001), 60, 1, Fraction(24_000, 1001)], ids=str)
def test_times_are_those_of_the_container(tmp_path: Path, rate: Fraction | int) -> None:
    path = write_clip(tmp_path / "a.mp4", rate=rate, count=12)
    with video.read(path) as frames:
        found = list(frames)
    assert [frame.time for frame in found] == [float(number / Fraction(rate)) for number in range(12)]
    assert [frame.index for frame in found] == [number_of(frame.image) for frame in found] == list(range(12))
    about = frames.info
    duration = float(12 / Fraction(rate))
    unit = about.time_base
    assert about == VideoInfo(160, 96, Fraction(rate), duration, frames=12, has_sound=False, time_base=unit)
    assert about.expected_frames == 12


KINDS: dict[str, Mapping[str, Any]] = {
    "b-frames.mp4": {"options": BFRAMES},
    "fragments.mp4": {"options": {"g": "5"}, "container": {"movflags": "frag_keyframe"}},
    "interleaved.mp4": {"sounds": [Sound(layout="stereo")]},
    "b-frames.mkv": {"options": BFRAMES},
    "a.webm": {"codec": "libvpx", "options": {"deadline": "realtime"}, "sounds": [Sound("libopus")]},
    "b-frames.ts": {"options": BFRAMES},
    "a.avi": {"codec": "mpeg4", "sounds": [Sound("pcm_s16le")]},
    "photos.avi": {"codec": "mjpeg", "pix_fmt": "yuvj420p"},
    "a.mov": {"codec": "mpeg4", "sounds": [Sound("pcm_s16le")]},
    "a.mxf": {"codec": "mpeg2video", "options": {"g": "10"}},
    "a.wmv": {"codec": "wmv2"},
    "a.flv": {"codec": "flv"},
    "a.3gp": {"codec": "mpeg4"},
    "a.gif": {"codec": "gif", "pix_fmt": "rgb8"},
    "a.h264": {"form": "h264", "options": BFRAMES},
}


@pytest.mark.parametrize("name", KINDS)
def test_kinds_of_files(tmp_path: Path, name: str) -> None:
    path = write_clip(tmp_path / name, **KINDS[name])
    assert seen(path) == regular(25, 25)
    about = video.info(path)
    assert (about.width, about.height, float(about.rate)) == (160, 96, 25)
    assert about.has_sound == ("sounds" in KINDS[name])
    assert about.expected_frames in ((None,) if name == "a.h264" else (25, 26))


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "b-frames.mp4"])
def test_times_of_a_varying_rate(tmp_path: Path, name: str) -> None:
    options = BFRAMES if name.startswith("b") else {"bf": "0"}
    path = write_clip(tmp_path / name, times=UNEVEN, unit=Fraction(1, 1000), options=options)
    assert seen(path) == [(float(time), number) for number, time in enumerate(UNEVEN)]


def test_still_pictures_of_an_avi_are_no_damage(tmp_path: Path) -> None:
    times = [Fraction(number * number, 25) for number in range(6)]
    path = write_clip(tmp_path / "a.avi", codec="mpeg4", times=times)
    assert seen(path) == [(float(time), number) for number, time in enumerate(times)]


def test_time_begins_where_the_file_does(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.ts", sounds=[Sound(start=0.5, seconds=0.5)])
    with av.open(str(path)) as source:
        assert (source.start_time or 0) > 0
    assert seen(path) == regular(25, 25)
    # The sound begins first, by what its encoder puts before it.
    path = write_clip(tmp_path / "b.ts", sounds=[Sound()])
    assert seen(path) == regular(25, 25, first=1024 / 48_000)


def test_recordings_that_are_glued_together_go_on(tmp_path: Path) -> None:
    def part(first: int) -> bytes:
        clip = write_clip(tmp_path / "a.ts", count=50, paint=lambda number, size: painted(number + first, size))
        return clip.read_bytes()

    path = tmp_path / "glued.ts"
    path.write_bytes(part(0) + part(50) + part(100))
    assert seen(path) == regular(25, 150)


@pytest.mark.parametrize("bframes", ["0", "3"])
@pytest.mark.parametrize(("first", "count"), [(0, 50), (0, 13), (10, 10), (37, 25), (95, 5)])
def test_clip_that_was_trimmed_by_an_edit_list(tmp_path: Path, bframes: str, first: int, count: int) -> None:
    path = write_clip(tmp_path / "a.mp4", count=100, options={"g": "10", "bf": bframes})
    edit(path, start=first / 25, duration=count / 25)
    found = seen(path)
    assert found == [(number / 25, first + number) for number in range(count)]
    about = video.info(path)
    assert about.duration == pytest.approx(count / 25)
    assert about.expected_frames == count


# Ranges

SEARCHED: dict[str, Mapping[str, Any]] = {
    "a.mp4": {"options": {"g": "25", "bf": "3"}},
    "one-key-frame.mp4": {"options": {"g": "999"}},
    "fragments.mp4": {"options": {"g": "25"}, "container": {"movflags": "frag_keyframe+empty_moov"}},
    "a.mkv": {"options": {"g": "25", "bf": "3"}},
    "a.avi": {"codec": "mpeg4", "options": {"g": "25"}},
    "a.ts": {"options": {"g": "25", "bf": "3"}, "sounds": [Sound(seconds=4)]},
    "open-gop.ts": {"options": {"g": "25", "x264-params": "open-gop=1:bframes=3:b-adapt=0"}},
    "refresh.ts": {"options": {"x264-params": "intra-refresh=1:keyint=25"}},
    "a.mpg": {"codec": "mpeg2video", "options": {"g": "12", "bf": "2"}},
    "a.flv": {"options": {"g": "25"}},
    "a.h264": {"form": "h264"},
}
RANGES = [(0.0, None), (0.02, 0.3), (0.5, 1.0), (0.97, 1.05), (1.0, 1.2), (1.5, None), (2.03, 2.2), (3.95, None)]


@pytest.mark.parametrize("name", SEARCHED)
def test_range_holds_the_frames_that_are_shown_in_it(tmp_path: Path, name: str) -> None:
    path = write_clip(tmp_path / name, count=100, **SEARCHED[name])
    whole = seen(path)
    assert [number for _, number in whole] == list(range(100))
    for start, end in RANGES:
        wanted = [frame for frame in whole if start <= frame[0] and (end is None or frame[0] < end)]
        assert seen(path, start=start, end=end) == wanted


@pytest.mark.parametrize("name", ["a.mp4", "a.ts", "a.mkv"])
def test_range_after_the_end_is_empty(tmp_path: Path, name: str) -> None:
    path = write_clip(tmp_path / name)
    assert seen(path, start=60) == seen(path, start=1.0) == []
    assert seen(path, start=0.96) == [(0.96, 24)]


def test_every_nth_frame_and_none_too_soon(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4")

    def numbers(**options: Any) -> list[int]:
        return [number for _, number in seen(path, **options)]

    assert numbers(every=3) == [0, 3, 6, 9, 12, 15, 18, 21, 24]
    assert numbers(every=100) == [0]
    assert numbers(step=0.04) == list(range(25))
    assert numbers(step=0.05) == list(range(0, 25, 2))
    assert numbers(step=0.2) == [0, 5, 10, 15, 20]
    assert numbers(step=9) == [0]
    assert numbers(every=2, step=0.1) == [0, 4, 8, 12, 16, 20, 24]
    assert numbers(every=4, start=0.1, end=0.6) == [3, 7, 11]
    with video.read(path, every=4, start=0.1) as frames:
        assert [frame.index for frame in frames][:3] == [0, 4, 8]


@pytest.mark.parametrize(
    "options",
    [
        {"every": 0},
        {"step": -1.0},
        {"step": float("nan")},
        {"start": -0.1},
        {"start": float("inf")},
        {"start": float("nan")},
        {"start": 1.0, "end": 1.0},
        {"end": float("nan")},
    ],
    ids=str,
)
def test_values_that_make_no_sense(tmp_path: Path, options: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"every is|no time lies"):
        video.read(tmp_path / "not even there.mp4", **options)


# Orientation and size

# a, b, c, d of the display matrix, and which corner of the stored picture comes to which place of the shown one.
MATRICES = {
    "upright": ((1, 0, 0, 1), (0, 1, 2, 3)),
    "90": ((0, 1, -1, 0), (2, 0, 3, 1)),
    "180": ((-1, 0, 0, -1), (3, 2, 1, 0)),
    "270": ((0, -1, 1, 0), (1, 3, 0, 2)),
    "mirrored left to right": ((-1, 0, 0, 1), (1, 0, 3, 2)),
    "mirrored top to bottom": ((1, 0, 0, -1), (2, 3, 0, 1)),
    "mirrored and turned by 90": ((0, 1, 1, 0), (0, 2, 1, 3)),
    "mirrored and turned by 270": ((0, -1, -1, 0), (3, 1, 2, 0)),
}


@pytest.mark.parametrize("name", MATRICES)
def test_pictures_are_upright(tmp_path: Path, name: str) -> None:
    matrix, order = MATRICES[name]
    path = turn(write_clip(tmp_path / "a.mp4", count=2), matrix)
    with video.read(path) as frames:
        images = [frame.image for frame in frames]
    assert corners(images[1]) == tuple(CORNERS[place] for place in order)
    size = (96, 160) if matrix[0] == 0 else (160, 96)
    assert (frames.info.width, frames.info.height) == size
    assert images[1].shape == (size[1], size[0], 3)
    assert images[1].flags.c_contiguous
    assert frames.info.rotation == (int(name) if name.isdigit() else frames.info.rotation)


def test_pixels_that_are_not_square_are_told_as_shown(tmp_path: Path) -> None:
    def widen(stream: VideoStream) -> None:
        stream.codec_context.sample_aspect_ratio = Fraction(4, 3)

    path = write_clip(tmp_path / "a.mp4", count=2, prepare=widen)
    assert video.info(path).pixel_aspect == Fraction(4, 3)
    assert video.info(turn(path, MATRICES["90"][0])).pixel_aspect == Fraction(3, 4)


@pytest.mark.parametrize("size", [(161, 97), (160, 97), (17, 33), (2, 2), (1, 1)], ids=str)
def test_sizes(tmp_path: Path, size: tuple[int, int]) -> None:
    path = write_clip(tmp_path / "a.mkv", codec="ffv1", pix_fmt="yuv444p", size=size, count=2)
    with video.read(path) as frames:
        assert [frame.image.shape for frame in frames] == [(size[1], size[0], 3)] * 2
    assert (frames.info.width, frames.info.height) == size


def test_size_that_changes_in_the_middle(tmp_path: Path) -> None:
    parts = [write_clip(tmp_path / f"{size[0]}.ts", size=size, count=10) for size in [(160, 96), (320, 192)]]
    path = tmp_path / "both.ts"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    with video.read(path) as frames:
        shapes = [frame.image.shape for frame in frames]
    assert shapes == [(96, 160, 3)] * 10 + [(192, 320, 3)] * 10
    assert (frames.info.width, frames.info.height) == (160, 96)


# Colours

WEIGHTS = {1: (0.2126, 0.0722), 2: (0.299, 0.114), 5: (0.299, 0.114), 6: (0.299, 0.114), 9: (0.2627, 0.0593)}
COLOURS = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0), (200, 120, 40), (30, 200, 180)]


def stored(colour: Sequence[int], matrix: int, *, full: bool, bits: int) -> list[int]:
    """Luma and chroma of a colour: ITU-R BT.601, BT.709, BT.2020, each section 3."""
    red, green, blue = (value / 255 for value in colour)
    of_red, of_blue = WEIGHTS[matrix]
    luma = of_red * red + (1 - of_red - of_blue) * green + of_blue * blue
    chroma = (blue - luma) / (2 - 2 * of_blue), (red - luma) / (2 - 2 * of_red)
    unit, largest = 1 << (bits - 8), (1 << bits) - 1
    if full:
        values = [luma * largest, *(value * largest + 128 * unit for value in chroma)]
    else:
        values = [(16 + 219 * luma) * unit, *((128 + 224 * value) * unit for value in chroma)]
    return [min(max(round(value), 0), largest) for value in values]


def write_colours(path: Path, matrix: int, *, full: bool, bits: int) -> Path:
    """A video of one plain frame for each of COLOURS, in 4:2:0."""
    kind, number = ("yuv420p", np.uint8) if bits == 8 else ("yuv420p10le", np.uint16)
    with av.open(str(path), "w") as output:
        codec = "libx264" if bits == 8 else "libx265"
        stream: Any = output.add_stream(codec, rate=25, options={"crf": "1", "x265-params": "log-level=none"})
        stream.width, stream.height, stream.pix_fmt = 64, 64, kind
        context = stream.codec_context
        context.colorspace = context.color_primaries = matrix
        context.color_trc = 16 if matrix == 9 else matrix
        context.color_range = 2 if full else 1
        for place, colour in enumerate(COLOURS):
            frame = VideoFrame(64, 64, kind)
            for plane, value in zip(frame.planes, stored(colour, matrix, full=full, bits=bits), strict=True):
                plane.update(np.full(plane.buffer_size // number().itemsize, value, number).tobytes())
            frame.pts = place
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("bits", [8, 10])
@pytest.mark.parametrize("full", [False, True], ids=["limited", "full"])
@pytest.mark.parametrize("matrix", WEIGHTS)
def test_colours_come_back(tmp_path: Path, matrix: int, full: bool, bits: int) -> None:
    path = write_colours(tmp_path / "a.mp4", matrix, full=full, bits=bits)
    with video.read(path) as frames:
        images = [frame.image.astype(int) for frame in frames]
    assert frames.info.colours == (matrix, matrix, 16 if matrix == 9 else matrix)
    for colour, image in zip(COLOURS, images, strict=True):
        assert np.abs(image - colour).max() <= 3


@pytest.mark.parametrize(
    ("codec", "kind"),
    [("ffv1", "gray"), ("libx264", "gray"), ("ffv1", "gray10le")],
)
def test_grey_is_grey(tmp_path: Path, codec: str, kind: str) -> None:
    path = write_clip(tmp_path / "a.mkv", codec=codec, pix_fmt=kind, count=3)
    with video.read(path) as frames:
        for number, frame in enumerate(frames):
            assert number_of(frame.image) == number
            assert int(np.ptp(frame.image.astype(int), axis=2).max()) == 0


@pytest.mark.parametrize(
    ("name", "codec", "kind"),
    [
        ("a.mov", "png", "rgb24"),
        ("a.mov", "png", "rgba"),
        ("a.mov", "qtrle", "rgb24"),
        ("a.mp4", "libx264rgb", "rgb24"),
        ("a.mkv", "ffv1", "bgr0"),
        ("a.mov", "prores_ks", "yuv422p10le"),
        ("a.mkv", "ffv1", "yuva420p"),
    ],
)
def test_pixel_formats(tmp_path: Path, name: str, codec: str, kind: str) -> None:
    path = write_clip(tmp_path / name, codec=codec, pix_fmt=kind, count=3)
    with video.read(path) as frames:
        images = [frame.image for frame in frames]
    assert [number_of(image) for image in images] == [0, 1, 2]
    assert corners(images[2]) == CORNERS


@pytest.mark.parametrize("name", ["b-frames.mp4", "b-frames.mkv", "photos.avi", "a.webm"])
def test_pictures_are_those_of_opencv(tmp_path: Path, name: str) -> None:
    path = write_clip(tmp_path / name, **KINDS[name])
    peer = cv2.VideoCapture(str(path))
    with video.read(path) as frames:
        for frame in frames:
            there, picture = peer.read()
            assert there
            assert np.abs(frame.image.astype(int) - picture[:, :, ::-1]).mean() < 1.5
    assert not peer.read()[0]


# Which stream, and letting go


def add_cover(path: Path, *, first: bool) -> Path:
    """Give an MP4 a cover picture, as music shops do; `first`: before its video."""
    cover = write_clip(path.with_name("cover.mov"), codec="png", pix_fmt="rgb24", size=(32, 32), count=1)
    together = path.with_name(f"covered-{path.name}")
    with av.open(str(path)) as source, av.open(str(cover)) as picture, av.open(str(together), "w") as output:
        streams = [*source.streams, picture.streams.video[0]]
        copies = [output.add_stream_from_template(stream, opaque=True) for stream in streams]
        copies[-1].disposition = Disposition.attached_pic
        for stream, copy in zip(streams, copies, strict=True):
            for packet in stream.container.demux(stream):
                if packet.size:
                    packet.stream = copy
                    output.mux(packet)
            source.seek(0)
    data = together.read_bytes()
    user, track = data.index(b"udta") - 4, data.index(b"trak") - 4
    if first:  # what is in the user data becomes a stream where it is met
        after = user + struct.unpack_from(">I", data, user)[0]
        data = data[:track] + data[user:after] + data[track:user] + data[after:]
        together.write_bytes(data)
    return together


@pytest.mark.parametrize("first", [True, False])
def test_cover_picture_is_not_the_video(tmp_path: Path, first: bool) -> None:
    path = add_cover(write_clip(tmp_path / "a.mp4"), first=first)
    with av.open(str(path)) as written:
        assert [stream.width for stream in written.streams.video] == ([32, 160] if first else [160, 32])
    assert seen(path) == regular(25, 25)


def test_music_with_a_cover_is_no_video(tmp_path: Path) -> None:
    path = add_cover(write_clip(tmp_path / "a.mp4", codec=None, sounds=[Sound()]), first=False)
    with pytest.raises(MediaError, match=r"covered-a\.mp4: holds no video, sound only"):
        video.read(path)


def open_files(folder: Path) -> list[str]:
    links = [os.path.realpath(f"/proc/self/fd/{number}") for number in os.listdir("/proc/self/fd")]  # noqa: PTH208
    return [link for link in links if link.startswith(str(folder))]


@linux
def test_file_is_let_go_of_without_the_garbage_collector(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4")
    gc.disable()
    try:
        video.info(path)
        assert open_files(tmp_path) == []
        video.read(path).close()
        assert open_files(tmp_path) == []
        with video.read(path) as frames:
            next(iter(frames))
            assert open_files(tmp_path) == [str(path)]
        assert open_files(tmp_path) == []
        frames = video.read(path)
        assert len(list(frames)) == 25
        assert open_files(tmp_path) == []
    finally:
        gc.enable()
    frames.close()
    assert list(frames) == []


def test_display_matrix_of_the_helper_is_the_one_of_ffmpeg(tmp_path: Path) -> None:
    path = turn(write_clip(tmp_path / "a.mp4", count=1), MATRICES["90"][0])
    with av.open(str(path)) as source:
        matrix: Any = next(source.decode(video=0)).side_data.get("DISPLAYMATRIX")
    assert struct.unpack("<9i", memoryview(matrix)) == (0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30)
