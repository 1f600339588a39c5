"""Sound goes over whole and in time: byte by byte where browsers play it, as AAC where they do not."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import soundfile
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame

from clips import Sound, boxes, click_time, corners, edit, number_of, packets, painted, samples, turn, write_clip
from perceptkit import video
from perceptkit.errors import MediaError

ONE = 0.04  # seconds: a frame
BFRAMES = {"g": "10", "x264-params": "b-adapt=0:bframes=3:b-pyramid=normal"}
VP8 = {"codec": "libvpx", "options": {"deadline": "realtime"}}


def copy(source: Path, target: Path) -> list[str]:
    """Read a video and write it with its sound; the warnings of the writer."""
    with video.read(source) as frames, video.Writer(target, frames.info, sound=source) as writer:
        for frame in frames:
            writer.write(frame)
    return writer.warnings


def codecs(path: Path) -> list[tuple[str, int, int]]:
    """Codec, rate and channels of each sound track."""
    with av.open(str(path)) as source:
        contexts = [stream.codec_context for stream in source.streams.audio]
        return [(context.name, context.rate, context.channels) for context in contexts]


def length(path: Path, index: int = 0) -> float:
    """Seconds from the first sample that is heard to the last."""
    _, heard, rate = samples(path, index)
    return len(heard) / rate


def times(path: Path, index: int = 0) -> list[float]:
    """When each packet of sound begins, in seconds of the pictures."""
    with av.open(str(path)) as source:
        origin = max(0.0, (source.start_time or 0) / av.time_base)
    return [float((packet.pts or 0) * packet.time_base) - origin for packet in packets(path, "audio", index)]


COPIED: dict[str, Mapping[str, Any]] = {
    "mono.mp4": {"sounds": [Sound()]},
    "stereo.mp4": {"sounds": [Sound(layout="stereo", rate=44_100)]},
    "surround.mp4": {"sounds": [Sound(layout="5.1")]},
    "b-frames.mkv": {"sounds": [Sound(layout="stereo")], "options": BFRAMES},
    "opus.webm": {"sounds": [Sound("libopus")], **VP8},
    "mp3.mkv": {"sounds": [Sound("libmp3lame", layout="stereo")]},
    "flac.mkv": {"sounds": [Sound("flac", layout="stereo")]},
    "two.mp4": {"sounds": [Sound(), Sound(layout="stereo", click=0.7)]},
    "late.mp4": {"sounds": [Sound(start=0.3, seconds=0.7)]},
    "longer.mp4": {"sounds": [Sound(seconds=3, click=2.5)]},
    "shorter.mp4": {"sounds": [Sound(seconds=0.6)]},
    "odd.mp4": {"sounds": [Sound(rate=22_050)], "codec": "ffv1", "form": "matroska", "size": (161, 97)},
    "29.97.mp4": {"sounds": [Sound(seconds=1.5)], "rate": Fraction(30_000, 1001), "count": 45},
    "varying.mkv": {"sounds": [Sound()], "times": [Fraction(number * number, 200) for number in range(15)]},
}


@pytest.mark.parametrize("name", COPIED)
def test_sound_that_browsers_play_is_copied(tmp_path: Path, name: str) -> None:
    source, target = write_clip(tmp_path / name, **COPIED[name]), tmp_path / "out.mp4"
    assert copy(source, target) == []
    assert codecs(target) == codecs(source)
    for index, sound in enumerate(COPIED[name]["sounds"]):
        before, after = packets(source, "audio", index), packets(target, "audio", index)
        assert [bytes(packet) for packet in after] == [bytes(packet) for packet in before]
        assert times(target, index) == pytest.approx(times(source, index), abs=2 / sound.rate)
        assert click_time(target, index) == pytest.approx(click_time(source, index), abs=2 / sound.rate)
        assert click_time(target, index) == pytest.approx(sound.click, abs=0.01)
        # Matroska says what is too much of the last packet; MP4 does not, as FFmpeg writes it.
        assert -1e-4 < length(target, index) - length(source, index) < 0.02


MADE_AAC: dict[str, Mapping[str, Any]] = {
    "mono.mkv": {"sounds": [Sound("pcm_s16le")]},
    "stereo.mov": {"sounds": [Sound("pcm_s24le", layout="stereo")]},
    "surround.mkv": {"sounds": [Sound("pcm_s16le", layout="5.1")]},
    "float.mkv": {"sounds": [Sound("pcm_f32le")]},
    "vorbis.mkv": {"sounds": [Sound("vorbis", layout="stereo")]},
    "alac.mov": {"sounds": [Sound("alac", layout="stereo")]},
    "ac3.mkv": {"sounds": [Sound("ac3", layout="5.1")]},
    "mp2.mpg": {"sounds": [Sound("mp2")], "codec": "mpeg2video"},
    "44100.mov": {"sounds": [Sound("pcm_s16le", rate=44_100)]},
    "8000.mov": {"sounds": [Sound("pcm_s16le", rate=8000)]},
    "two.mov": {"sounds": [Sound("pcm_s16le"), Sound("pcm_s16le", click=0.7)]},
    "late.mkv": {"sounds": [Sound("pcm_s16le", start=0.3, seconds=0.7)]},
    "longer.mov": {"sounds": [Sound("pcm_s16le", seconds=3, click=2.5)]},
    "shorter.mov": {"sounds": [Sound("pcm_s16le", seconds=0.6)]},
}


@pytest.mark.parametrize("name", MADE_AAC)
def test_other_sound_is_made_aac(tmp_path: Path, name: str) -> None:
    source, target = write_clip(tmp_path / name, **MADE_AAC[name]), tmp_path / "out.mp4"
    assert copy(source, target) == []
    assert codecs(target) == [("aac", rate, channels) for _, rate, channels in codecs(source)]
    for index, sound in enumerate(MADE_AAC[name]["sounds"]):
        assert click_time(target, index) == pytest.approx(click_time(source, index), abs=0.002)
        assert click_time(target, index) == pytest.approx(sound.click, abs=ONE / 2)
        begin, _, _ = samples(source, index)
        # What the encoder puts before the sound is not heard, unless the sound begins late.
        assert samples(target, index)[0] == pytest.approx(begin, abs=1100 / sound.rate if begin else 1e-3)
        end = begin + length(source, index)
        assert samples(target, index)[0] + length(target, index) == pytest.approx(end, abs=1025 / sound.rate)


def test_broadcast_sound_is_copied_without_its_headers(tmp_path: Path) -> None:
    source, target = write_clip(tmp_path / "a.ts", sounds=[Sound()], options=BFRAMES), tmp_path / "out.mp4"
    assert copy(source, target) == []
    before, after = packets(source, "audio"), packets(target, "audio")
    assert [bytes(packet) for packet in after] == [bytes(packet)[7:] for packet in before]
    assert times(target) == pytest.approx(times(source), abs=1e-4)
    assert click_time(target) == pytest.approx(click_time(source), abs=1e-4)


def test_video_without_sound_is_written_without(tmp_path: Path) -> None:
    source, target = write_clip(tmp_path / "a.mp4"), tmp_path / "out.mp4"
    assert copy(source, target) == []
    assert codecs(target) == []
    assert not video.info(target).has_sound


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5, 6, 7, 8, 10, 16])
@pytest.mark.parametrize("form", ["WAV", "WAVEX"])
def test_any_number_of_channels(tmp_path: Path, channels: int, form: str) -> None:
    source, sound, target = write_clip(tmp_path / "a.mp4"), tmp_path / "a.wav", tmp_path / "out.mp4"
    click = np.tile(Sound(seconds=0.2, click=0.1).samples()[:, None], (1, channels))
    soundfile.write(sound, click, 48_000, format=form)
    assert video.replace_sound(source, sound, target) == []
    ((codec, rate, written),) = codecs(target)
    assert (codec, rate) == ("aac", 48_000)
    assert written == (channels if channels < 7 else 8 if channels < 9 else 2)
    assert abs(click_time(target) - 0.1) < 0.002


@pytest.mark.parametrize(("rate", "written"), [(192_000, 48_000), (96_000, 96_000), (11_025, 11_025), (7999, 48_000)])
def test_rates_that_aac_has_not_are_resampled(tmp_path: Path, rate: int, written: int) -> None:
    source, sound, target = write_clip(tmp_path / "a.mp4"), tmp_path / "a.wav", tmp_path / "out.mp4"
    soundfile.write(sound, Sound(rate=rate).samples(), rate)
    video.replace_sound(source, sound, target)
    assert codecs(target) == [("aac", written, 1)]
    assert click_time(target) == pytest.approx(0.5, abs=0.003)
    assert length(target) == pytest.approx(1.0, abs=0.03)


def write_with_hole(path: Path, codec: str, hole: tuple[float, float]) -> Path:
    """A clip that clicks at 0.8 s, without the packets of sound in a range of time."""
    with av.open(str(path), "w") as output:
        pictures: Any = output.add_stream("libx264", rate=25)
        pictures.width, pictures.height, pictures.pix_fmt = 160, 96, "yuv420p"
        sound: Any = output.add_stream(codec, rate=48_000)
        sound.codec_context.layout = "mono"
        for number in range(25):
            output.mux(pictures.encode(VideoFrame.from_ndarray(painted(number))))
        output.mux(pictures.encode(None))
        whole = Sound(click=0.8).samples()
        for first in range(0, 48_000, 1024):
            part = AudioFrame.from_ndarray(whole[None, first : first + 1024], format="fltp", layout="mono")
            part.sample_rate, part.pts, part.time_base = 48_000, first, Fraction(1, 48_000)
            for packet in sound.encode(part):
                if not hole[0] <= packet.pts * packet.time_base < hole[1]:
                    output.mux(packet)
        output.mux(sound.encode(None))
    return path


@pytest.mark.parametrize("codec", ["aac", "flac", "pcm_s16le"])
def test_what_comes_after_a_hole_in_the_sound_is_in_time(tmp_path: Path, codec: str) -> None:
    source, target = write_with_hole(tmp_path / "a.mkv", codec, (0.3, 0.6)), tmp_path / "out.mp4"
    assert copy(source, target) == []
    assert click_time(target) == pytest.approx(0.8, abs=0.002)


def test_sound_of_recordings_glued_together_goes_on(tmp_path: Path) -> None:
    part = write_clip(tmp_path / "a.ts", count=50, sounds=[Sound(seconds=2, click=1)], options={"bf": "0"}).read_bytes()
    source, target = tmp_path / "glued.ts", tmp_path / "out.mp4"
    source.write_bytes(part + part)
    assert copy(source, target) == []
    begin, heard, rate = samples(target)
    clicks = begin + np.flatnonzero(np.abs(heard) > 0.3) / rate
    first = 1024 / 48_000  # the video begins that much after what the encoder puts before the sound
    assert clicks[0] == pytest.approx(1 + first, abs=ONE / 2)
    assert clicks[-1] - 0.01 == pytest.approx(3 + first, abs=ONE)


def test_sound_that_changes_its_channels_goes_on(tmp_path: Path) -> None:
    layouts = ["5.1", "stereo", "mono"]
    path, target = tmp_path / "all.ts", tmp_path / "out.mp4"
    for layout in layouts:
        sounds = [Sound("ac3", layout=layout, seconds=2, click=1)]
        part = write_clip(tmp_path / "a.ts", count=50, sounds=sounds, options={"bf": "0"})
        with path.open("ab") as file:
            file.write(part.read_bytes())
    assert copy(path, target) == []
    assert codecs(target) == [("aac", 48_000, 6)]
    assert length(target) == pytest.approx(6, abs=0.1)


def test_trimmed_sound_stays_trimmed(tmp_path: Path) -> None:
    source, target = tmp_path / "a.mp4", tmp_path / "out.mp4"
    write_clip(source, count=100, options={"g": "10"}, sounds=[Sound(seconds=4, click=1.5)])
    edit(source, start=1.01, duration=2.0)
    assert copy(source, target) == []
    assert click_time(target) == pytest.approx(0.49, abs=0.001)
    assert length(target) == pytest.approx(length(source), abs=0.001)


# What is wrong with sound


def test_sound_of_an_unknown_kind_is_left_out_with_a_warning(tmp_path: Path) -> None:
    path, target = write_clip(tmp_path / "a.mkv", sounds=[Sound(), Sound(click=0.7)]), tmp_path / "out.mp4"
    path.write_bytes(path.read_bytes().replace(b"A_AAC", b"A_XYZ", 1))
    assert copy(path, target) == [f"{path}: a sound track of an unknown kind is left out"]
    assert click_time(target) == pytest.approx(0.7, abs=0.01)


@pytest.mark.parametrize("codec", ["libopus", "flac"])
def test_sound_without_its_header_is_made_aac(tmp_path: Path, codec: str) -> None:
    path, target = write_clip(tmp_path / "a.mkv", sounds=[Sound(codec)]), tmp_path / "out.mp4"
    data = path.read_bytes()
    at = data.index({"libopus": b"OpusHead", "flac": b"fLaC"}[codec])
    at = data.rindex(b"\x63\xa2", 0, at)
    path.write_bytes(data[:at] + b"\x63\xa3" + data[at + 2 :])
    assert copy(path, target) == []
    assert codecs(target)[0][0] == "aac"
    assert click_time(target) == pytest.approx(0.5, abs=0.02)


def damage(path: Path, which: slice) -> None:
    """Garbage in some packets of sound."""
    data = bytearray(path.read_bytes())
    for packet in packets(path, "audio")[which]:
        assert packet.pos is not None
        data[packet.pos : packet.pos + packet.size] = np.random.default_rng(0).bytes(packet.size)
    path.write_bytes(data)


def test_damaged_sound_is_left_out_with_a_warning(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mov", sounds=[Sound("alac", seconds=2, click=1.8)], count=50)
    damage(path, slice(3, 8))
    assert copy(path, tmp_path / "out.mp4") == [f"{path}: some of its sound is damaged and left out"]
    assert click_time(tmp_path / "out.mp4") == pytest.approx(1.8, abs=0.002)


def test_sound_that_is_all_damaged_does_not_stop_the_pictures(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mov", sounds=[Sound("alac")])
    damage(path, slice(None))
    assert copy(path, tmp_path / "out.mp4") == [f"{path}: some of its sound is damaged and left out"]
    assert video.info(tmp_path / "out.mp4").frames == 25


def test_damaged_broadcast_sound_does_not_stop_the_pictures(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.ts", sounds=[Sound(seconds=2, click=1.8)], count=50)
    data = bytearray(path.read_bytes())
    headers = [match.start() for match in re.finditer(rb"\xff\xf1[\x4c\x50]", data)]
    for at in headers[10:14]:
        data[at + 2 : at + 4] = b"\xff\xff"
    path.write_bytes(data)
    copy(path, tmp_path / "out.mp4")
    assert video.info(tmp_path / "out.mp4").frames == 50
    assert click_time(tmp_path / "out.mp4") == pytest.approx(1.8, abs=ONE)


def test_stamps_that_repeat_are_moved_on(tmp_path: Path) -> None:
    path, twice = write_clip(tmp_path / "a.mkv", sounds=[Sound()], options={"bf": "0"}), tmp_path / "twice.mkv"
    with av.open(str(path)) as source, av.open(str(twice), "w") as output:
        copies = [output.add_stream_from_template(stream, opaque=True) for stream in source.streams]
        for packet in source.demux():
            if packet.size and packet.dts is not None:
                packet.stream = copies[packet.stream_index]
                if packet.stream_index == 1:
                    packet.dts = packet.pts = packet.dts // 50 * 50
                output.mux(packet)
    assert copy(twice, tmp_path / "out.mp4") == []
    assert [bytes(packet) for packet in packets(tmp_path / "out.mp4", "audio")] == [
        bytes(packet) for packet in packets(path, "audio")
    ]


# replace_sound


def write_wave(path: Path, *, seconds: float = 1.0, click: float = 0.5) -> Path:
    soundfile.write(path, Sound(seconds=seconds, click=click).samples(), 48_000)
    return path


PICTURES: dict[str, Mapping[str, Any]] = {
    "b-frames.mp4": {"options": BFRAMES},
    "b-frames.mkv": {"options": BFRAMES},
    "with-sound.mp4": {"sounds": [Sound(click=0.9)]},
    "varying.mp4": {"times": [Fraction(number * number, 200) for number in range(16)], "unit": Fraction(1, 1000)},
    "hevc.mkv": {"codec": "libx265", "options": {"x265-params": "log-level=none"}},
    "vp9.webm": {"codec": "libvpx-vp9", "options": {"deadline": "realtime", "cpu-used": "8"}},
    "a.avi": {"codec": "mpeg4", "options": {"bf": "2"}},
    "a.mpg": {"codec": "mpeg2video", "options": {"bf": "2"}},
    "29.97.mov": {"rate": Fraction(30_000, 1001)},
    "fragments.mp4": {"container": {"movflags": "frag_keyframe"}, "options": {"g": "5"}},
}


def read(path: Path) -> list[tuple[float, int]]:
    with video.read(path) as frames:
        found = [(frame.time, number_of(frame.image)) for frame in frames]
    assert frames.warnings == []
    return found


@pytest.mark.parametrize("seconds", [0.6, 2.5])
@pytest.mark.parametrize("name", PICTURES)
def test_replaced_sound_leaves_the_pictures_as_they_are(tmp_path: Path, name: str, seconds: float) -> None:
    source, target = write_clip(tmp_path / name, **PICTURES[name]), tmp_path / "out.mp4"
    assert video.replace_sound(source, write_wave(tmp_path / "a.wav", seconds=seconds), target) == []
    before, after = packets(source, "video"), packets(target, "video")
    assert [bytes(packet) for packet in after] == [bytes(packet) for packet in before]
    assert read(target) == read(source)
    assert codecs(target) == [("aac", 48_000, 1)]
    assert click_time(target) == pytest.approx(0.5, abs=0.002)
    assert length(target) == pytest.approx(seconds, abs=0.03)
    assert [box for box, _, _ in boxes(target.read_bytes())][:2] == ["ftyp", "moov"]


def test_pictures_of_a_broadcast_are_copied(tmp_path: Path) -> None:
    source, target = write_clip(tmp_path / "a.ts", options=BFRAMES, sounds=[Sound()]), tmp_path / "out.mp4"
    video.replace_sound(source, write_wave(tmp_path / "a.wav"), target)
    assert read(target) == read(source)


def test_sound_of_another_video_is_copied(tmp_path: Path) -> None:
    source, other = write_clip(tmp_path / "a.mp4"), write_clip(tmp_path / "b.mp4", sounds=[Sound(layout="5.1")])
    assert video.replace_sound(source, other, tmp_path / "out.mp4") == []
    before, after = packets(other, "audio"), packets(tmp_path / "out.mp4", "audio")
    assert [bytes(packet) for packet in after] == [bytes(packet) for packet in before]
    assert click_time(tmp_path / "out.mp4") == pytest.approx(0.5, abs=0.002)


def test_rotation_and_trimming_stay(tmp_path: Path) -> None:
    sound, target = write_wave(tmp_path / "a.wav"), tmp_path / "out.mp4"
    turned = turn(write_clip(tmp_path / "turned.mp4"), (0, 1, -1, 0))
    video.replace_sound(turned, sound, target)
    assert video.info(target).rotation == 90
    with video.read(turned) as frames, video.read(target) as written:
        assert corners(next(iter(frames)).image) == corners(next(iter(written)).image)
    for options in ({"g": "100", "bf": "0"}, {"g": "5", "bf": "3"}):
        trimmed = write_clip(tmp_path / "trimmed.mp4", count=50, options=options)
        edit(trimmed, start=0.4, duration=0.8)
        video.replace_sound(trimmed, sound, target)
        assert read(target) == read(trimmed)


def test_target_may_be_the_video_itself(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", sounds=[Sound(click=0.9)])
    before = read(path)
    video.replace_sound(path, write_wave(tmp_path / "a.wav"), path)
    assert read(path) == before
    assert click_time(path) == pytest.approx(0.5, abs=0.002)


@pytest.mark.parametrize(
    ("name", "options"), [("a.webm", VP8), ("a.mov", {"codec": "prores_ks", "pix_fmt": "yuv422p10le"})]
)
def test_pictures_that_mp4_cannot_hold(tmp_path: Path, name: str, options: dict[str, Any]) -> None:
    source = write_clip(tmp_path / name, **options)
    with pytest.raises(
        MediaError, match=rf"{name}: pictures of its kind \((vp8|prores)\) cannot be copied into an MP4"
    ):
        video.replace_sound(source, write_wave(tmp_path / "a.wav"), tmp_path / "out.mp4")
    assert not (tmp_path / "out.mp4").exists()


def test_what_has_no_sound_cannot_replace_any(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "a.mp4", sounds=[Sound()])
    with pytest.raises(MediaError, match=r"b\.mp4: holds no sound"):
        video.replace_sound(source, write_clip(tmp_path / "b.mp4"), tmp_path / "out.mp4")
    (tmp_path / "c.wav").write_text("la la la")
    with pytest.raises(MediaError, match=r"c\.wav: not a video but a text file"):
        video.replace_sound(source, tmp_path / "c.wav", tmp_path / "out.mp4")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "b.mp4", "c.wav"]


def test_video_that_is_cut_short_is_copied_as_far_as_it_goes(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", count=75, container={"movflags": "+faststart"})
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    (warning,) = video.replace_sound(path, write_wave(tmp_path / "a.wav", seconds=3), tmp_path / "out.mp4")
    copied = len(packets(tmp_path / "out.mp4", "video"))
    assert 10 < copied < 75
    assert warning == f"{path}: copied {copied} of 75 frames: the file is cut short"
    assert length(tmp_path / "out.mp4") == pytest.approx(3, abs=0.03)


@pytest.mark.parametrize("loud", [np.nan, np.inf, 4e8])
def test_samples_that_are_no_sound_neither_hang_nor_spoil_the_rest(tmp_path: Path, loud: float) -> None:
    tone = (0.3 * np.sin(2 * np.pi * 440 * np.arange(48_000) / 48_000)).astype(np.float32)
    tone[9_000:9_500] = loud  # FFmpeg's AAC would never come back
    soundfile.write(tmp_path / "damaged.wav", tone, 48_000, subtype="FLOAT")
    picture = write_clip(tmp_path / "picture.mp4")
    video.replace_sound(picture, tmp_path / "damaged.wav", tmp_path / "out.mp4")
    _, heard, rate = samples(tmp_path / "out.mp4")
    later = heard[-rate // 2 : -rate // 4]
    assert float(np.sqrt(np.mean(later**2))) == pytest.approx(0.3 / np.sqrt(2), rel=0.05)
