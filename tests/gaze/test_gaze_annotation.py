"""A video in, and out come the annotated video, the data and the statistics: what is in them, on painted faces."""

from __future__ import annotations

import csv
import json
import shutil
import threading
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from av.audio.frame import AudioFrame

from perceptkit import gaze, images, video
from perceptkit.arrays import Picture
from perceptkit.colours import track_colour
from perceptkit.errors import DeviceError, InputError, MediaError, ModelError
from perceptkit.gaze import Annotation, Region, direction, load_gaze, off_camera
from perceptkit.gaze.results import COLUMNS
from perceptkit.video import Frame
from tiny_networks import (
    blank,
    face_box,
    look,
    people,
    write_gaze,
    write_photo,
    write_scrfd,
    write_video,
)

FIELDS = ("track", "box", "crop", "score", "yaw", "pitch", "sigma_yaw", "sigma_pitch", "vector", "state", "camera",
          "raw_yaw", "raw_pitch", "looks_at", "regions")  # fmt: skip
DATA = {"gaze.csv", "gaze.jsonl", "heatmap.png", "summary.json", "timeline.png"}
# Where the markers are: to image-left and up, to image-right, to image-left.
UP_LEFT, RIGHT, LEFT = (14, 40), (82, 48), (14, 48)


@pytest.fixture
def networks(tmp_path: Path) -> Path:
    folder = tmp_path / "networks"
    folder.mkdir()
    write_scrfd(folder / "detector.onnx")
    write_gaze(folder / "gaze.onnx")
    return folder


def annotate(networks: Path, source: Path, target: Path | None = None, **options: Any) -> Annotation:
    settings: dict[str, Any] = {
        "detector": networks / "detector.onnx",
        "gaze": networks / "gaze.onnx",
        "device": "cpu",
    } | options
    return gaze.annotate_video(source, target, **settings)


def scene(number: int) -> Picture:
    """Two people: the first looks up and to image-left, but into the lens from frame 4 to frame 6; the second comes
    in frame 3."""
    first = (64, 32, None if 4 <= number < 7 else UP_LEFT)
    return people(first, (448, 32, RIGHT)) if number >= 3 else people(first)


def clip(path: Path, count: int = 10) -> Path:
    return write_video(path, [scene(number) for number in range(count)])


def rows(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "gaze.jsonl").read_text().splitlines()]


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def pictures(path: Path) -> list[Frame]:
    with video.read(path) as frames:
        return list(frames)


def off(one: Picture, other: Picture) -> float:
    return float(np.abs(one.astype(int) - other).mean())


# ---- What is written


