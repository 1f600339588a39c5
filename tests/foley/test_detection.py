"""Footsteps of real video, from the file to the events, where people have said when the feet come down."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from perceptkit import foley, video
from perceptkit.errors import InputError, MediaError
from perceptkit.foley import Detection
from perceptkit.video import Frame
from shared_data import model_file, video_file

GRASS = "walk-grass-side.mp4"
RATE = 30
STRIKES = [(40, "left"), (60, "right"), (79.5, "left"), (98, "right"), (116, "left"), (134, "right"), (152, "left")]
STRIKES += [(171, "right"), (189, "left")]

pytestmark = pytest.mark.weights


@pytest.fixture(scope="module")
def models() -> dict[str, Any]:
    people = foley.load_people(model_file("yolox-nano.onnx"), device="cpu", threads=1)
    return {"people": people, "pose": foley.load_pose(model_file("pose-landmarker-lite.task"))}


@pytest.fixture(scope="module")
def grass(models: dict[str, Any]) -> Detection:
    return foley.detect(video_file(GRASS), **models)


def write(path: Path, frames: Iterator[Frame], like: Path, *, size: tuple[int, int] | None = None) -> Path:
    info = video.info(like)
    width, height = size or (info.width, info.height)
    about = video.VideoInfo(width, height, info.rate, None, None, False, time_base=info.time_base)
    with video.Writer(path, about, preset="ultrafast") as writer:
        for frame in frames:
            writer.write(frame)
    return path


def woman(found: Detection, end: float = 7.0) -> list[foley.Footstep]:
    """The steps of the person who makes the most."""
    people = {step.person for step in found.steps}
    strikes = {
        person: [step for step in found.steps if step.person == person and step.event == "heel_strike"]
        for person in people
    }
    return [step for step in max(strikes.values(), key=len, default=[]) if step.time < end]


def right(steps: list[foley.Footstep], true: list[tuple[float, str]], within: float = 0.1) -> int:
    """How many of the true strikes were found with the right foot."""
    return sum(
        any(step.foot == foot and abs(step.time - frame / RATE) <= within for step in steps) for frame, foot in true
    )


def test_every_step_of_a_walk(grass: Detection) -> None:
    steps = woman(grass, end=196 / RATE)
    found = right(steps, STRIKES)
    assert found >= 8
    assert len(steps) - found <= 1
    about = grass.statistics["people"][str(steps[0].person)]
    assert [span["kind"] for span in about["spans"]] == ["walking"]
    assert 90 <= about["cadence"] <= 115
    assert grass.warnings == ()


def test_who_jumps_is_not_said_to_walk(grass: Detection) -> None:
    walker = str(woman(grass)[0].person)
    kinds = {
        span["kind"]
        for person, about in grass.statistics["people"].items()
        if person != walker
        for span in about["spans"]
    }
    assert "walking" not in kinds


def test_the_foot_is_where_it_is_in_the_picture(grass: Detection) -> None:
    for step in woman(grass):
        assert 0.85 < step.y <= 1.0
        assert abs(step.x * 1768 - (1400 - 9.75 * (step.time * RATE - 60)) + 80) < 250


def test_the_files_say_what_was_found(grass: Detection, tmp_path: Path) -> None:
    folder = grass.save(tmp_path / "some" / "where")
    with (folder / "events.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0])[:6] == ["frame", "timecode", "foot", "event", "time_seconds", "confidence"]
    assert len(rows) == len(grass.steps)
    for row, step in zip(rows, grass.steps, strict=True):
        assert abs(int(row["frame"]) / RATE - step.time) <= 0.5 / RATE + 1e-6
        assert row["timecode"] == f"00:00:{int(row['frame']) // 30:02}:{int(row['frame']) % 30:02}"
        assert float(row["time_seconds"]) == pytest.approx(step.time, abs=1e-4)
        assert row["inferred"] in ("true", "false")
    data = json.loads((folder / "events.json").read_text())
    assert [event["time_seconds"] for event in data["events"]] == [float(row["time_seconds"]) for row in rows]
    assert json.loads((folder / "stats.json").read_text()) == grass.statistics
    assert len((folder / "timecode.txt").read_text().splitlines()) == len(rows)
    assert (folder / "timeline.png").read_bytes().startswith(b"\x89PNG")
    assert "data:image/png" in grass._repr_html_()


def test_the_annotated_video_has_all_frames_and_the_sound(grass: Detection, tmp_path: Path) -> None:
    target = foley.annotate(grass, tmp_path / "out.mp4")
    with av.open(str(video_file(GRASS))) as before, av.open(str(target)) as after:
        times = [[packet.pts for packet in each.demux(video=0) if packet.pts is not None] for each in (before, after)]
        assert [len(each) for each in times] == [230, 230]
        assert after.streams.audio[0].codec_context.name == "aac"
    at = round(STRIKES[3][0])
    with video.read(video_file(GRASS)) as plain, video.read(target) as drawn:
        for number, (one, other) in enumerate(zip(plain, drawn, strict=True)):
            assert one.time == pytest.approx(other.time, abs=1e-3)
            if number == at + 2:  # the foot has just come down
                step = min(woman(grass), key=lambda step: abs(step.time - at / RATE))
                y, x = round(step.y * 994), round(step.x * 1768)
                marked = other.image[y - 12 : y + 12, x - 12 : x + 12].astype(int)
                assert np.abs(marked - one.image[y - 12 : y + 12, x - 12 : x + 12]).mean() > 40
    with pytest.raises(InputError, match="written over"):
        foley.annotate(grass, video_file(GRASS))


def test_ten_frames_a_second_and_frames_that_are_missing(models: dict[str, Any], tmp_path: Path) -> None:
    random = np.random.default_rng(3)

    def some() -> Iterator[Frame]:
        with video.read(video_file(GRASS), start=1.2, end=6.6, every=3) as frames:
            for frame in frames:
                if random.random() > 0.1:
                    yield Frame(frame.index, frame.time, frame.image)

    found = foley.detect(write(tmp_path / "slow.mp4", some(), video_file(GRASS)), **models)
    first = found.times[0]
    shifted = [(frame - (first or 0) * RATE, foot) for frame, foot in STRIKES[1:8]]
    assert right(woman(found), shifted, within=0.15) >= 5


def test_a_tall_picture(models: dict[str, Any], tmp_path: Path) -> None:
    def some() -> Iterator[Frame]:
        with video.read(video_file(GRASS), start=3.2, end=6.4) as frames:
            for frame in frames:
                yield Frame(frame.index, frame.time - 3.2, np.ascontiguousarray(frame.image[:, 300:860]))

    path = write(tmp_path / "tall.mp4", some(), video_file(GRASS), size=(560, 994))
    shifted = [(frame - 3.2 * RATE, foot) for frame, foot in STRIKES[4:7]]
    steps = foley.detect(path, **models).steps
    people = [[step for step in steps if step.person == person] for person in {step.person for step in steps}]
    assert max(right(theirs, shifted) for theirs in people) >= 2  # she comes into the picture with the first one


def test_a_cut_makes_new_people(models: dict[str, Any], tmp_path: Path) -> None:
    def both() -> Iterator[Frame]:
        with video.read(video_file(GRASS), start=1.6, end=4.0) as frames:
            for number, frame in enumerate(frames):
                yield Frame(number, number / RATE, np.ascontiguousarray(frame.image[:720, :1280]))
        with video.read(video_file("classroom.mp4"), end=2.0) as frames:
            for more, frame in enumerate(frames):
                yield Frame(72 + more, (72 + more) / RATE, frame.image)

    path = write(tmp_path / "cut.mp4", both(), video_file(GRASS), size=(1280, 720))
    found = foley.detect(path, **models)
    cut = 72 / RATE
    before = {pose.person for pose in found.poses if pose.time < cut - 0.01}
    after = {pose.person for pose in found.poses if pose.time > cut - 0.01}
    assert before
    assert after
    assert not before & after
    assert not [step for step in found.steps if step.time > cut]


def test_feet_below_the_picture_make_no_steps(models: dict[str, Any], tmp_path: Path) -> None:
    def some() -> Iterator[Frame]:
        with video.read(video_file(GRASS), start=1.6, end=5.0) as frames:
            for frame in frames:
                yield Frame(frame.index, frame.time, np.ascontiguousarray(frame.image[460:760, 500:1768]))

    path = write(tmp_path / "legs.mp4", some(), video_file(GRASS), size=(1268, 300))
    found = foley.detect(path, **models)
    assert found.steps == ()
    assert len(found.warnings) == 1


def test_people_who_sit_make_no_steps(models: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "classroom.mp4"
    with video.read(video_file("classroom.mp4"), end=2.5) as frames, video.Writer(path, frames.info) as writer:
        for frame in frames:
            writer.write(frame)
    found = foley.detect(path, **models)
    assert found.steps == ()
    assert "so there are no footsteps" in found.warnings[0] or "nobody takes a step" in found.warnings[0]


def test_nobody_in_the_picture_is_said(models: dict[str, Any], tmp_path: Path) -> None:
    def empty() -> Iterator[Frame]:
        for number in range(15):
            yield Frame(number, number / RATE, np.full((240, 320, 3), 90, np.uint8))

    path = write(tmp_path / "empty.mp4", empty(), video_file(GRASS), size=(320, 240))
    found = foley.detect(path, **models)
    assert (found.steps, found.poses) == ((), ())
    assert found.warnings == (f"{path}: nobody was found in the picture, so there are no footsteps",)
    assert found.save(tmp_path / "out").is_dir()


def test_what_is_no_video_is_refused(models: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("not a video")
    with pytest.raises(MediaError, match=r"a\.mp4"):
        foley.detect(tmp_path / "a.mp4", **models)
