"""What is written has the frames, times, colours and shape of its source, in H.264 that plays while it loads."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.video.stream import VideoStream

from clips import CORNERS, Sound, boxes, corners, edit, number_of, packets, painted, plain, turn, write_clip
from perceptkit import video
from perceptkit.errors import InputError
from perceptkit.video import Frame, VideoInfo

BFRAMES = {"g": "10", "x264-params": "b-adapt=0:bframes=3:b-pyramid=normal"}
UNEVEN = [Fraction(number * number, 200) for number in range(16)]


def copy(source: Path, target: Path, **options: Any) -> tuple[list[float], VideoInfo]:
    """Read a video and write it, with its sound; the times of its frames and what it says of itself."""
    times = []
    with video.read(source) as frames, video.Writer(target, frames.info, sound=source, **options) as writer:
        for frame in video.prefetch(frames):
            writer.write(frame)
            times.append(frame.time)
    assert frames.warnings == writer.warnings == []
    assert writer.frames == len(times)
    return times, frames.info


def write(target: Path, about: VideoInfo, *frames: Frame, **options: Any) -> video.Writer:
    with video.Writer(target, about, **options) as writer:
        for frame in frames:
            writer.write(frame)
    return writer


def about(width: int = 64, height: int = 64, **options: Any) -> VideoInfo:
    return VideoInfo(width, height, Fraction(25), None, None, has_sound=False, **options)


def stills(count: int, size: tuple[int, int] = (64, 64), rate: float = 25) -> list[Frame]:
    return [Frame(number, number / rate, painted(number, size)) for number in range(count)]


SOURCES: dict[str, Mapping[str, Any]] = {
    "25.mp4": {},
    "29.97.mp4": {"rate": Fraction(30_000, 1001), "count": 30},
    "23.976.mkv": {"rate": Fraction(24_000, 1001)},
    "60.mp4": {"rate": 60, "count": 60},
    "1.mp4": {"rate": 1, "count": 3},
    "varying.mp4": {"times": UNEVEN, "unit": Fraction(1, 1000), "options": {"bf": "0"}},
    "varying.mkv": {"times": UNEVEN, "unit": Fraction(1, 1000)},
    "b-frames.mp4": {"options": BFRAMES},
    "b-frames.ts": {"options": BFRAMES},
    "sound-first.ts": {"sounds": [Sound()]},
    "sound-last.mkv": {"sounds": [Sound(start=0.3, seconds=0.7)]},
    "a.avi": {"codec": "mpeg4"},
    "a.mpg": {"codec": "mpeg2video", "options": {"bf": "2"}},
    "a.webm": {"codec": "libvpx", "options": {"deadline": "realtime"}},
    "a.gif": {"codec": "gif", "pix_fmt": "rgb8"},
    "10-bit.mp4": {"codec": "libx265", "pix_fmt": "yuv420p10le", "options": {"x265-params": "log-level=none"}},
    "odd.mkv": {"codec": "ffv1", "size": (161, 97)},
    "fragments.mp4": {"container": {"movflags": "frag_keyframe"}, "options": {"g": "5"}},
    "still.mp4": {"count": 1},
}


@pytest.mark.parametrize("name", SOURCES)
def test_frames_and_times_are_those_of_the_source(tmp_path: Path, name: str) -> None:
    source, target = write_clip(tmp_path / name, **SOURCES[name]), tmp_path / "out.mp4"
    times, of_source = copy(source, target)
    with video.read(target) as frames:
        written = [(frame.time, number_of(frame.image)) for frame in frames]
    assert frames.warnings == []
    assert written == [(time, number) for number, time in enumerate(times)]
    assert len(times) == len(SOURCES[name].get("times", range(SOURCES[name].get("count", 25))))
    one = 1 / float(of_source.rate)
    end = max(times) - min(times) + one
    assert frames.info.duration == pytest.approx(end, abs=one)
    assert frames.info.frames == len(times)
    width, height = of_source.width, of_source.height
    assert (frames.info.width, frames.info.height) == (width + width % 2, height + height % 2)


@pytest.mark.parametrize("name", ["25.mp4", "varying.mkv", "b-frames.ts"])
def test_is_h264_that_can_be_played_while_it_loads(tmp_path: Path, name: str) -> None:
    source, target = write_clip(tmp_path / name, **{**SOURCES[name], "sounds": [Sound()]}), tmp_path / "out.mp4"
    copy(source, target)
    data = target.read_bytes()
    order = [box for box, _, _ in boxes(data)]
    assert order[0] == "ftyp"
    assert order.index("moov") < order.index("mdat")
    assert sum(length for _, _, length in boxes(data)) == len(data)
    with av.open(str(target)) as written:
        stream = written.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert stream.codec_context.color_range in (0, 1)  # limited, which goes without saying
        assert not stream.codec_context.has_b_frames
        assert stream.codec_context.codec_tag == "avc1"
        assert [stream.type for stream in written.streams] == ["video", "audio"]


@pytest.mark.parametrize("matrix", [(0, 1, -1, 0), (-1, 0, 0, -1), (0, -1, 1, 0), (-1, 0, 0, 1)], ids=str)
def test_rotation_is_applied_and_not_tagged(tmp_path: Path, matrix: tuple[int, int, int, int]) -> None:
    source, target = turn(write_clip(tmp_path / "a.mp4", count=2), matrix), tmp_path / "out.mp4"
    copy(source, target)
    with video.read(source) as frames, video.read(target) as written:
        shown = [corners(frame.image) for frame in frames]
        assert [corners(frame.image) for frame in written] == shown
    assert shown[0] != CORNERS
    assert written.info.rotation == 0
    with av.open(str(target)) as again:
        assert next(again.decode(video=0)).side_data.get("DISPLAYMATRIX") is None


@pytest.mark.parametrize("size", [(161, 97), (160, 97), (161, 96), (17, 33), (1, 1), (3, 200)], ids=str)
def test_odd_sizes_are_padded_by_a_line(tmp_path: Path, size: tuple[int, int]) -> None:
    target = tmp_path / "out.mp4"
    row, column = np.mgrid[0 : size[1], 0 : size[0]]
    image = np.stack([128 + row // 4, 128 + column // 4, 0 * row], axis=2).astype(np.uint8)
    write(target, about(*size), Frame(0, 0.0, image), quality=1)
    with video.read(target) as frames:
        (frame,) = frames
    assert frame.image.shape == (size[1] + size[1] % 2, size[0] + size[0] % 2, 3)
    assert np.abs(frame.image[: size[1], : size[0]].astype(int) - image).max() <= 12
    assert np.abs(frame.image[-1].astype(int) - frame.image[size[1] - 1]).max() <= 12


def test_pictures_of_another_size_are_fitted_in(tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"
    sizes = [(96, 96), (192, 96), (96, 192), (20, 20), (960, 960)]
    frames = [Frame(number, number / 25, plain((200, 200, 200), size)) for number, size in enumerate(sizes)]
    write(target, about(96, 96), *frames)
    with video.read(target) as written:
        images = [frame.image for frame in written]
    for image, (width, height) in zip(images, sizes, strict=True):
        bright = image[:, :, 0] > 100
        assert bright[48, 48]
        assert bright[2, 48] == bright[-3, 48] == (height >= width)
        assert bright[48, 2] == bright[48, -3] == (width >= height)


# Colours and shape of pixels


@pytest.mark.parametrize("matrix", [1, 4, 5, 6, 7, 9])
def test_colours_and_their_tags_are_kept(tmp_path: Path, matrix: int) -> None:
    target, tags = tmp_path / "out.mp4", (matrix, matrix, 16 if matrix == 9 else matrix)
    colours = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0), (200, 120, 40), (30, 200, 180)]
    frames = [Frame(number, number / 25, plain(colour)) for number, colour in enumerate(colours)]
    write(target, about(160, 96, colours=tags), *frames, quality=1)
    with video.read(target) as written:
        images = [frame.image.astype(int) for frame in written]
    assert written.info.colours == tags
    for colour, image in zip(colours, images, strict=True):
        assert np.abs(image - colour).max() <= 4


@pytest.mark.parametrize("matrix", [0, 2, 3, 8, 10, 14, 17])
def test_matrix_that_we_do_not_compute_is_left_unsaid(tmp_path: Path, matrix: int) -> None:
    target = tmp_path / "out.mp4"
    write(target, about(160, 96, colours=(matrix, 1, 13)), Frame(0, 0.0, plain((200, 40, 30))), quality=1)
    with video.read(target) as written:
        image = next(iter(written)).image.astype(int)
    assert written.info.colours == (2, 1, 13)
    assert np.abs(image - (200, 40, 30)).max() <= 4


@pytest.mark.parametrize("number", range(24))
def test_any_number_for_primaries_and_transfer_can_be_written(tmp_path: Path, number: int) -> None:
    write(tmp_path / "out.mp4", about(colours=(1, number, number)), *stills(1))
    assert video.info(tmp_path / "out.mp4").frames == 1


@pytest.mark.parametrize("aspect", [Fraction(4, 3), Fraction(64, 45), Fraction(1)], ids=str)
def test_shape_of_pixels_is_kept(tmp_path: Path, aspect: Fraction) -> None:
    def widen(stream: VideoStream) -> None:
        stream.codec_context.sample_aspect_ratio = aspect

    source, target = write_clip(tmp_path / "a.mp4", count=2, prepare=widen), tmp_path / "out.mp4"
    copy(source, target)
    assert video.info(target).pixel_aspect == aspect


# Units, rates, order


@pytest.mark.parametrize(
    "unit", [Fraction(1, number) for number in (25, 600, 1000, 12_800, 90_000, 1_000_000)], ids=str
)
def test_times_are_exact_in_any_unit(tmp_path: Path, unit: Fraction) -> None:
    step = max(1, round(Fraction(1, 25) / unit))
    times = [float(number * step * unit) for number in (0, 1, 2, 5, 6, 40)]
    frames = [Frame(number, time, painted(number, (64, 64))) for number, time in enumerate(times)]
    write(tmp_path / "out.mp4", about(time_base=unit), *frames)
    with video.read(tmp_path / "out.mp4") as written:
        assert [frame.time for frame in written] == times


def test_units_that_mp4_has_not_are_replaced(tmp_path: Path) -> None:
    write(tmp_path / "out.mp4", about(time_base=Fraction(1, 10_000_000)), *stills(5))
    with video.read(tmp_path / "out.mp4") as written:
        assert [frame.time for frame in written] == [number / 25 for number in range(5)]
    assert written.info.time_base == Fraction(1, 90_000)


@pytest.mark.parametrize("rate", [Fraction(1, 10), Fraction(1000), Fraction(90_000), Fraction(19_001, 317)], ids=str)
def test_strange_rates_can_be_written(tmp_path: Path, rate: Fraction) -> None:
    info = VideoInfo(64, 64, rate, None, None, has_sound=False)
    write(tmp_path / "out.mp4", info, *stills(3))
    with video.read(tmp_path / "out.mp4") as written:
        assert [frame.time for frame in written] == [0, 0.04, 0.08]


@pytest.mark.parametrize("times", [(0.0, 0.0), (0.0, 0.04, 0.02), (-0.04,), (0.0, 0.000001)], ids=str)
def test_times_must_increase(tmp_path: Path, times: tuple[float, ...]) -> None:
    frames = [Frame(number, time, painted(number, (64, 64))) for number, time in enumerate(times)]
    with pytest.raises(InputError, match=rf"frame {len(times) - 1} at {times[-1]} s does not come after"):
        write(tmp_path / "out.mp4", about(), *frames)
    assert list(tmp_path.iterdir()) == []


def test_video_of_no_frames_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no frame was written to .*out\.mp4"):
        write(tmp_path / "out.mp4", about())
    assert list(tmp_path.iterdir()) == []


def test_trimmed_clip_stays_trimmed(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "a.mp4", count=100, options={"g": "10"}, sounds=[Sound(seconds=4, click=1.5)])
    edit(source, start=1.0, duration=2.0)
    copy(source, tmp_path / "out.mp4")
    with video.read(tmp_path / "out.mp4") as written:
        assert [number_of(frame.image) for frame in written] == list(range(25, 75))
    assert written.info.duration == 2


def test_quality_and_preset_are_those_of_x264(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "a.mp4")
    sizes = []
    for quality in (10, 30):
        copy(source, tmp_path / "out.mp4", quality=quality, preset="ultrafast")
        sizes.append(sum(packet.size for packet in packets(tmp_path / "out.mp4", "video")))
    assert sizes[0] > sizes[1]