def test_everything_is_written_and_nothing_else(
    networks: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    result = annotate(networks, clip(tmp_path / "talk.mp4"), tmp_path / "out")
    assert names(tmp_path / "out") == DATA | {"annotated.mp4"}
    assert (result.folder, result.picture) == (tmp_path / "out", tmp_path / "out" / "annotated.mp4")
    assert (result.frames, result.warnings) == (10, ())
    assert list(result.rows()) == rows(tmp_path / "out")
    assert result.summary == json.loads((tmp_path / "out" / "summary.json").read_text()) | {"warnings": ()}
    assert repr(result) == f"Annotation({str(result.picture)!r}: 10 frames, 2 tracks)"
    assert result._repr_html_().startswith('<img src="data:image/png;base64,')
    shutil.rmtree(tmp_path / "out")
    assert result._repr_html_() == f"<code>{repr(result).replace(chr(39), '&#x27;')}</code>"
    assert capfd.readouterr() == ("", "")
    assert not [one.name for one in threading.enumerate() if one.name.startswith("perceptkit")]


def test_lanes_say_who_was_there_and_who_looked_at_the_camera_when(networks: Path, tmp_path: Path) -> None:
    result = annotate(networks, clip(tmp_path / "talk.mp4"), tmp_path / "out", smooth=False)
    assert result.span == pytest.approx((0, 0.4))
    first, second = result.lanes
    assert (first.track, second.track) == (1, 2)
    assert list(first.visible) == [pytest.approx((0, 0.4))]
    assert list(second.visible) == [pytest.approx((0.12, 0.4))]
    assert list(first.camera) == [pytest.approx((0.16, 0.28))]
    assert list(second.camera) == []


def test_a_line_a_frame_says_who_is_where_and_looks_where(networks: Path, tmp_path: Path) -> None:
    annotate(networks, clip(tmp_path / "talk.mp4"), tmp_path / "out", smooth=False)
    lines = rows(tmp_path / "out")
    assert [tuple(row) for row in lines] == [("frame", "time", "faces")] * 10
    assert [(row["frame"], row["time"]) for row in lines] == [(n, pytest.approx(n / 25, abs=1e-6)) for n in range(10)]
    assert [[face["track"] for face in row["faces"]] for row in lines] == [[1]] * 3 + [[1, 2]] * 7
    for row in lines:
        for face in row["faces"]:
            assert tuple(face) == FIELDS
            x = {1: 64, 2: 448}[face["track"]]
            assert face["box"] == face_box(x, 32)
            assert face["crop"] == [x, 32, x + 96, 128]
            marker = RIGHT if face["track"] == 2 else UP_LEFT
            expected = (0, 0) if face["track"] == 1 and 4 <= row["frame"] < 7 else look(*marker)
            assert (face["yaw"], face["pitch"]) == pytest.approx(expected, abs=0.05)
            assert (face["raw_yaw"], face["raw_pitch"]) == (face["yaw"], face["pitch"])
            assert (face["sigma_yaw"], face["sigma_pitch"]) == pytest.approx((4, 4), abs=1e-2)
            assert face["vector"] == pytest.approx(list(direction(face["yaw"], face["pitch"])), abs=1e-5)
            assert (face["state"], face["camera"], face["regions"]) == ("ok", expected == (0, 0), [])
            assert 0.9 < face["score"] < 1


def test_the_table_says_the_same_a_line_a_face(networks: Path, tmp_path: Path) -> None:
    source = clip(tmp_path / "talk.mp4")
    annotate(networks, source, tmp_path / "out", regions=[Region("a;b", (0, 0, 40, 160)), Region("c", (0, 0, 30, 90))])
    with (tmp_path / "out" / "gaze.csv").open(newline="", encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    faces = [(row, face) for row in rows(tmp_path / "out") for face in row["faces"]]
    assert len(table) == len(faces) == 17
    for line, (row, face) in zip(table, faces, strict=True):
        assert tuple(line) == COLUMNS
        for name in ("track", "score", "yaw", "pitch", "sigma_yaw", "sigma_pitch", "raw_yaw", "raw_pitch"):
            assert float(line[name]) == face[name]
        assert [float(line[name]) for name in ("x1", "y1", "x2", "y2")] == face["box"]
        assert [float(line[name]) for name in ("gx", "gy", "gz")] == face["vector"]
        assert (float(line["frame"]), float(line["time"])) == (row["frame"], row["time"])
        assert (line["state"], line["camera"]) == (face["state"], "1" if face["camera"] else "0")
        assert line["looks_at"] == ("" if face["looks_at"] is None else str(face["looks_at"]))
        assert line["regions"] == ";".join(face["regions"])
    assert table[0]["regions"] == "a;b;c"


def test_the_summary_adds_up_the_lines(networks: Path, tmp_path: Path) -> None:
    result = annotate(networks, clip(tmp_path / "talk.mp4"), tmp_path / "out", smooth=False)
    lines, attention = rows(tmp_path / "out"), result.summary["attention"]
    faces = [face for row in lines for face in row["faces"]]
    hits = [face for face in faces if face["camera"]]
    assert (attention["frames"], attention["faces"]) == (10, len(faces)) == (10, 17)
    assert attention["unique_tracks"] == len({face["track"] for face in faces}) == 2
    assert attention["ever"] == len({face["track"] for face in hits}) == 1
    assert attention["rate"] == pytest.approx(len(hits) / len(faces)) == pytest.approx(3 / 17)
    assert attention["duration"] == pytest.approx(0.4)
    watching = [sum(face["camera"] for face in row["faces"]) for row in lines]
    assert attention["peak"] == {"people": max(watching), "time": lines[watching.index(max(watching))]["time"]}
    assert attention["peak"] == {"people": 1, "time": 0.16}
    for track in attention["tracks"]:
        own = [(row, face) for row in lines for face in row["faces"] if face["track"] == track["track"]]
        seen = [face["camera"] for _, face in own]
        assert track["frames_visible"] == track["frames_ok"] == len(own) == {1: 10, 2: 7}[track["track"]]
        assert track["frames_at_camera"] == sum(seen) == {1: 3, 2: 0}[track["track"]]
        assert track["rate"] == pytest.approx(sum(seen) / len(own))
        assert (track["first_seen"], track["last_seen"]) == pytest.approx((own[0][0]["time"], own[-1][0]["time"]))
        assert track["seconds_visible"] == pytest.approx(len(own) / 25)
        assert track["seconds_at_camera"] == track["longest_dwell"] == pytest.approx(sum(seen) / 25)
        assert track["ever"] is any(seen)


def test_the_summary_says_what_was_used_on_what(networks: Path, tmp_path: Path) -> None:
    summary = annotate(networks, clip(tmp_path / "talk.mp4"), tmp_path / "out", every=2, smooth=False).summary
    assert summary["source"] == str(tmp_path / "talk.mp4")
    facts = {name: summary["video"][name] for name in ("width", "height", "rate", "frames", "has_sound", "rotation")}
    assert facts == {"width": 640, "height": 160, "rate": 25, "frames": 10, "has_sound": False, "rotation": 0}
    used = summary["settings"]
    assert (used["detector"]["name"], used["gaze"]["name"]) == ("detector.onnx", "gaze.onnx")
    assert (used["gaze"]["device"], used["gaze"]["precision"], len(used["gaze"]["sha256"])) == ("cpu", "f32", 64)
    assert (used["every"], used["detect_every"], used["smooth"], used["camera_angle"]) == (2, 1, False, 12)
    assert summary["seconds"] > 0


# ---- The annotated video


def test_the_annotated_video_is_the_video_with_its_faces_marked(networks: Path, tmp_path: Path) -> None:
    source = clip(tmp_path / "talk.mp4")
    result = annotate(networks, source, tmp_path / "out")
    shown, original = pictures(result.picture), pictures(source)
    assert [frame.time for frame in shown] == pytest.approx([frame.time for frame in original], abs=1e-6)
    for one, other in zip(shown, original, strict=True):
        assert one.image.shape == (160, 640, 3)
        second = other.index >= 3
        assert off(one.image[:, 200:400], other.image[:, 200:400]) < 2  # nobody is there
        assert off(one.image[24:136, 56:168], other.image[24:136, 56:168]) > 5
        assert (off(one.image[24:136, 440:552], other.image[24:136, 440:552]) > 5) is second
        if second:  # the arrow goes to the right from the middle of the face, as long as it is wide and looks aside
            tip = round(496 + 96 * np.sin(np.radians(42.5)))
            assert off(one.image[78:83, tip - 30 : tip - 2], other.image[78:83, tip - 30 : tip - 2]) > 20
            assert off(one.image[78:83, tip + 6 : tip + 60], other.image[78:83, tip + 6 : tip + 60]) < 5


@pytest.mark.parametrize(("every", "detect_every"), [(3, 1), (1, 4), (3, 2), (20, 1)])
def test_all_frames_are_shown_where_not_all_are_looked_at(
    networks: Path, tmp_path: Path, every: int, detect_every: int
) -> None:
    calls: list[tuple[int, int | None]] = []
    source = write_video(tmp_path / "talk.mp4", [people((64, 32, UP_LEFT))] * 11)
    result = annotate(
        networks, source, tmp_path / "out", every=every, detect_every=detect_every,
        progress=lambda done, total: calls.append((done, total)),
    )  # fmt: skip
    looked_at = list(range(0, 11, every))
    assert [row["frame"] for row in result.rows()] == looked_at
    assert [face["box"] for row in result.rows() for face in row["faces"]] == [face_box(64, 32)] * len(looked_at)
    assert result.frames == result.summary["attention"]["frames"] == len(looked_at)
    shown = pictures(result.picture)
    assert [frame.time for frame in shown] == pytest.approx([n / 25 for n in range(11)], abs=1e-6)
    boxes = [frame.image[24:136, 56:168] for frame in shown]
    assert all(off(one, boxes[0]) < 2 for one in boxes)  # marked in every one of them
    assert calls[-1] == (11, 11)
    assert all(one < other for (one, _), (other, _) in pairwise(calls))


def test_times_of_a_varying_rate_are_kept(networks: Path, tmp_path: Path) -> None:
    times = [0.0, 0.04, 0.05, 0.25, 0.3, 0.62, 0.7, 1.5]
    frames = [people((64, 32, None))] * len(times)
    result = annotate(networks, write_video(tmp_path / "talk.mp4", frames, times=times), tmp_path / "out")
    assert [row["time"] for row in result.rows()] == pytest.approx(times, abs=2e-5)
    assert [frame.time for frame in pictures(result.picture)] == pytest.approx(times, abs=2e-5)
    (track,) = result.summary["attention"]["tracks"]
    assert (track["first_seen"], track["last_seen"]) == pytest.approx((0, 1.5), abs=2e-5)
    assert track["frames_at_camera"] == 8


def test_sound_is_copied_untouched(networks: Path, tmp_path: Path) -> None:
    with av.open(str(tmp_path / "tone.mp4"), "w") as output:
        stream = output.add_stream("aac", rate=48_000, layout="mono")
        tone = np.sin(np.arange(24_000) / 17).astype(np.float32)
        sound = AudioFrame.from_ndarray(tone[None], format="fltp", layout="mono")
        sound.rate = 48_000
        output.mux([*stream.encode(sound), *stream.encode(None)])
    source = write_video(tmp_path / "talk.mp4", [scene(n) for n in range(10)], sound=tmp_path / "tone.mp4")
    result = annotate(networks, source, tmp_path / "out")
    assert result.summary["video"]["has_sound"]
    heard = [[(packet.pts, bytes(packet)) for packet in packets(path)] for path in (source, result.picture)]
    assert heard[0] == heard[1]
    assert len(heard[0]) > 5


def packets(path: Path) -> Iterator[Any]:
    with av.open(str(path)) as container:
        yield from (packet for packet in container.demux(audio=0) if packet.size)


# ---- How frames are judged


def test_smoothing_follows_and_leaves_what_was_said(networks: Path, tmp_path: Path) -> None:
    frames = [people((64, 32, LEFT if number < 5 else None)) for number in range(10)]
    result = annotate(networks, write_video(tmp_path / "talk.mp4", frames), tmp_path / "out")
    faces = [row["faces"][0] for row in result.rows()]
    assert [face["raw_yaw"] for face in faces] == pytest.approx([42.5] * 5 + [0] * 5, abs=0.05)
    assert [face["yaw"] for face in faces[:5]] == pytest.approx([42.5] * 5, abs=0.05)
    assert all(one["yaw"] > other["yaw"] > 0 for one, other in pairwise(faces[4:]))
    # Where they look is judged by what is shown, which comes a frame later.
    assert [off_camera(face["raw_yaw"], face["raw_pitch"]) < 12 for face in faces] == [False] * 5 + [True] * 5
    assert [face["camera"] for face in faces] == [False] * 6 + [True] * 4
    assert result.summary["attention"]["tracks"][0]["frames_at_camera"] == 4


def test_the_camera_angle_and_the_largest_sigma_decide(networks: Path, tmp_path: Path) -> None:
    source = write_video(tmp_path / "talk.mp4", [people((352, 32, (28, 48)))] * 3)  # 25 degrees to image-left
    wall = Region("wall", (0, 0, 40, 160))
    for angle, max_sigma, camera, state, regions in (
        (24, 40, False, "ok", ["wall"]),
        (26, 40, True, "ok", []),
        (26, 3.9, False, "unknown", []),
    ):
        result = annotate(networks, source, tmp_path / "out", camera_angle=angle, max_sigma=max_sigma, regions=[wall])
        said = [(face["camera"], face["state"], face["regions"]) for row in result.rows() for face in row["faces"]]
        assert said == [(camera, state, regions)] * 3
        (track,) = result.summary["attention"]["tracks"]
        assert (track["ever"], track["frames_ok"]) == (camera, 0 if state == "unknown" else 3)


def test_somebody_who_looks_at_the_camera_looks_at_nobody_else(networks: Path, tmp_path: Path) -> None:
    source = write_video(tmp_path / "talk.mp4", [people((64, 32, None), (352, 32, (28, 48)))])
    for angle, looked in ((24, True), (26, False)):
        (row,) = annotate(networks, source, tmp_path / "out", camera_angle=angle).rows()
        left, right = sorted(row["faces"], key=lambda face: float(face["box"][0]))
        assert right["looks_at"] == (left["track"] if looked else None)


def test_a_crop_is_the_box_in_whole_pixels(networks: Path, tmp_path: Path) -> None:
    image = cv2.resize(people((64, 32, UP_LEFT), (352, 32, None)), (510, 128), interpolation=cv2.INTER_AREA)
    result = annotate(networks, write_video(tmp_path / "talk.mp4", [np.asarray(image, np.uint8)] * 2), tmp_path / "out")
    faces = [face for row in result.rows() for face in row["faces"]]
    assert len(faces) == 4
    for face in faces:
        assert face["crop"] == [int(value) for value in face["box"]]
        assert face["box"] != face["crop"]


def test_people_look_at_each_other_and_at_regions(networks: Path, tmp_path: Path) -> None:
    source = write_video(tmp_path / "talk.mp4", [people((64, 32, RIGHT), (448, 32, LEFT), (256, 32, LEFT))] * 5)
    door, desk = Region("door", (0, 40, 30, 120)), Region("desk", (600, 0, 640, 160))
    result = annotate(networks, source, tmp_path / "out", regions=[door, desk])
    for row in result.rows():
        by_place = sorted(row["faces"], key=lambda face: float(face["box"][0]))
        left, middle, right = (face["track"] for face in by_place)
        assert [face["looks_at"] for face in by_place] == [middle, left, middle]
        assert [face["regions"] for face in by_place] == [["desk"], ["door"], ["door"]]
    attention = result.summary["attention"]
    pair = sorted((left, middle))
    assert attention["mutual"] == [{"tracks": pair, "seconds": pytest.approx(0.2), "episodes": 1}]
    tracks = {track["track"]: track for track in attention["tracks"]}
    assert tracks[right]["looks_at"] == {str(middle): pytest.approx(0.2)}
    assert tracks[left]["regions"] == {"door": 0, "desk": pytest.approx(0.2)}


def test_small_and_unlikely_faces_can_be_left_out(networks: Path, tmp_path: Path) -> None:
    source = write_video(tmp_path / "talk.mp4", [people((64, 32, None))] * 3)
    for options in ({"min_face": 97}, {"min_score": 0.995}):
        result = annotate(networks, source, tmp_path / "out", **options)
        assert [row["faces"] for row in result.rows()] == [[], [], []]


def test_models_can_be_given_loaded(networks: Path, tmp_path: Path) -> None:
    estimate = load_gaze(networks / "gaze.onnx", device="cpu")
    result = annotate(networks, clip(tmp_path / "talk.mp4"), tmp_path / "out", gaze=estimate)
    assert result.summary["settings"]["gaze"]["sha256"] == estimate.sha256
    assert result.summary["attention"]["unique_tracks"] == 2


# ---- Sources of other kinds


def test_without_faces_everything_is_written_all_the_same(networks: Path, tmp_path: Path) -> None:
    result = annotate(networks, write_video(tmp_path / "sea.mp4", [blank(640, 160)] * 4), tmp_path / "out")
    assert names(tmp_path / "out") == DATA | {"annotated.mp4"}
    assert [row["faces"] for row in result.rows()] == [[]] * 4
    assert (tmp_path / "out" / "gaze.csv").read_text() == ",".join(COLUMNS) + "\n"
    attention = result.summary["attention"]
    assert (attention["unique_tracks"], attention["rate"], attention["tracks"], attention["mutual"]) == (0, 0, [], [])
    assert attention["peak"] == {"people": 0, "time": None}
    assert off(pictures(result.picture)[0].image, blank(640, 160)) < 1


def test_a_folder_of_photos_is_taken_for_a_video(networks: Path, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for number in (1, 2, 10):
        write_photo(photos / f"{number}.png", (96, 64, number % 8))
    (photos / "3.jpg").write_text("no photo")
    result = annotate(networks, photos, tmp_path / "out", rate=2.0)
    assert [(row["frame"], row["time"], len(row["faces"])) for row in result.rows()] == [
        (0, 0, 1), (1, 0.5, 1), (3, 1.5, 1),
    ]  # fmt: skip
    assert result.warnings == (f"{photos / '3.jpg'}: not a photo but a text file",)
    assert result.summary["warnings"] == result.warnings
    assert [frame.time for frame in pictures(result.picture)] == pytest.approx([0, 0.5, 1.5], abs=1e-3)


def test_one_photo_gives_one_photo(networks: Path, tmp_path: Path) -> None:
    photo = write_photo(tmp_path / "portrait.PNG", (96, 64, 3))
    result = annotate(networks, photo, tmp_path / "out")
    assert names(tmp_path / "out") == DATA | {"annotated.jpg"}
    assert result.picture == tmp_path / "out" / "annotated.jpg"
    shown, original = images.read(result.picture), images.read(photo)
    assert off(shown[:, 300:], original[:, 300:]) < 2
    assert off(shown[56:168, 88:200], original[56:168, 88:200]) > 5
    (row,) = result.rows()
    assert (row["frame"], row["time"], row["faces"][0]["camera"]) == (0, 0, True)
    assert result.summary["attention"]["tracks"][0]["frames_at_camera"] == 1


def test_names_in_any_script_are_kept(networks: Path, tmp_path: Path) -> None:
    folder = tmp_path / "Bücher & 東京"
    folder.mkdir()
    result = annotate(networks, clip(folder / "d'été 🎬 #1.mp4", 4), folder / "выход")
    assert result.frames == 4
    assert names(folder / "выход") == DATA | {"annotated.mp4"}
    summary = (folder / "выход" / "summary.json").read_text(encoding="ascii")
    assert json.loads(summary)["source"] == str(folder / "d'été 🎬 #1.mp4")


def test_a_video_that_is_cut_short_gives_what_there_is_and_a_warning(networks: Path, tmp_path: Path) -> None:
    frames = [scene(number) for number in range(40)]
    for number, image in enumerate(frames):  # so that every frame takes some bytes
        image[:, 560:] = np.random.default_rng(number).integers(0, 256, (160, 80, 1))
    source = write_video(tmp_path / "talk.mp4", frames)
    source.write_bytes(source.read_bytes()[: source.stat().st_size * 6 // 10])
    result = annotate(networks, source, tmp_path / "out")
    assert 3 < result.frames < 40
    assert len(pictures(result.picture)) == len(rows(tmp_path / "out")) == result.frames
    (warning,) = result.warnings
    assert warning.startswith(f"{source}: decoded {result.frames} of 40 frames: the file is cut short")


# ---- Where it is written


def test_a_video_is_written_where_it_should_go_with_its_data_beside_it(networks: Path, tmp_path: Path) -> None:
    source = clip(tmp_path / "talk.mp4", 3)
    for target in (tmp_path / "new" / "a.mp4", tmp_path / "b.MP4", tmp_path / "c.m4v"):
        result = annotate(networks, source, target)
        assert result.picture == target
        assert result.folder == target.with_name(f"{target.stem}-gaze")
        assert names(result.folder) == DATA
        assert len(pictures(target)) == 3
    (tmp_path / "folder.mp4").mkdir()
    assert annotate(networks, source, tmp_path / "folder.mp4").picture == tmp_path / "folder.mp4" / "annotated.mp4"


def test_without_a_target_a_folder_is_named_after_the_source(
    networks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("elsewhere", "photos"):
        (tmp_path / name).mkdir()
    source = clip(tmp_path / "talk.v2.mp4", 3)
    write_photo(tmp_path / "photos" / "a.png", (96, 64, 3))
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert annotate(networks, source).folder == Path("talk.v2-gaze")
    assert names(tmp_path / "elsewhere" / "talk.v2-gaze") == DATA | {"annotated.mp4"}
    monkeypatch.chdir(tmp_path / "photos")
    assert annotate(networks, Path()).folder == Path("photos-gaze")
    assert annotate(networks, Path()).frames == 1  # the results are not among the photos


def test_a_second_run_takes_the_place_of_the_first(networks: Path, tmp_path: Path) -> None:
    annotate(networks, clip(tmp_path / "long.mp4"), tmp_path / "out")
    annotate(networks, clip(tmp_path / "short.mp4", 3), tmp_path / "out")
    assert len(rows(tmp_path / "out")) == len(pictures(tmp_path / "out" / "annotated.mp4")) == 3
    assert names(tmp_path / "out") == DATA | {"annotated.mp4"}


def test_nothing_is_written_over_its_own_source(networks: Path, tmp_path: Path) -> None:
    source = clip(tmp_path / "annotated.mp4", 3)
    photo = write_photo(tmp_path / "annotated.jpg", (96, 64, 3))
    timeline = write_photo(tmp_path / "timeline.png", (96, 64, 3))
    (tmp_path / "link.mp4").symlink_to(source)
    for one, target in ((source, source), (source, tmp_path), (source, tmp_path / "link.mp4"),
                        (photo, tmp_path), (timeline, tmp_path)):  # fmt: skip
        before = one.read_bytes()
        with pytest.raises(InputError, match="would be written over by its own results; choose another output"):
            annotate(networks, one, target)
        assert one.read_bytes() == before
    (tmp_path / "photos").mkdir()
    write_photo(tmp_path / "photos" / "a.png", (96, 64, 3))
    with pytest.raises(InputError, match=r"the results would lie among the photos in .*photos; choose another output"):
        annotate(networks, tmp_path / "photos", tmp_path / "photos")
    assert names(tmp_path / "photos") == {"a.png"}


# ---- Complaints


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"every": 0}, "every is 0; it must be at least 1"),
        ({"detect_every": 0}, "detect_every is 0; it must lie between 1 and 60"),
        ({"min_score": 2}, "min_score is 2; it must lie between 0 and 1"),
        ({"camera_angle": 0}, "the camera angle is 0; it must be larger than 0"),
        ({"max_sigma": -1}, "max_sigma is -1; it must be above 0"),
        ({"regions": [Region("a", (0, 0, 9, 9))] * 2}, "two regions have the same name"),
        ({"gaze": "mobilegaze"}, "unknown gaze 'mobilegaze'; what does its work here: mobileone-s0"),
        ({"detector": "mtcnn"}, "unknown detector 'mtcnn'"),
        ({"target": "out.avi"}, r"cannot write out\.avi: the video is written as \.mp4; give OUT\.mp4 or a folder"),
        ({"source": "missing.mp4"}, r"no such file or folder: missing\.mp4"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_values_that_make_no_sense_are_errors_and_leave_nothing(
    networks: Path, tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    source = clip(tmp_path / "talk.mp4", 3)
    given = {"source": source, "target": tmp_path / "out"} | options
    with pytest.raises(InputError, match=message):
        annotate(networks, **given)
    assert names(tmp_path) == {"networks", "talk.mp4"}


def test_what_is_no_video_is_an_error_and_leaves_nothing(networks: Path, tmp_path: Path) -> None:
    (tmp_path / "note.mp4").write_text("not a video")
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "nothing").mkdir()
    for name, message in (
        ("note.mp4", "not a video but a text file"),
        ("empty.mp4", "empty file"),
    ):
        with pytest.raises(MediaError, match=message):
            annotate(networks, tmp_path / name, tmp_path / "out")
    with pytest.raises(InputError, match="no photos in"):
        annotate(networks, tmp_path / "nothing", tmp_path / "out")
    with pytest.raises(MediaError, match=r"0 seconds is over the limit of 0 seconds; .* raise the limit \(duration\)"):
        annotate(networks, clip(tmp_path / "talk.mp4"), tmp_path / "out", limits=video.Limits(duration=0.1))
    assert not (tmp_path / "out").exists()


def test_models_and_devices_that_fail_are_errors_and_leave_nothing(networks: Path, tmp_path: Path) -> None:
    source = clip(tmp_path / "talk.mp4", 3)
    broken = write_gaze(networks / "broken.onnx", added=np.nan)
    with pytest.raises(ModelError, match=r"broken\.onnx gave an angle that is not a number"):
        annotate(networks, source, tmp_path / "out", gaze=broken)
    with pytest.raises(ModelError, match=r"detector\.onnx is not a gaze network"):
        annotate(networks, source, tmp_path / "out", gaze=networks / "detector.onnx")
    with pytest.raises(DeviceError, match="precision 'bf16' needs device 'openvino'"):
        annotate(networks, source, tmp_path / "out", precision="bf16")
    assert names(tmp_path) == {"networks", "talk.mp4"}


def test_where_nothing_can_be_written_is_an_error(networks: Path, tmp_path: Path) -> None:
    source = clip(tmp_path / "talk.mp4", 3)
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InputError, match=r"cannot write .*file.*; choose another output folder"):
        annotate(networks, source, tmp_path / "file")
    with pytest.raises(InputError, match=r"cannot write .*; choose another output folder"):
        annotate(networks, source, tmp_path / "file" / "out.mp4")
    assert (tmp_path / "file").read_text() == "mine"


def test_what_is_drawn_for_a_neighbour_is_not_in_a_crop(networks: Path, tmp_path: Path) -> None:
    """Arrows, some of them as blue as a marker, cross the faces beside them."""
    blue = [r < 100 and b - (r + g) / 2 > 64 for r, g, b in map(track_colour, range(1, 7))]
    assert blue.count(True) >= 2  # the network would see them
    looks = [RIGHT] * 5 + [None]
    image = people(*((96 * place, 32, marker) for place, marker in enumerate(looks)))
    result = annotate(networks, write_video(tmp_path / "talk.mp4", [image] * 8), tmp_path / "out", smooth=False)
    for row in result.rows():
        yaws = [face["raw_yaw"] for face in sorted(row["faces"], key=lambda face: float(face["box"][0]))]
        assert yaws == pytest.approx([-42.5] * 5 + [0], abs=0.1)
