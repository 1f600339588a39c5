"""Whatever is wrong has a clear error or a warning, nothing else is opened, and nothing half-written is left."""

from __future__ import annotations

import errno
import os
import re
import resource
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.video.frame import VideoFrame

from clips import Sound, number_of, packets, painted, write_clip
from perceptkit import video
from perceptkit.errors import DeviceError, InputError, MediaError
from perceptkit.video import Frame, Limits, VideoInfo
from perceptkit.video.opening import packets_of
from systems import linux, root, small_disk, unprivileged

GOPS = {"g": "10", "bf": "0"}


def read(path: Path, **options: Any) -> tuple[list[Any], list[str]]:
    """Times and numbers of the frames, and the warnings without the name of the file."""
    with video.read(path, **options) as frames:
        found = [(frame.time, number_of(frame.image)) for frame in frames]
    assert all(warning.startswith(f"{path}: ") for warning in frames.warnings)
    return found, [warning.removeprefix(f"{path}: ") for warning in frames.warnings]


def copy(source: Path, target: Path) -> int:
    with video.read(source) as frames, video.Writer(target, frames.info, sound=source) as writer:
        for frame in video.prefetch(frames):
            writer.write(frame)
    return writer.frames


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# Damage


def test_file_cut_short_gives_the_frames_that_are_there(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", count=75, options=GOPS, container={"movflags": "+faststart"})
    data = path.read_bytes()
    for share in (0.3, 0.5, 0.95):
        path.write_bytes(data[: int(len(data) * share)])
        found, warnings = read(path)
        assert found == [(number / 25, number) for number in range(len(found))]
        assert 2 < len(found) < 75
        assert warnings == [f"decoded {len(found)} of 75 frames: the file is cut short or damaged"]
        assert copy(path, tmp_path / "out.mp4") == len(found)


def test_file_cut_short_of_its_header_is_an_error(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", count=75)
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(MediaError, match=r"a\.mp4: cannot be read: .*damaged or of a kind not supported"):
        video.read(path)


@pytest.mark.parametrize("name", ["a.mkv", "a.webm", "a.avi", "a.flv"])
def test_other_files_cut_short_are_told_by_their_length(tmp_path: Path, name: str) -> None:
    codec = {"a.webm": "libvpx", "a.avi": "mjpeg"}.get(name, "libx264")
    kind = "yuvj420p" if name == "a.avi" else "yuv420p"
    options = {"deadline": "realtime"} if name == "a.webm" else {}
    sounds = [Sound(seconds=3)] if name == "a.mkv" else []
    path = write_clip(tmp_path / name, count=75, codec=codec, pix_fmt=kind, options=options, sounds=sounds)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    found, (warning,) = read(path)
    assert 10 < len(found) < 75
    assert re.fullmatch(r"the pictures end at [12]\.\d\d of 3\.0\d s: the file is cut short", warning)


def damage(path: Path, first: int, after: int) -> None:
    """Garbage in the packets of some frames."""
    data = bytearray(path.read_bytes())
    for packet in packets(path, "video")[first:after]:
        assert packet.pos is not None
        data[packet.pos : packet.pos + packet.size] = bytes(packet.size)
    path.write_bytes(data)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_frames_after_damage_are_read_and_the_gap_is_told(tmp_path: Path, name: str) -> None:
    path = write_clip(tmp_path / name, count=100, options=GOPS)
    damage(path, 40, 50)
    found, warnings = read(path)
    assert [number for _, number in found if number < 40] == list(range(40))
    assert found[-50:] == [(pytest.approx(number / 25), number) for number in range(50, 100)]
    assert warnings[-1] == "no frames from 1.60 to 2.00 s"
    if name == "a.mp4":
        assert warnings[0] == f"decoded {len(found)} of 100 frames: the file is cut short or damaged"
    assert read(path, start=2.0) == (found[-50:], [])
    assert read(path, end=1.6) == (found[:40], [])
    assert read(path, start=1.0, end=3.0)[1][-1] == "no frames from 1.60 to 2.00 s"
    assert read(path, start=1.0, end=1.8)[1][-1] == "no frames from 1.60 to 1.80 s"


def test_damage_to_the_last_frame_is_told(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", options={"g": "1"})
    damage(path, 24, 25)
    assert read(path)[1] == ["decoded 24 of 25 frames: the file is cut short or damaged"]


def test_pauses_of_a_varying_rate_are_no_gaps(tmp_path: Path) -> None:
    times = [Fraction(number + 20 * (number // 5), 25) for number in range(25)]
    path = write_clip(tmp_path / "a.mkv", times=times, options={"bf": "0"})
    assert read(path) == ([(float(time), number) for number, time in enumerate(times)], [])


def test_video_of_which_nothing_can_be_decoded(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", options={"g": "1"})
    damage(path, 0, 25)
    with pytest.raises(MediaError, match=r"a\.mp4: no frame of it can be decoded; the file is damaged"):
        video.read(path)


@pytest.mark.parametrize("stamps", [[0, 40, 40, 120, 160], [0, 40, 20, 120, 160], [0, 40, None, 120, 160]], ids=str)
def test_stamps_that_are_missing_or_do_not_increase(tmp_path: Path, stamps: list[int | None]) -> None:
    clip = write_clip(tmp_path / "a.mkv", count=5, codec="ffv1")
    data = bytearray(clip.read_bytes())
    for packet, stamp in zip(packets(clip, "video"), stamps, strict=True):
        assert packet.pos is not None
        # A block begins with its track, its time in its cluster, and flags.
        at = data.index(b"\x81" + struct.pack(">h", packet.pts or 0), packet.pos)
        struct.pack_into(">h", data, at + 1, 0 if stamp is None else stamp)
    clip.write_bytes(data)
    found, _ = read(clip)
    assert [number for _, number in found] == list(range(5))
    times = [time for time, _ in found]
    assert times == sorted(set(times))
    assert times == pytest.approx([0, 0.04, 0.04, 0.12, 0.16], abs=0.0011)
    assert copy(clip, tmp_path / "out.mp4") == 5


def test_streams_that_come_up_on_the_way_do_not_lose_the_end() -> None:
    whole: list[Any] = [1, 2, 3]

    class Broadcast:
        def demux(self, *streams: object) -> Iterator[Any]:
            yield from whole
            raise IndexError("list index out of range")

    container: Any = Broadcast()
    assert list(packets_of(container)) == whole


def test_times_that_are_too_close_can_be_written(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mkv", codec="ffv1", count=3)
    path.write_bytes(path.read_bytes().replace(b"\x2a\xd7\xb1\x83\x0f\x42\x40", b"\x2a\xd7\xb1\x83\x00\x00\x01"))
    assert video.info(path, limits=Limits(rate=1e12)).time_base == Fraction(1, 1_000_000_000)
    with video.read(path) as frames:
        assert [frame.time for frame in frames] == pytest.approx([0, 1 / 90_000, 2 / 90_000], rel=1e-3)
    assert copy(path, tmp_path / "out.mp4") == 3


def test_raw_stream_has_the_times_of_its_rate(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.h264", form="h264")
    assert read(path) == ([(pytest.approx(number / 25), number) for number in range(25)], [])


# What is no video


LOCAL = "127.0.0.1"
TEXTS: dict[str, bytes] = {
    "text": b"hello there\n" * 10,
    "concat": b"ffconcat version 1.0\nfile OTHER\nfile OTHER\n",
    "concat with an odd byte": b"ffconcat version 1.0\n#\x01\x02\nfile OTHER\n",
    "playlist": b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:9,\nOTHER\n#EXT-X-ENDLIST\n",
    "playlist of the network": b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:9,\nhttp://127.0.0.1:PORT/a.ts\n",
    "playlist with an odd byte": b"#EXTM3U\n#\x01\x02\n#EXT-X-TARGETDURATION:10\n#EXTINF:9,\nOTHER\n#EXT-X-ENDLIST\n",
    "session": b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video PORT RTP/AVP 96\n"
    b"a=rtpmap:96 H264/90000\n",
    "manifest": b'<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period>'
    b'<AdaptationSet><Representation id="1" bandwidth="1"><BaseURL>OTHER</BaseURL></Representation></AdaptationSet>'
    b"</Period></MPD>",
    "subtitles": b"1\n00:00:01,000 --> 00:00:02,000\nhi\n",
    "page": b"<!DOCTYPE html><html><video src=OTHER></html>",
    "photo": b"\xff\xd8\xff\xe0" + bytes(100),
    "zeros": bytes(5000),
    "noise": np.random.default_rng(0).bytes(5000),
    "raw frames": b"YUV4MPEG2 W160 H96 F25:1\nFRAME\n" + bytes(160 * 96 * 3 // 2),
}


@contextmanager
def watched(folder: Path) -> Iterator[tuple[Path, int, Callable[[], bool]]]:
    """A pipe and a local port that nobody should open, and whether somebody has."""
    pipe, opened, over = folder / "other.mp4", threading.Event(), threading.Event()
    os.mkfifo(pipe)

    def watch() -> None:
        while not over.wait(0.002):
            with suppress(OSError):  # nobody has it open for reading
                os.close(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))
                opened.set()

    watcher = threading.Thread(target=watch)
    with socket.create_server((LOCAL, 0)) as server:
        server.setblocking(False)

        def touched() -> bool:
            with suppress(BlockingIOError):
                server.accept()
                return True
            return opened.is_set()

        watcher.start()
        try:
            yield pipe, server.getsockname()[1], touched
        finally:
            over.set()
            watcher.join()


@pytest.mark.parametrize("suffix", [".mp4", ".m3u8", ".ffconcat", ".sdp", ".mpd"])
@pytest.mark.parametrize("name", TEXTS)
def test_what_is_no_video_opens_nothing_else(tmp_path: Path, name: str, suffix: str) -> None:
    with watched(tmp_path) as (pipe, port, touched):
        path = tmp_path / f"a{suffix}"
        path.write_bytes(TEXTS[name].replace(b"OTHER", str(pipe).encode()).replace(b"PORT", str(port).encode()))
        with pytest.raises(MediaError, match=r": (not a video but an? |cannot be read: )"):
            video.read(path)
        with pytest.raises(MediaError, match=r": (not a video but an? |cannot be read: )"):
            video.Writer(tmp_path / "out.mp4", VideoInfo(64, 64, Fraction(25), None, None, False), sound=path)
        assert not touched()
    assert names(tmp_path) == [path.name, "other.mp4"]


def test_frames_of_a_list_do_not_come_out(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "other.mp4")
    for text in ("ffconcat version 1.0\n#\1\nfile other.mp4\n", "#EXTM3U\n#\1\n#EXTINF:1,\nother.mp4\n"):
        (tmp_path / "a.mp4").write_text(text)
        with pytest.raises(MediaError, match=r"a\.mp4: cannot be read"):
            video.read(tmp_path / "a.mp4")
    assert clip.exists()


def test_git_lfs_pointer_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"a" * 64 + b"\nsize 12345\n")
    with pytest.raises(MediaError, match=r"not a video but a Git LFS pointer, not the file itself; run: git lfs pull"):
        video.info(path)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "folder.mp4").mkdir()
    (tmp_path / "loop.mp4").symlink_to(tmp_path / "loop.mp4")
    os.mkfifo(tmp_path / "pipe.mp4")
    for name, said in {
        "empty.mp4": "empty file",
        "folder.mp4": "not a regular file",
        "pipe.mp4": "not a regular file",
        "loop.mp4": "cannot be read: .*symbolic links",
        "missing.mp4": "cannot be read: No such file or directory",
        "x" * 300: "cannot be read: File name too long",
        "/dev/zero": "not a regular file",
    }.items():
        with pytest.raises(MediaError, match=f"{name}: {said}"):
            video.read(tmp_path / name)


@unprivileged
def test_file_without_permission(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4")
    path.chmod(0)
    with pytest.raises(MediaError, match=r"a\.mp4: cannot be read: Permission denied"):
        video.read(path)


@pytest.mark.parametrize(
    "name",
    [
        *(
            "concat:x",
            "concat:a.mp4|a.mp4",
            "file:a.mp4",
            "pipe:0",
            "http:",
            "cache:x",
            "subfile,,start,0,end,9,,:a.mp4",
        ),
        *("two\nlines.mp4", "Größe 写真 🎬.mp4", "-i.mp4", "%03d.mp4", "a?b#c.mp4", " .mp4", "y" * 251 + ".mp4"),
        os.fsdecode(b"\xff\xfe.mp4"),
    ],
)
def test_names_are_only_names(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    clip = write_clip(tmp_path / "clip.mp4", sounds=[Sound()])
    clip.rename(tmp_path / name)
    assert video.info(name).frames == 25
    folder = tmp_path / "out"
    folder.mkdir()
    assert copy(Path(name), folder / name) == 25
    assert video.info(folder / name).has_sound
    assert names(folder) == [name]


@pytest.mark.parametrize("name", ["concat:a.mp4|a.mp4", "file:a.mp4", "cache:a.mp4", "subfile,,start,0,end,9,,:a.mp4"])
def test_names_that_are_not_there_are_no_protocols(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_clip(tmp_path / "a.mp4")
    with pytest.raises(MediaError, match="No such file or directory"):
        video.read(name)
    with pytest.raises(InputError, match="no such file or folder"):
        video.open_source(name)


def test_codec_that_is_not_known(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4")
    path.write_bytes(path.read_bytes().replace(b"avc1", b"zzzz"))
    with pytest.raises(MediaError, match=r"a\.mp4: its video is of a kind that is not known; convert it"):
        video.read(path)


# Limits


def test_frames_that_are_too_large_are_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as output:
        stream: Any = output.add_stream("libx264", rate=25, options={"preset": "ultrafast"})
        stream.width = stream.height = 8192
        frame = VideoFrame(8192, 8192, "yuv420p")
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        for number in range(2):
            frame.pts = number
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    assert path.stat().st_size < 500_000
    with pytest.raises(MediaError, match="frames of 8192 x 8192 pixels are over the limit of 36,000,000 pixels"):
        video.read(path)


def test_frames_that_grow_in_the_middle_are_not_decoded(tmp_path: Path) -> None:
    small = write_clip(tmp_path / "small.ts", count=10)
    large = write_clip(tmp_path / "large.ts", count=10, size=(640, 480))
    path = tmp_path / "both.ts"
    path.write_bytes(small.read_bytes() + large.read_bytes())
    found, warnings = read(path, limits=Limits(pixels=20_000))
    assert [number for _, number in found] == list(range(len(found)))
    assert 5 < len(found) <= 10
    assert "others are damaged and left out" in warnings[0]


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_ten_hours_are_refused_unread(tmp_path: Path, name: str) -> None:
    path = write_clip(tmp_path / name, times=[Fraction(0), Fraction(36_000)], unit=Fraction(1, 1000))
    with pytest.raises(MediaError, match=r"36,000 seconds is over the limit of 28,800 seconds; cut the video"):
        video.read(path)
    assert len(read(path, limits=Limits(duration=40_000))[0]) == 2


def test_thousand_frames_a_second_are_refused_unread(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", rate=1000, count=20)
    with pytest.raises(MediaError, match=r"1,000 frames a second is over the limit of 480"):
        video.read(path)
    assert len(read(path, limits=Limits(rate=1000))[0]) == 20
    assert len(read(write_clip(tmp_path / "b.mp4", rate=480, count=20))[0]) == 20


def test_too_many_frames_are_refused_unread(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4")
    with pytest.raises(MediaError, match=r"25 frames is over the limit of 24 frames"):
        video.read(path, limits=Limits(frames=24))


# Stopped in the middle


@pytest.mark.parametrize("before", [None, b"what was there"])
@pytest.mark.parametrize("after", [0, 1, 12])
@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_consumer_that_fails_leaves_nothing(
    tmp_path: Path, error: type[BaseException], after: int, before: bytes | None
) -> None:
    folder, source = tmp_path / "out", write_clip(tmp_path / "a.mp4", count=50, sounds=[Sound(seconds=2)])
    folder.mkdir()
    target = folder / "out.mp4"
    if before is not None:
        target.write_bytes(before)
    threads = set(threading.enumerate())

    def consume() -> None:
        with video.read(source) as frames, video.Writer(target, frames.info, sound=source) as writer:
            for frame in video.prefetch(frames):
                if frame.index == after:
                    raise error("stop")
                writer.write(frame)

    with pytest.raises(error, match="stop"):
        consume()
    assert names(folder) == ([] if before is None else ["out.mp4"])
    assert before is None or target.read_bytes() == before
    assert set(threading.enumerate()) == threads


def test_video_may_be_closed_while_it_is_read_ahead(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "a.mp4", count=200)

    def consume() -> None:
        with video.read(source) as frames:
            ahead = video.prefetch(frames, ahead=100)
            for frame in ahead:
                raise ValueError(f"stop at {frame.index}")

    for _ in range(5):
        with pytest.raises(ValueError, match="stop at 0"):
            consume()


def test_reading_ahead_is_closed_in_its_thread(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "a.mp4", count=100)
    for taken in (0, 1, 30):
        with video.read(source) as frames, closing(video.prefetch(frames)) as ahead:
            for _ in range(taken):
                next(ahead)
        assert not [each for each in threading.enumerate() if each.name.startswith("perceptkit")]


def test_interrupt_from_the_keyboard(tmp_path: Path) -> None:
    source, folder = write_clip(tmp_path / "a.mp4", count=250, sounds=[Sound(seconds=10)]), tmp_path / "out"
    folder.mkdir()
    program = f"""
import signal, threading
from perceptkit import video
def read():
    while True:
        with video.read({str(source)!r}) as frames, video.Writer({str(folder / "out.mp4")!r}, frames.info) as writer:
            for frame in video.prefetch(frames):
                writer.write(frame)
                if frame.index == 20:
                    print("begun", flush=True)
try:
    read()
except KeyboardInterrupt:
    print("stopped", [thread.name for thread in threading.enumerate()])
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "begun\n"
        process.send_signal(2)
        assert process.stdout.read().splitlines()[-1] == "stopped ['MainThread']"
        assert process.wait(10) == 0
    assert [name for name in names(folder) if name != "out.mp4"] == []


# Targets


def still(target: str | Path) -> None:
    with video.Writer(target, VideoInfo(64, 64, Fraction(25), None, None, has_sound=False)) as writer:
        writer.write(Frame(0, 0.0, painted(0, (64, 64))))


def test_targets_that_cannot_be_written_are_told_before_the_first_frame(tmp_path: Path) -> None:
    info = VideoInfo(64, 64, Fraction(25), None, None, has_sound=False)
    for target, said in {
        tmp_path / "missing" / "out.mp4": "No such file or directory",
        tmp_path / ("x" * 300): "File name too long",
        tmp_path: "it is not a regular file",
        Path("/dev/null"): "it is not a regular file",
        Path("/proc/out.mp4"): "No such file or directory",
    }.items():
        with pytest.raises(InputError, match=f"cannot write {target}: {said}"):
            video.Writer(target, info)
    assert names(tmp_path) == []


@unprivileged
def test_folder_without_permission(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(InputError, match=r"cannot write .*out\.mp4: Permission denied"):
        still(tmp_path / "out.mp4")


def test_link_stays_and_what_it_leads_to_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "real.mp4").write_bytes(b"old")
    (tmp_path / "link.mp4").symlink_to("real.mp4")
    still(tmp_path / "link.mp4")
    assert (tmp_path / "link.mp4").is_symlink()
    assert video.info(tmp_path / "real.mp4").frames == 1


@contextmanager
def largest_file(length: int) -> Iterator[None]:
    """What the disk does when it is full, to the byte: no file can grow beyond `length`."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (length, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_full_disk_is_told_and_nothing_is_left(tmp_path: Path) -> None:
    source, folder = write_clip(tmp_path / "a.mp4", count=100, sounds=[Sound(seconds=4)]), tmp_path / "out"
    folder.mkdir()
    target = folder / "out.mp4"

    def copy_sound() -> None:
        video.replace_sound(source, source, target)

    for work in (lambda: copy(source, target), copy_sound):
        work()
        length = target.stat().st_size
        target.write_bytes(b"what was there")
        # While frames are written, in the header that goes last, and when room is made for it at the beginning.
        for share in (1000, length // 2, length - 4000, length - 2000, length - 500, length - 1):
            with largest_file(share), pytest.raises(DeviceError, match=r"cannot write .*out\.mp4: the disk is full"):
                work()
            assert names(folder) == ["out.mp4"]
            assert target.read_bytes() == b"what was there"
        with largest_file(length):
            work()
        assert target.stat().st_size == length


@linux
@root
def test_small_disk(tmp_path: Path) -> None:
    source = write_clip(
        tmp_path / "a.mkv",
        codec="ffv1",
        size=(320, 192),
        paint=lambda number, size: np.random.default_rng(number).integers(0, 256, (*size[::-1], 3), np.uint8),
    )
    with small_disk(tmp_path / "disk", "200k") as disk:
        with pytest.raises(DeviceError, match=r"cannot write .*out\.mp4: the disk is full") as raised:
            copy(source, disk / "out.mp4")
        assert names(disk) == []
        assert isinstance(raised.value.__cause__, (OSError, av.FFmpegError))
        assert raised.value.__cause__.errno == errno.ENOSPC
