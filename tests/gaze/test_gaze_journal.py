"""A run that is stopped leaves nothing half-written, and goes on to the very result of one that was not."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from perceptkit import gaze
from perceptkit.arrays import Picture
from perceptkit.errors import InputError
from perceptkit.face import DETECTORS, Detector, Face
from perceptkit.gaze import Annotation, FrameGaze, Gaze, Reading, direction, load_gaze
from perceptkit.gaze.journal import Journal
from perceptkit.gaze.types import State
from perceptkit.video import Frame
from systems import posix
from tiny_networks import paint_marker, people, write_gaze, write_photo, write_scrfd, write_video

SETTINGS = {"model": "a", "every": 1}
COUNT = 12


@pytest.fixture
def networks(tmp_path: Path) -> Path:
    folder = tmp_path / "networks"
    folder.mkdir()
    write_scrfd(folder / "detector.onnx")
    write_gaze(folder / "gaze.onnx")
    return folder


def annotate(networks: Path, source: Path, target: Path, **options: Any) -> Annotation:
    settings: dict[str, Any] = {"detector": networks / "detector.onnx", "gaze": networks / "gaze.onnx"}
    return gaze.annotate_video(source, target, device="cpu", **(settings | options))


def scene(number: int) -> Picture:
    """A face that stays and looks about, one that leaves for a while, and frames without anybody."""
    if number == 5:
        return people()
    faces = [(64, 32, None)] if 3 <= number < 7 else [(64, 32, None), (352, 32, (14, 30))]
    return paint_marker(people(*faces), 64 + 12 + 6 * number, 44)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_video(tmp_path / "talk.mp4", [scene(number) for number in range(COUNT)])


class CountingDetector(Detector):
    """A detector that counts the images that it searches."""

    images = 0

    def __call__(self, images: Sequence[Picture]) -> list[list[Face]]:
        self.images += len(images)
        return super().__call__(images)


class CountingGaze:
    """A gaze network that counts the crops that it sees, and may fail at one of them."""

    def __init__(self, path: Path, *, fail_at: int | None = None) -> None:
        self._estimate = load_gaze(path, device="cpu")
        self.name, self.sha256 = self._estimate.name, self._estimate.sha256
        self.device, self.precision = self._estimate.device, self._estimate.precision
        self.crops = 0
        self._fail_at = fail_at

    def __call__(self, crops: Sequence[Picture]) -> list[Gaze]:
        self.crops += len(crops)
        if self._fail_at is not None and self.crops >= self._fail_at:
            raise RuntimeError("the network has had enough")
        return self._estimate(crops)


def counting(networks: Path) -> tuple[CountingDetector, CountingGaze]:
    row = DETECTORS["scrfd-500m"]
    detector = CountingDetector(
        networks / "detector.onnx",
        name="detector.onnx",
        architecture=row.build.keywords["architecture"],  # type: ignore[attr-defined] # a partial
        device="cpu",
        min_score=0.2,
    )
    return detector, CountingGaze(networks / "gaze.onnx")


def stop_at(frame: int, error: BaseException) -> Callable[[int, int | None], None]:
    """A progress function that fails when so many frames are done."""

    def progress(done: int, total: int | None) -> None:
        if done >= frame:
            raise error

    return progress


def below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def data(folder: Path) -> tuple[bytes, bytes]:
    return (folder / "gaze.jsonl").read_bytes(), (folder / "gaze.csv").read_bytes()


# ---- A run that stops


@pytest.mark.parametrize(
    "stop", [KeyboardInterrupt(), RuntimeError("no more"), SystemExit(1)], ids=lambda e: type(e).__name__
)
def test_a_run_that_stops_leaves_its_journal_and_nothing_half_written(
    networks: Path, source: Path, tmp_path: Path, stop: BaseException
) -> None:
    with pytest.raises(type(stop)):
        annotate(networks, source, tmp_path / "out", progress=stop_at(5, stop))
    assert below(tmp_path / "out") == {".partial", str(Path(".partial", "gaze.jsonl"))}
    header, *lines = (tmp_path / "out" / ".partial" / "gaze.jsonl").read_text().splitlines()
    assert json.loads(header)["bytes"] == source.stat().st_size
    assert [json.loads(line)[0] for line in lines] == [0, 1, 2, 3, 4]
    assert not [one.name for one in threading.enumerate() if one.name.startswith("perceptkit")]


def test_a_network_that_fails_on_the_way_leaves_its_journal(networks: Path, source: Path, tmp_path: Path) -> None:
    failing = CountingGaze(networks / "gaze.onnx", fail_at=10)
    with pytest.raises(RuntimeError, match="had enough"):
        annotate(networks, source, tmp_path / "out.mp4", gaze=failing)
    assert below(tmp_path / "out-gaze") == {".partial", str(Path(".partial", "gaze.jsonl"))}
    assert not (tmp_path / "out.mp4").exists()
    annotate(networks, source, tmp_path / "out.mp4", resume=True)
    annotate(networks, source, tmp_path / "whole.mp4")
    assert data(tmp_path / "out-gaze") == data(tmp_path / "whole-gaze")


def test_a_run_that_fails_leaves_earlier_results_as_they_were(networks: Path, source: Path, tmp_path: Path) -> None:
    annotate(networks, source, tmp_path / "out")
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    with pytest.raises(KeyboardInterrupt):
        annotate(networks, source, tmp_path / "out", every=2, progress=stop_at(7, KeyboardInterrupt()))
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir() if path.is_file()} == before


def test_a_run_that_stops_before_its_first_frame_leaves_nothing(networks: Path, source: Path, tmp_path: Path) -> None:
    for fail_at in (1, 2):  # the first frame has two faces
        with pytest.raises(RuntimeError, match="had enough"):
            annotate(networks, source, tmp_path / "out", gaze=CountingGaze(networks / "gaze.onnx", fail_at=fail_at))
        assert not (tmp_path / "out").exists()
    (tmp_path / "out").mkdir()
    with pytest.raises(InputError, match="detect_every"):
        annotate(networks, source, tmp_path / "out", detect_every=0)
    assert below(tmp_path / "out") == set()  # a folder that was there stays


# ---- Going on


@pytest.mark.parametrize("options", [{}, {"detect_every": 3}, {"every": 2}, {"every": 2, "detect_every": 2}], ids=str)
@pytest.mark.parametrize("stopped", [1, 6, 11])
def test_a_run_that_goes_on_ends_like_one_that_was_not_stopped(
    networks: Path, source: Path, tmp_path: Path, options: dict[str, int], stopped: int
) -> None:
    whole = counting(networks)
    annotate(networks, source, tmp_path / "whole", detector=whole[0], gaze=whole[1], **options)
    with pytest.raises(KeyboardInterrupt):
        annotate(networks, source, tmp_path / "out", progress=stop_at(stopped, KeyboardInterrupt()), **options)
    done = (tmp_path / "out" / ".partial" / "gaze.jsonl").read_bytes().splitlines()[1:]
    rest = counting(networks)
    result = annotate(networks, source, tmp_path / "out", detector=rest[0], gaze=rest[1], resume=True, **options)
    assert data(tmp_path / "out") == data(tmp_path / "whole")
    known = [json.loads(line) for line in done]
    assert len(known) >= 1
    assert rest[0].images == whole[0].images - sum(found is not None for _, found, _ in known)
    assert rest[1].crops == whole[1].crops - sum(len(said) for *_, said in known)
    assert below(tmp_path / "out") == below(tmp_path / "whole")
    one, other = result.summary, json.loads((tmp_path / "whole" / "summary.json").read_text())
    assert one["attention"] == other["attention"]
    assert one["settings"] == other["settings"]


def test_a_run_can_be_stopped_again_and_again(networks: Path, source: Path, tmp_path: Path) -> None:
    annotate(networks, source, tmp_path / "whole")
    for stopped in (2, 2, 5, 9):
        with pytest.raises(KeyboardInterrupt):
            annotate(networks, source, tmp_path / "out", resume=True, progress=stop_at(stopped, KeyboardInterrupt()))
    lines = (tmp_path / "out" / ".partial" / "gaze.jsonl").read_bytes().splitlines()[1:]
    assert [json.loads(line)[0] for line in lines] == list(range(9))
    annotate(networks, source, tmp_path / "out", resume=True)
    assert data(tmp_path / "out") == data(tmp_path / "whole")


def test_only_what_is_done_again_anyway_may_be_other(networks: Path, source: Path, tmp_path: Path) -> None:
    """Smoothing and judging are not in the journal."""
    changed: dict[str, Any] = {"smooth": False, "camera_angle": 30, "regions": [gaze.Region("door", (0, 0, 9, 99))]}
    annotate(networks, source, tmp_path / "whole", **changed)
    with pytest.raises(KeyboardInterrupt):
        annotate(networks, source, tmp_path / "out", progress=stop_at(6, KeyboardInterrupt()))
    annotate(networks, source, tmp_path / "out", resume=True, **changed)
    assert data(tmp_path / "out") == data(tmp_path / "whole")


@pytest.mark.parametrize(
    "change",
    [{"every": 2}, {"detect_every": 2}, {"max_sigma": 30}, {"min_score": 0.4}, {"min_face": 10}, {"gaze": "other.onnx"},
     {"detector": "other-detector.onnx"}, {"source": "other.mp4"}],
    ids=lambda change: next(iter(change)),
)  # fmt: skip
def test_other_settings_cannot_go_on(networks: Path, source: Path, tmp_path: Path, change: dict[str, Any]) -> None:
    write_gaze(networks / "other.onnx", spread=2)
    write_scrfd(networks / "other-detector.onnx", batch=None)
    write_video(tmp_path / "other.mp4", [scene(number) for number in range(4)])
    with pytest.raises(KeyboardInterrupt):
        annotate(networks, source, tmp_path / "out", progress=stop_at(5, KeyboardInterrupt()))
    journal = (tmp_path / "out" / ".partial" / "gaze.jsonl").read_bytes()
    for name in ("gaze", "detector", "source"):
        if name in change:
            change = {name: (tmp_path if name == "source" else networks) / change[name]}
    given = {"source": source, "target": tmp_path / "out"} | change
    with pytest.raises(InputError, match=r"begun on another file or with other models or settings, .* leave out --res"):
        annotate(networks, **given, resume=True)
    assert (tmp_path / "out" / ".partial" / "gaze.jsonl").read_bytes() == journal
    annotate(networks, **given)  # from the beginning
    assert not (tmp_path / "out" / ".partial").exists()


def test_a_source_that_has_changed_cannot_go_on(networks: Path, source: Path, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        annotate(networks, source, tmp_path / "out", progress=stop_at(5, KeyboardInterrupt()))
    os.utime(source, (1, 1))
    with pytest.raises(InputError, match="begun on another file"):
        annotate(networks, source, tmp_path / "out", resume=True)


def test_photos_of_another_rate_cannot_go_on(networks: Path, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    for name in "abc":
        write_photo(tmp_path / "photos" / f"{name}.png", (96, 64, 1))
    with pytest.raises(KeyboardInterrupt):
        annotate(networks, tmp_path / "photos", tmp_path / "out", progress=stop_at(2, KeyboardInterrupt()))
    with pytest.raises(InputError, match="begun on another file or with other models or settings"):
        annotate(networks, tmp_path / "photos", tmp_path / "out", rate=1.0, resume=True)
    assert annotate(networks, tmp_path / "photos", tmp_path / "out", resume=True).frames == 3


def test_to_go_on_where_nothing_was_begun_is_to_begin(networks: Path, source: Path, tmp_path: Path) -> None:
    annotate(networks, source, tmp_path / "out", resume=True)
    annotate(networks, source, tmp_path / "out", resume=True)
    annotate(networks, source, tmp_path / "whole")
    assert data(tmp_path / "out") == data(tmp_path / "whole")


def test_without_resume_nothing_of_an_earlier_run_is_used(networks: Path, source: Path, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        annotate(networks, source, tmp_path / "out", progress=stop_at(5, KeyboardInterrupt()))
    detector, estimate = counting(networks)
    annotate(networks, source, tmp_path / "out", detector=detector, gaze=estimate)
    assert detector.images == COUNT


def test_two_runs_do_not_write_to_one_output(networks: Path, source: Path, tmp_path: Path) -> None:
    said = []

    def progress(done: int, total: int | None) -> None:
        if done == 5:
            for resume in (False, True):
                with pytest.raises(InputError, match=r"another run is writing to .*out; wait for it or choose another"):
                    annotate(networks, source, tmp_path / "out", resume=resume)
                said.append(resume)

    annotate(networks, source, tmp_path / "out", progress=progress)
    annotate(networks, source, tmp_path / "whole")
    assert said == [False, True]
    assert data(tmp_path / "out") == data(tmp_path / "whole")
    assert below(tmp_path / "out") == below(tmp_path / "whole")


@posix
def test_a_run_that_is_killed_can_go_on(networks: Path, source: Path, tmp_path: Path) -> None:
    program = f"""
