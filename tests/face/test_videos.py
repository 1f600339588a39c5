"""Videos become people: who is found when, that tracks are followed, and that nothing stops or changes a run."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from av.video.frame import VideoFrame

from clips import turn
from perceptkit import face, images
from perceptkit.arrays import Floats, Picture
from perceptkit.errors import InputError
from perceptkit.face import Extraction, load_embeddings
from perceptkit.face.samples import expected_samples
from perceptkit.video import Limits
from shared_data import MODELS, model_file
from systems import posix
from tiny_networks import blank, face_box, paint, write_embedder, write_photo, write_scrfd, write_video

RATE = 10  # frames a second of the videos here; every second frame is looked at
At = tuple[int, int, int]  # x, y and person of a painted face


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with detector.onnx, embedder.onnx and nan.onnx."""
    folder = tmp_path_factory.mktemp("networks")
    write_scrfd(folder / "detector.onnx")
    write_embedder(folder / "embedder.onnx")
    write_embedder(folder / "nan.onnx", nan=True)
    return folder


def run(networks: Path, paths: Any, folder: Path, **options: Any) -> Extraction:
    models = {"detector": networks / "detector.onnx", "embedder": networks / "embedder.onnx", "device": "cpu"}
    given: dict[str, Any] = {**models, **options}
    return face.extract(paths, folder, **given)


def pictures(frames: Sequence[Sequence[At]]) -> list[Picture]:
    shown = []
    for number, faces in enumerate(frames):
        image = blank()
        for x, y, person in faces:
            image = paint(image, x, y, person=person, noise=number + 1)
        shown.append(image)
    return shown


def film(path: Path, *frames: Sequence[At]) -> Path:
    """A video with these faces in its frames, `RATE` a second."""
    return write_video(path, pictures(frames), times=[number / RATE for number in range(len(frames))])