import os, signal
from perceptkit import gaze
def progress(done, total):
    if done == 7:
        os.kill(os.getpid(), signal.SIGKILL)
gaze.annotate_video({str(source)!r}, {str(tmp_path / "out")!r}, detector={str(networks / "detector.onnx")!r},
                    gaze={str(networks / "gaze.onnx")!r}, device="cpu", progress=progress)
"""
    killed = subprocess.run([sys.executable, "-c", program], check=False, timeout=60)
    assert killed.returncode == -signal.SIGKILL
    detector, estimate = counting(networks)
    annotate(networks, source, tmp_path / "out", detector=detector, gaze=estimate, resume=True)
    annotate(networks, source, tmp_path / "whole")
    assert detector.images == COUNT - 7
    assert data(tmp_path / "out") == data(tmp_path / "whole")


# ---- The journal itself


def reading(index: int, *, faces: int, searched: bool = True) -> Reading:
    """A reading of numbers that take all their digits."""
    random = np.random.default_rng(index)
    found = [
        Face(
            random.normal(300, 100, 4).astype(np.float32),
            float(np.float32(random.uniform())),
            random.normal(300, 100, (5, 2)).astype(np.float32),
        )
        for _ in range(faces)
    ]
    said = []
    for number in range(faces):
        yaw, pitch, across, upright = (float(value) for value in random.normal(0, 30, 4).astype(np.float32))
        sigmas = (None, None) if number == 1 else (across, upright)
        state: State = "unknown" if number == 2 else "ok"
        said.append(Gaze(yaw, pitch, sigmas[0], sigmas[1], direction(yaw, pitch), state))
    crops = ((0, 0, 1, 1),) * faces
    frame = Frame(index, index / 25, np.zeros((2, 2, 3), np.uint8))
    seen = FrameGaze(index, index / 25, tuple(found), crops, tuple(said), tuple(said))
    return Reading(frame, seen, found if searched else None)


def write(folder: Path, *readings: Reading, settings: dict[str, Any] = SETTINGS, resume: bool = False) -> None:
    with Journal(folder / ".partial", settings, resume=resume) as journal:
        for one in readings:
            journal.add(one)


def test_numbers_come_back_bit_by_bit(tmp_path: Path) -> None:
    readings = [reading(0, faces=3), reading(1, faces=0), reading(2, faces=2, searched=False), reading(7, faces=1)]
    write(tmp_path, *readings)
    with Journal(tmp_path / ".partial", SETTINGS, resume=True) as journal:
        assert list(journal.known.gazes) == [0, 1, 2, 7]
        assert list(journal.known.faces) == [0, 1, 7]
        for one in readings:
            index = one.frame.index
            for gaze_then, gaze_now in zip(one.seen.raw, journal.known.gazes[index], strict=True):
                for name in ("yaw", "pitch", "sigma_yaw", "sigma_pitch", "state"):
                    assert getattr(gaze_now, name) == getattr(gaze_then, name)
                assert gaze_now.vector.tobytes() == gaze_then.vector.tobytes()
            for then, now in zip(one.found or (), journal.known.faces.get(index, ()), strict=True):
                assert now.box.tobytes() == then.box.tobytes()
                assert now.landmarks.tobytes() == then.landmarks.tobytes()
                assert (now.score, now.track) == (then.score, None)


def test_a_line_that_was_cut_short_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / ".partial" / "gaze.jsonl"
    write(tmp_path, *(reading(index, faces=index % 3) for index in range(5)))
    whole = path.read_bytes()
    ends = [position + 1 for position, byte in enumerate(whole) if byte == ord("\n")]
    for cut in {*ends, *(end - 1 for end in ends), *(end + 1 for end in ends[:-1]), *range(0, len(whole), 97)}:
        path.write_bytes(whole[:cut])
        complete = sum(end <= cut for end in ends)
        with Journal(path.parent, SETTINGS, resume=True) as journal:
            assert list(journal.known.gazes) == list(range(complete - 1)), cut
            for index in range(max(complete - 1, 0), 5):
                journal.add(reading(index, faces=index % 3))
        assert path.read_bytes() == whole, cut


def test_what_was_lost_with_the_power_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / ".partial" / "gaze.jsonl"
    write(tmp_path, *(reading(index, faces=1) for index in range(4)))
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:3]) + b"\0" * (len(lines[3]) - 1) + b"\n" + lines[4])
    with Journal(path.parent, SETTINGS, resume=True) as journal:
        assert list(journal.known.gazes) == [0, 1]
    assert path.read_bytes() == b"".join(lines[:3])


def test_a_frame_that_is_known_is_not_noted_again(tmp_path: Path) -> None:
    write(tmp_path, reading(0, faces=1))
    before = (tmp_path / ".partial" / "gaze.jsonl").read_bytes()
    write(tmp_path, reading(0, faces=1), resume=True)
    assert (tmp_path / ".partial" / "gaze.jsonl").read_bytes() == before


def test_a_journal_that_is_open_is_not_opened_again(tmp_path: Path) -> None:
    with Journal(tmp_path / ".partial", SETTINGS, resume=False) as journal:
        journal.add(reading(0, faces=1))
        for resume in (False, True):
            with pytest.raises(InputError, match="another run is writing to"):
                Journal(tmp_path / ".partial", SETTINGS, resume=resume)
    with Journal(tmp_path / ".partial", SETTINGS, resume=True) as again:
        assert list(again.known.gazes) == [0]
        again.remove()
    assert below(tmp_path) == set()


def test_a_journal_of_other_settings_is_refused_or_begun_anew(tmp_path: Path) -> None:
    write(tmp_path, reading(0, faces=1))
    with pytest.raises(InputError, match="begun on another file or with other models or settings"):
        Journal(tmp_path / ".partial", SETTINGS | {"every": 2}, resume=True)
    write(tmp_path, reading(1, faces=1), settings=SETTINGS | {"every": 2})
    with Journal(tmp_path / ".partial", SETTINGS | {"every": 2}, resume=True) as journal:
        assert list(journal.known.gazes) == [1]