def walk(count: int, *, y: int = 64, person: int = 1) -> list[tuple[At]]:
    """Somebody who goes a step of 32 pixels to the right every two frames."""
    return [((32 * (number // 2), y, person),) for number in range(count)]


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def contents(folder: Path) -> dict[str, bytes]:
    """What must be the same for the same input: all but the times in run.json, and the packing of the npz."""
    stored = load_embeddings(folder)
    assert stored.tracks is not None
    files = [folder / name for name in ("faces.jsonl", "errors.jsonl", "people.html")]
    return {path.name: path.read_bytes() for path in (*files, *(folder / "headshots").iterdir())} | {
        "vectors": stored.vectors.tobytes(),
        "tracks": stored.tracks.tobytes(),
    }


def people(result: Extraction) -> list[list[tuple[str, int | None]]]:
    """The tracks of each person, each with the name of its file."""
    return [
        list(dict.fromkeys((Path(one.source).name, one.face.track) for one in person.sightings))
        for person in result.people
    ]


# ---- What is found


def test_faces_are_found_when_and_where_they_were_painted(networks: Path, tmp_path: Path) -> None:
    film(tmp_path / "a.mp4", *([*moving, (320, 256, 2)] for moving in walk(30)))
    result = run(networks, tmp_path / "a.mp4", tmp_path / "out")
    assert str(result) == "1 video, 10 faces, 2 people"
    assert (result.photos, result.videos, result.errors, result.notes) == (0, 1, (), ())
    assert people(result) == [[("a.mp4", 1)], [("a.mp4", 2)]]
    rows = lines(tmp_path / "out" / "faces.jsonl")
    assert [row["track"] for row in rows] == [1] * 5 + [2] * 5
    assert [row["person"] for row in rows] == [0] * 5 + [1] * 5
    for row, sighting in zip(rows, result.sightings, strict=True):
        assert (row["time"], row["track"]) == (sighting.time, sighting.face.track)
        frame = row["time"] * RATE
        assert frame % 2 == pytest.approx(0), "every 0.2 seconds is looked at"
        expected = face_box(round(frame) // 2 * 32, 64) if row["track"] == 1 else face_box(320, 256)
        np.testing.assert_allclose(row["box"], expected, atol=0.5)
        assert images.read(tmp_path / "out" / row["headshot"]).shape == (160, 160, 3)
    for track in (1, 2):
        times = [row["time"] for row in rows if row["track"] == track]
        assert times == sorted(times)
    assert len({row["face_id"] for row in rows}) == len(list((tmp_path / "out" / "headshots").iterdir())) == 10


def test_somebody_who_goes_and_comes_back_is_two_tracks_of_one_person(networks: Path, tmp_path: Path) -> None:
    there = [(96, 64, 1), (320, 256, 2)]
    film(tmp_path / "a.mp4", *[there] * 10, *[there[1:]] * 14, *[there] * 10)
    result = run(networks, tmp_path / "a.mp4", tmp_path / "out")
    assert people(result) == [[("a.mp4", 1), ("a.mp4", 3)], [("a.mp4", 2)]]


def test_somebody_hidden_for_a_moment_stays_on_the_track(networks: Path, tmp_path: Path) -> None:
    film(tmp_path / "a.mp4", *[[(96, 64, 1)]] * 10, *[[]] * 6, *[[(96, 64, 1)]] * 10)
    assert people(run(networks, tmp_path / "a.mp4", tmp_path / "out")) == [[("a.mp4", 1)]]


def test_somebody_who_takes_the_place_of_another_is_not_the_same_person(networks: Path, tmp_path: Path) -> None:
    """A cut in the film: the boxes are where they were, so the track goes on with somebody else."""
    film(tmp_path / "a.mp4", *[[(96, 64, 1)]] * 16, *[[(96, 64, 2)]] * 14)
    write_photo(tmp_path / "1.png", (96, 64, 1))
    write_photo(tmp_path / "2.png", (96, 64, 2))
    result = run(networks, [tmp_path / name for name in ("2.png", "1.png", "a.mp4")], tmp_path / "out")
    assert people(result) == [[("2.png", None), ("a.mp4", 1)], [("1.png", None), ("a.mp4", 1)]]
    for person, before in zip(result.people, (False, True), strict=True):
        assert all((one.time < 1.6) == before for one in person.sightings if one.time is not None)


def test_people_in_photos_and_videos_are_found_together(networks: Path, tmp_path: Path) -> None:
    folder = tmp_path / "all"
    (folder / "trip").mkdir(parents=True)
    film(folder / "b.mp4", *walk(12, person=2))
    film(folder / "trip" / "d.MOV", *walk(12, person=1))
    write_photo(folder / "a.png", (96, 64, 1))
    write_photo(folder / "c.png", (96, 64, 2), (320, 64, 3))
    cv2.imwrite(str(folder / "still.gif"), cv2.cvtColor(paint(blank(), 64, 64, person=3), cv2.COLOR_RGB2BGR))
    (folder / "notes.txt").write_text("not a photo")
    result = run(networks, folder, tmp_path / "out")
    assert str(result).startswith("3 photos, 2 videos, ")
    assert people(result) == [
        [("a.png", None), ("d.MOV", 1)],
        [("b.mp4", 1), ("c.png", None)],
        [("c.png", None), ("still.gif", None)],
    ]
    rows = lines(tmp_path / "out" / "faces.jsonl")
    assert all((row["time"] is None) == (row["track"] is None) == row["source"].endswith(("g", "f")) for row in rows)
    page = (tmp_path / "out" / "people.html").read_text(encoding="utf-8")
    assert "People in your photos and videos" in page
    assert f"{len(rows)} faces in 3 photos and 2 videos" in page
    assert f"{len(rows)} faces in 3 photos and 2 videos" in result._repr_html_()
    assert result.summary()["videos"] == json.loads((tmp_path / "out" / "run.json").read_text())["videos"] == 2


def test_a_file_without_a_usual_ending_is_told_by_its_content(networks: Path, tmp_path: Path) -> None:
    film(tmp_path / "a.mp4", *walk(12)).rename(tmp_path / "upload")
    write_photo(tmp_path / "b.png", (96, 64, 1)).rename(tmp_path / "b.dat")
    result = run(networks, [tmp_path / "upload", tmp_path / "b.dat"], tmp_path / "out")
    assert (result.photos, result.videos, len(result.people), result.errors) == (1, 1, 1, ())


def test_a_video_of_nobody_is_a_result_too(networks: Path, tmp_path: Path) -> None:
    film(tmp_path / "a.mp4", *[[]] * 10)
    result = run(networks, tmp_path / "a.mp4", tmp_path / "out")
    assert (str(result), result.notes) == ("1 video, 0 faces, 0 people", ())
    assert "No faces were found" in (tmp_path / "out" / "people.html").read_text(encoding="utf-8")


def test_a_video_on_its_side_is_looked_at_upright(networks: Path, tmp_path: Path) -> None:
    upright = pictures(walk(12))
    lying = [np.ascontiguousarray(np.rot90(image)) for image in upright]
    write_video(tmp_path / "phone.mp4", lying, times=[number / RATE for number in range(12)])
    turn(tmp_path / "phone.mp4", (0, 1, -1, 0))
    result = run(networks, tmp_path / "phone.mp4", tmp_path / "out")
    assert people(result) == [[("phone.mp4", 1)]]
    for sighting in result.sightings:
        assert sighting.time is not None
        np.testing.assert_allclose(sighting.face.box, face_box(round(sighting.time * 5) * 32, 64), atol=0.5)


# ---- What decides what is found


def test_the_step_is_time_whatever_the_frame_rate(networks: Path, tmp_path: Path) -> None:
    times = [0, 0.03, 0.31, 0.5, 0.51, 1.04, 1.5, 1.9]
    write_video(tmp_path / "a.mp4", pictures([[(96, 64, 1)]] * len(times)), times=times)
    result = run(networks, tmp_path / "a.mp4", tmp_path / "out", video_step=0.5, track_faces=20)
    assert [sighting.time for sighting in result.sightings] == [0, 0.5, 1.04, 1.9]
    every = run(networks, tmp_path / "a.mp4", tmp_path / "every", video_step=0, track_faces=20)
    assert [sighting.time for sighting in every.sightings] == times


@pytest.mark.parametrize("count", [1, 2, 5])
def test_of_a_track_the_best_are_kept_apart_in_time(networks: Path, tmp_path: Path, count: int) -> None:
    film(tmp_path / "a.mp4", *[[(96, 64, 1)]] * 60)
    result = run(networks, tmp_path / "a.mp4", tmp_path / "out", track_faces=count)
    times = [sighting.time or 0.0 for sighting in result.sightings]
    assert len(times) == count
    assert all(later - earlier >= 0.5 - 1e-6 for earlier, later in pairwise(times))


def test_a_sharp_moment_is_found(networks: Path, tmp_path: Path) -> None:
    sharp = pictures([[(96, 64, 1)]] * 40)
    shown = [image if number in (14, 32) else cv2.GaussianBlur(image, (0, 0), 5) for number, image in enumerate(sharp)]
    write_video(
        tmp_path / "a.mp4", [np.asarray(image, np.uint8) for image in shown], times=[n / RATE for n in range(40)]
    )
    result = run(networks, tmp_path / "a.mp4", tmp_path / "out", track_faces=2)
    assert [sighting.time for sighting in result.sightings] == [1.4, 3.2]


def test_what_is_seen_for_a_moment_only_is_not_believed(networks: Path, tmp_path: Path) -> None:
    """Unless there was no second look."""
    film(tmp_path / "a.mp4", *[[]] * 10, [(96, 64, 1)], *[[]] * 19)
    assert run(networks, tmp_path / "a.mp4", tmp_path / "dense").sightings == ()
    assert len(run(networks, tmp_path / "a.mp4", tmp_path / "sparse", video_step=1.0).sightings) == 1
    film(tmp_path / "one.mp4", [(96, 64, 1)])
    assert len(run(networks, tmp_path / "one.mp4", tmp_path / "one").sightings) == 1


def test_small_faces_are_dropped_and_too_many_are_counted(networks: Path, tmp_path: Path) -> None:
    crowd = [(x, y, 1) for x in (0, 160, 320) for y in (0, 160)]
    film(tmp_path / "a.mp4", *[crowd] * 6)
    assert run(networks, tmp_path / "a.mp4", tmp_path / "small", min_face=97).sightings == ()
    result = run(networks, tmp_path / "a.mp4", tmp_path / "few", max_faces=4)
    assert result.notes == ((str(tmp_path / "a.mp4"), "6 faces were left out, the least certain (--max-faces)"),)


def test_a_track_begins_with_what_the_detector_is_certain_of(networks: Path, tmp_path: Path) -> None:
    """Painted faces have a score of 0.99."""
    film(tmp_path / "a.mp4", *walk(12))
    detector = face.load_detector(networks / "detector.onnx", device="cpu", threads=1)
    for certain, found in ((0.95, 5), (0.999, 0)):
        detector.certain_score = certain
        result = run(networks, tmp_path / "a.mp4", tmp_path / f"{certain}", detector=detector)
        assert len(result.sightings) == found


def test_grouping_again_gives_the_same_people(networks: Path, tmp_path: Path) -> None:
    film(tmp_path / "a.mp4", *([*moving, (320, 256, 2)] for moving in walk(16)))
    film(tmp_path / "b.mp4", *[[(96, 64, 1)]] * 16, *[[(96, 64, 2)]] * 14)
    write_photo(tmp_path / "c.png", (96, 64, 2))
    paths = [tmp_path / name for name in ("a.mp4", "b.mp4", "c.png")]
    for mode in ("people", "first"):
        for embeddings in ("npz", "parquet"):
            result = run(networks, paths, tmp_path / "out", mode=mode, embeddings=embeddings)
            expected = [{sighting.id for sighting in person.sightings} for person in result.people]
            again = face.dedupe(tmp_path / "out", threshold=result.settings["threshold"], mode=mode)
            assert [set(ids) for ids in again] == expected
            assert len(expected) == 2


# ---- The same again


def test_the_same_video_gives_the_same_ids_wherever_it_lies(networks: Path, tmp_path: Path) -> None:
    film(tmp_path / "a.mp4", *walk(24))
    first = run(networks, tmp_path / "a.mp4", tmp_path / "first")
    before = contents(tmp_path / "first")
    run(networks, tmp_path / "a.mp4", tmp_path / "first")
    assert contents(tmp_path / "first") == before
    shutil.copy(tmp_path / "a.mp4", tmp_path / "b.mp4")
    ids = [sighting.id for sighting in first.sightings]
    both = run(networks, [tmp_path / "b.mp4", tmp_path / "a.mp4"], tmp_path / "both")
    assert [sighting.id for sighting in both.sightings] == [*ids, *(f"{one}-2" for one in ids)]
    assert len(list((tmp_path / "both" / "headshots").iterdir())) == len(ids)
    assert people(both) == [[("b.mp4", 1), ("a.mp4", 1)]]


def test_a_face_has_the_same_id_however_often_the_video_was_looked_at(networks: Path, tmp_path: Path) -> None:
    film(tmp_path / "a.mp4", *walk(24))
    found = []
    for step in (0.0, 0.4):
        result = run(networks, tmp_path / "a.mp4", tmp_path / f"{step}", video_step=step, track_faces=100)
        found.append({sighting.time: sighting.id for sighting in result.sightings})
    often, seldom = found
    assert len(often) == len(set(often.values())) == 24
    assert seldom.items() < often.items()


# ---- Things that go wrong


def test_a_video_that_cannot_be_read_is_listed_and_the_others_go_on(networks: Path, tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("not a video")
    (tmp_path / "empty.mkv").touch()
    (tmp_path / "list.mp4").write_text("#EXTM3U\n#EXTINF:10,\n/etc/passwd\n")
    film(tmp_path / "good.mp4", *walk(12))
    shutil.copy(write_photo(tmp_path / "photo.png", (96, 64, 1)), tmp_path / "photo.mov")
    command = [
        sys.executable, "-m", "perceptkit", "faces", "extract", str(tmp_path), "-o", str(tmp_path / "out"), "--device",
        "cpu", "--detector", str(networks / "detector.onnx"), "--embedder", str(networks / "embedder.onnx"),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert done.stdout.startswith("1 photo, 5 videos, 6 faces, 1 person; 4 files could not be used\n")
    found = {
        Path(row["source"]).name: (row["error"], row["message"]) for row in lines(tmp_path / "out" / "errors.jsonl")
    }
    assert found == {
        "empty.mkv": ("MediaError", f"{tmp_path / 'empty.mkv'}: empty file"),
        "list.mp4": ("MediaError", f"{tmp_path / 'list.mp4'}: not a video but a text file"),
        "photo.mov": ("MediaError", f"{tmp_path / 'photo.mov'}: not a video but a PNG image"),
        "text.mp4": ("MediaError", f"{tmp_path / 'text.mp4'}: not a video but a text file"),
    }


def test_a_video_over_the_limits_is_refused(networks: Path, tmp_path: Path) -> None:
    film(tmp_path / "a.mp4", *walk(24))
    (error,) = run(networks, tmp_path / "a.mp4", tmp_path / "out", limits=Limits(duration=2)).errors
    assert error.message.startswith(f"{tmp_path / 'a.mp4'}: 2 seconds is over the limit of 2 seconds")


def test_of_a_video_that_was_cut_short_the_beginning_is_used(networks: Path, tmp_path: Path) -> None:
    whole = film(tmp_path / "whole.mp4", *walk(30)).read_bytes()
    (tmp_path / "cut.mp4").write_bytes(whole[: len(whole) * 2 // 3])
    result = run(networks, tmp_path / "cut.mp4", tmp_path / "out")
    assert people(result) == [[("cut.mp4", 1)]]
    ((source, note),) = result.notes
    assert source == str(tmp_path / "cut.mp4")
    assert re.match(r"decoded \d+ of 30 frames: the file is cut short", note)
    assert result.errors == ()


def test_a_network_that_gives_no_numbers_is_an_error_for_each_face(networks: Path, tmp_path: Path) -> None:
    film(tmp_path / "a.mp4", *[[(96, 64, 1)]] * 12)
    result = run(networks, tmp_path / "a.mp4", tmp_path / "out", embedder=networks / "nan.onnx", track_faces=1)
    assert result.sightings == ()
    (error,) = result.errors
    assert error.error == "ModelError"
    assert "nan.onnx gave no finite embedding for the face at [96.0, 64.0, 192.0, 160.0], 0." in error.message


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"video_step": -1.0}, r"video_step is -1\.0; give the seconds between two frames, or 0 for every frame"),
        ({"video_step": float("nan")}, "video_step is nan"),
        ({"video_step": float("inf")}, "video_step is inf"),
        ({"track_faces": 0}, "track_faces is 0; it must be at least 1"),
    ],
)
def test_bad_values_are_refused_before_anything_is_written(
    networks: Path, tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    film(tmp_path / "a.mp4", [])
    with pytest.raises(InputError, match=message):
        run(networks, tmp_path / "a.mp4", tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


# ---- Long runs


@pytest.mark.parametrize(("step", "samples"), [(0.2, 12), (0.25, 8), (0.0, 24), (1.0, 3), (100.0, 1)])
def test_the_frames_to_be_looked_at_are_known_before(networks: Path, tmp_path: Path, step: float, samples: int) -> None:
    film(tmp_path / "a.mp4", *walk(24))
    assert expected_samples(tmp_path / "a.mp4", step, None) == samples
    seen: list[tuple[int, int | None]] = []
    run(networks, tmp_path / "a.mp4", tmp_path / "out", video_step=step, progress=lambda *each: seen.append(each))
    assert seen == [(done, samples) for done in range(samples + 1)] + [(samples, samples)]


def test_the_bar_moves_through_photos_and_videos_and_is_full_at_the_end(networks: Path, tmp_path: Path) -> None:
    film(tmp_path / "a.mp4", *walk(12))
    film(tmp_path / "b.mp4", *walk(20))
    (tmp_path / "broken.mp4").write_text("not a video")
    for number in range(3):
        write_photo(tmp_path / f"{number}.png", (96, 64, 1))
    seen: list[tuple[int, int | None]] = []
    run(networks, tmp_path, tmp_path / "out", progress=lambda *each: seen.append(each))
    assert seen[0] == (0, 3 + 6 + 10 + 1)
    assert seen[-1] == (20, 20)
    assert seen == sorted(seen)
    assert {done for done, _ in seen} >= set(range(3, 21))


def test_a_video_that_does_not_say_how_long_it_is_moves_the_bar_too(networks: Path, tmp_path: Path) -> None:
    """As browsers record them."""
    with av.open(str(tmp_path / "a.webm"), "w", format="matroska", container_options={"live": "1"}) as output:
        stream: Any = output.add_stream("libx264", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = 640, 480, "yuv420p"
        for number, picture in enumerate(pictures(walk(24))):
            frame = VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    assert expected_samples(tmp_path / "a.webm", 0.2, None) == 1
    seen: list[tuple[int, int | None]] = []
    result = run(networks, tmp_path / "a.webm", tmp_path / "out", progress=lambda *each: seen.append(each))
    assert len(result.people) == 1
    assert seen == [(0, 1), *((done, done) for done in range(1, 13)), (12, 12)]


PROGRAM = """
import sys, time
from perceptkit import face

networks, folder, out, stop = sys.argv[1:]

def progress(done, total):
    print(done, flush=True)
    while done >= int(stop):
        time.sleep(1)

face.extract(folder, out, detector=networks + "/detector.onnx", embedder=networks + "/embedder.onnx", device="cpu",
             progress=progress)
"""


@posix
@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGINT])
def test_a_stopped_run_repeats_only_the_video_under_way(networks: Path, tmp_path: Path, sent: signal.Signals) -> None:
    """One photo, then 6 and 12 frames: it is stopped in the second video."""
    folder, out, whole = tmp_path / "all", tmp_path / "out", tmp_path / "whole"
    folder.mkdir()
    film(folder / "a.mp4", *walk(12))
    film(folder / "b.mp4", *walk(24, person=2))
    write_photo(folder / "c.png", (96, 64, 2))
    command = [sys.executable, "-c", PROGRAM, str(networks), str(folder), str(out), "12"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if int(line) == 12:
                process.send_signal(sent)
                break
        process.communicate(timeout=10)
    assert process.returncode != 0
    assert sorted(path.name for path in out.iterdir()) == [".partial", "headshots"]
    assert not list(out.rglob("*.part"))
    seen: list[int] = []
    run(networks, folder, out, progress=lambda done, total: seen.append(done))
    assert seen[0] == 7, "a photo and the first video"
    run(networks, folder, whole)
    assert contents(out) == contents(whole)
    assert not (out / ".partial").exists()


def test_a_video_that_changed_since_is_done_again(networks: Path, tmp_path: Path) -> None:
    """The run was stopped by a progress function that failed."""
    film(tmp_path / "a.mp4", *walk(12))
    film(tmp_path / "b.mp4", *walk(12))

    def stop(done: int, total: int | None) -> None:
        if done == 10:
            raise RuntimeError("stopped")

    with pytest.raises(RuntimeError, match="stopped"):
        run(networks, tmp_path, tmp_path / "out", progress=stop)
    film(tmp_path / "a.mp4", *walk(12, person=5))
    os.utime(tmp_path / "a.mp4", (1, 1))
    result = run(networks, tmp_path, tmp_path / "out")
    assert people(result) == [[("a.mp4", 1)], [("b.mp4", 1)]]


def test_the_crops_in_memory_do_not_grow_with_the_video(networks: Path, tmp_path: Path) -> None:
    """Sixty people, one after the other: their crops are embedded as they go."""
    shown = [[(96 if number % 2 else 416, 64 if number % 4 < 2 else 320, 1 + number % 7)] for number in range(60)]
    film(tmp_path / "a.mp4", *(faces for each in shown for faces in ([each] * 4)))
    looked = 0
    calls: list[tuple[int, int]] = []

    class Watched(face.Embedder):
        def __call__(self, crops: Picture) -> Floats:
            calls.append((len(crops), looked))
            return super().__call__(crops)

    def progress(done: int, total: int | None) -> None:
        nonlocal looked
        looked = done

    embedder = Watched(networks / "embedder.onnx", device="cpu", threads=1)
    calls.clear()  # of those that it made to know itself
    result = run(networks, tmp_path / "a.mp4", tmp_path / "out", embedder=embedder, progress=progress)
    assert sum(number for number, _ in calls) == len(result.sightings) == 120
    assert max(number for number, _ in calls) <= 32
    assert min(when for _, when in calls) < 60, "of 120 frames"
    assert len(result.people) == 7


# ---- A real video


@pytest.mark.weights
def test_a_class_and_its_teacher_are_seven_tracks(tmp_path: Path) -> None:
    """Two of the six students are alike to the embedder (0.6 to 0.7), as they are to people: they come out as one."""
    result = face.extract(
        MODELS.parent / "media" / "video" / "classroom.mp4",
        tmp_path,
        detector=model_file("scrfd-500m.onnx"),
        embedder=model_file("mobilefacenet.onnx"),
        device="cpu",
    )
    assert (result.errors, result.notes) == ((), ())
    tracks = {sighting.face.track for sighting in result.sightings}
    assert len(tracks) == 7
    assert sorted(len({one.face.track for one in person.sightings}) for person in result.people) == [1] * 5 + [2]
    assert all(len([one for one in result.sightings if one.face.track == track]) == 5 for track in tracks)
    assert min(sighting.quality.score for sighting in result.sightings) > 0.4
