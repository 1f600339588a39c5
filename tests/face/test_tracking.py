"""A followed video says who is where when, shows it, and is written whole or not at all."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clips import Sound, packets, turn, write_clip
from painted_films import RATE, At, film, gallery_of, pictures
from perceptkit import face, images, video
from perceptkit.arrays import Picture
from perceptkit.colours import track_colour
from perceptkit.errors import DeviceError, InputError, MediaError
from perceptkit.face import Gallery, Tracking, load_detector, load_embedder
from perceptkit.face.tracking.framing import Framing, cut
from perceptkit.face.tracking.showing import TARGET_COLOUR
from perceptkit.video import Frame, VideoInfo, Writer
from scans import crossing, hard_cut, leaving, scan_video
from shared_data import faces_file
from systems import root, small_disk, unprivileged
from tiny_networks import face_box, write_embedder, write_scrfd, write_video

ANNA, BERT, NOBODY = 1, 2, 3
FILES = {"annotated.mp4", "tracks.jsonl", "tracks.png", "summary.json"}
LEFT, RIGHT = (64, 32), (352, 32)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("networks")
    detector = load_detector(write_scrfd(folder / "detector.onnx"), device="cpu", threads=1)
    embedder = load_embedder(write_embedder(folder / "embedder.onnx"), device="cpu", threads=1)
    gallery = gallery_of(detector, embedder, {"Anna": ANNA, "Bert": BERT})
    return {"detector": detector, "embedder": embedder, "gallery": gallery, "threshold": 0.4}


def run(models: dict[str, Any], source: Path, folder: Path, **options: Any) -> Tracking:
    return face.track(source, folder, **{**models, **options})


def rows(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "tracks.jsonl").read_text(encoding="utf-8").splitlines()]


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def frames_of(path: Path) -> list[Frame]:
    with video.read(path) as frames:
        return list(frames)


def goes_and_comes(path: Path, **options: Any) -> Path:
    """Anna is there, and Bert, who goes after two seconds and comes back two seconds later."""
    both: list[At] = [(*LEFT, ANNA), (*RIGHT, BERT)]
    return film(path, [both] * 20 + [both[:1]] * 20 + [both] * 20, **options)


# ---- What is said


def test_who_goes_and_comes_back_is_two_tracks_of_one_name(models: dict[str, Any], tmp_path: Path) -> None:
    result = run(models, goes_and_comes(tmp_path / "talk.mp4"), tmp_path / "out", target="Bert")
    assert names(tmp_path / "out") == FILES
    assert str(result) == "60 frames, 3 tracks, 2 people recognised"
    assert [(one.id, one.name, one.start, one.end, one.looks) for one in result.tracks] == [
        (1, "Anna", 0.0, 5.9, 60),
        (2, "Bert", 0.0, 1.9, 20),
        (3, "Bert", 4.0, 5.9, 20),
    ]
    assert result.people == {"Anna": ((0.0, 6.0),), "Bert": ((0.0, 2.0), (4.0, 6.0))}
    assert len(repr(result)) < 2000  # no pictures and no embeddings are in it
    assert (result.target, result.frames, result.warnings, result.crop) == ("Bert", 60, (), None)
    for number, row in enumerate(rows(tmp_path / "out")):
        assert tuple(row) == ("frame", "time", "faces", "group", "target")
        assert (row["frame"], row["time"]) == (number, number / RATE)
        assert row["faces"][0]["similarity"] == pytest.approx(1, abs=0.02)
        assert row["faces"][0]["score"] == pytest.approx(0.99, abs=0.01)
        gone = 20 <= number < 40
        found = sorted((one["track"], one["name"], one["box"]) for one in row["faces"])
        expected = [(1, "Anna", face_box(*LEFT)), (2 if number < 20 else 3, "Bert", face_box(*RIGHT))]
        assert found == (expected[:1] if gone else expected)
        group = {"box": [64, 32, 160, 128], "centroid": [112, 80]}
        assert row["group"] == (group if gone else {"box": [64, 32, 448, 128], "centroid": [256, 80]})
        there = {"visible": True, "box": face_box(*RIGHT), "centroid": [400, 80]}
        assert row["target"] == ({"visible": False, "box": None, "centroid": None} if gone else there)


def test_the_summary_says_it_all_again(models: dict[str, Any], tmp_path: Path) -> None:
    source = goes_and_comes(tmp_path / "talk.mp4")
    result = run(models, source, tmp_path / "out", target="Bert", detect_every=2, track_faces=3)
    summary = json.loads((tmp_path / "out" / "summary.json").read_text(encoding="utf-8"))
    assert summary == {**result.summary, "warnings": []}
    assert (summary["source"], summary["frames"]) == (str(source), 60)
    bert = {"name": "Bert", "seconds": 4.0, "spans": [[0.0, 2.0], [4.0, 6.0]]}
    assert summary["people"] == [{"name": "Anna", "seconds": 6.0, "spans": [[0.0, 6.0]]}, bert]
    assert summary["target"] == bert
    for track, asked in zip(summary["tracks"], (3, 2, 2), strict=True):
        identity = track.pop("identity")
        assert track.pop("asked") == track.pop("agree") == asked
        assert (identity["name"], identity["nearest"]) == (track["name"], track["name"])
        assert identity["runner_up"] == {"Anna": "Bert", "Bert": "Anna"}[track["name"]]
        assert identity["similarity"] == pytest.approx(1, abs=0.02)
        assert identity["margin"] == pytest.approx(1, abs=0.1)
    assert summary["tracks"] == [
        {"track": 1, "name": "Anna", "start": 0.0, "end": 5.8, "looks": 30},
        {"track": 2, "name": "Bert", "start": 0.0, "end": 1.8, "looks": 10},
        {"track": 3, "name": "Bert", "start": 4.0, "end": 5.8, "looks": 10},
    ]
    settings = summary["settings"]
    assert (settings["detector"]["name"], settings["embedder"]["name"]) == ("detector.onnx", "embedder.onnx")
    chosen = {name: settings[name] for name in ("threshold", "min_score", "min_face", "detect_every", "track_faces")}
    assert chosen == {"threshold": 0.4, "min_score": 0.5, "min_face": 20, "detect_every": 2, "track_faces": 3}


def test_a_cut_of_the_film_is_found_at_its_frame(models: dict[str, Any], tmp_path: Path) -> None:
    source = film(tmp_path / "cut.mp4", [[(64, 32, ANNA)]] * 23 + [[(96, 32, BERT)]] * 22)
    result = run(models, source, tmp_path / "out")
    assert result.people == {"Anna": ((0.0, 2.3),), "Bert": ((2.3, 4.5),)}
    assert [row["faces"][0]["name"] for row in rows(tmp_path / "out")] == ["Anna"] * 23 + ["Bert"] * 22


def test_two_who_cross_keep_their_names(models: dict[str, Any], tmp_path: Path) -> None:
    film_: list[list[At]] = [[(32 * n, 32, ANNA), (544 - 32 * n, 32, BERT)] for n in range(18)]
    film_[8:10] = [[(32 * n, 32, ANNA)] for n in (8, 9)]
    run(models, film(tmp_path / "cross.mp4", film_), tmp_path / "out")
    for number, row in enumerate(rows(tmp_path / "out")):
        for one in row["faces"]:
            assert one["box"] == face_box(32 * number if one["name"] == "Anna" else 544 - 32 * number, 32)
        assert len(row["faces"]) == (1 if number in (8, 9) else 2)


def test_of_two_who_look_alike_one_only_gets_the_name(models: dict[str, Any], tmp_path: Path) -> None:
    result = run(models, film(tmp_path / "twins.mp4", [[(*LEFT, ANNA), (*RIGHT, ANNA)]] * 12), tmp_path / "out")
    assert sorted(str(track.name) for track in result.tracks) == ["Anna", "None"]
    assert all(len({one["name"] for one in row["faces"]}) == 2 for row in rows(tmp_path / "out"))


def test_what_is_seen_for_one_frame_only_is_left_out(models: dict[str, Any], tmp_path: Path) -> None:
    there: list[At] = [(*LEFT, ANNA)]
    source = film(tmp_path / "ghost.mp4", [there] * 5 + [[*there, (*RIGHT, BERT)]] + [there] * 5)
    result = run(models, source, tmp_path / "out")
    assert [track.name for track in result.tracks] == ["Anna"]
    assert all(len(row["faces"]) == 1 for row in rows(tmp_path / "out"))
    assert result.summary["target"] is None


def test_nobody_at_all_is_a_result_too(models: dict[str, Any], tmp_path: Path) -> None:
    source = film(tmp_path / "empty.mp4", [[]] * 5)
    result = run(models, source, tmp_path / "out", target="Anna", crop=True)
    assert (str(result), result.people) == ("5 frames, 0 tracks, 0 people recognised", {})
    assert result.summary["target"] == {"name": "Anna", "seconds": 0, "spans": []}
    lost = {"visible": False, "box": None, "centroid": None}
    assert [(row["faces"], row["group"], row["target"]) for row in rows(tmp_path / "out")] == [([], None, lost)] * 5
    assert images.read(tmp_path / "out" / "tracks.png").shape[1] == 1600
    assert len(frames_of(tmp_path / "out" / "crop.mp4")) == 5


def test_without_a_gallery_faces_have_numbers_only(models: dict[str, Any], tmp_path: Path) -> None:
    source = goes_and_comes(tmp_path / "talk.mp4")
    result = run(models, source, tmp_path / "out", gallery=None)
    assert [(track.name, track.identity) for track in result.tracks] == [(None, None)] * 3
    assert {(one["name"], one["similarity"]) for row in rows(tmp_path / "out") for one in row["faces"]} == {
        (None, None)
    }
    with pytest.raises(InputError, match=r"who is 'Anna'\? give the gallery too"):
        run(models, source, tmp_path / "out", gallery=None, target="Anna")


def test_an_embedder_that_gives_no_numbers_is_said(models: dict[str, Any], tmp_path: Path) -> None:
    broken = load_embedder(write_embedder(tmp_path / "nan.onnx", nan=True), device="cpu", threads=1)
    gallery = Gallery(broken.name, broken.sha256, models["gallery"].people)
    source = film(tmp_path / "talk.mp4", [[(*LEFT, ANNA)]] * 15)
    result = run(models, source, tmp_path / "out", embedder=broken, gallery=gallery)
    assert result.warnings == (f"{source}: nan.onnx gave no finite embedding for 2 faces",)
    assert [(track.id, track.name, track.looks) for track in result.tracks] == [(1, None, 15)]
    assert rows(tmp_path / "out")[0]["faces"][0]["similarity"] is None


# ---- All kinds of videos


def test_between_two_searches_a_face_is_on_the_line_between_them(models: dict[str, Any], tmp_path: Path) -> None:
    moving: list[list[At]] = [[(32 * (number // 2), 32, ANNA)] for number in range(23)]
    source = film(tmp_path / "walk.mp4", moving)
    for detect_every, last in ((1, 22), (4, 20), (5, 20)):
        result = run(models, source, tmp_path / "out", detect_every=detect_every)
        assert result.people == {"Anna": ((0.0, 2.3),)}
        assert result.tracks[0].end == last / RATE
        for number, row in enumerate(rows(tmp_path / "out")):
            before = number - number % detect_every
            after = before if before + detect_every > 22 else before + detect_every
            share = (number - before) / detect_every
            x = (1 - share) * 32 * (before // 2) + share * 32 * (after // 2) if after > before else 32 * (before // 2)
            assert row["faces"][0]["box"] == pytest.approx(face_box(x, 32), abs=0.01)  # type: ignore[arg-type]


@pytest.mark.parametrize("count", [1, 2])
def test_a_video_of_one_frame_has_a_face_in_it(models: dict[str, Any], tmp_path: Path, count: int) -> None:
    source = film(tmp_path / "short.mp4", [[(*LEFT, ANNA)]] * count)
    result = run(models, source, tmp_path / "out", detect_every=5, crop=True)
    assert [(track.name, track.looks) for track in result.tracks] == [("Anna", 1)]
    assert [len(row["faces"]) for row in rows(tmp_path / "out")] == [1] * count
    ((_, end),) = result.people["Anna"]
    info = video.info(source)
    assert end == pytest.approx((count - 1) / RATE + float(1 / info.rate), abs=1e-5)


def test_times_of_a_varying_rate_are_kept(models: dict[str, Any], tmp_path: Path) -> None:
    times = [0, 0.03, 0.31, 0.5, 0.51, 1.04, 1.5, 1.9]
    source = write_video(tmp_path / "vary.mp4", pictures([[(*LEFT, ANNA)]] * 8), times=times)
    for detect_every in (1, 3):
        result = run(models, source, tmp_path / "out", detect_every=detect_every, crop=True)
        assert [row["time"] for row in rows(tmp_path / "out")] == times
        for name in ("annotated.mp4", "crop.mp4"):
            assert [frame.time for frame in frames_of(tmp_path / "out" / name)] == pytest.approx(times, abs=1e-4)
        assert [track.name for track in result.tracks] == ["Anna"]
        assert result.people["Anna"][0][0] == 0


def test_a_video_on_its_side_is_written_upright(models: dict[str, Any], tmp_path: Path) -> None:
    lying = [np.ascontiguousarray(np.rot90(image)) for image in pictures([[(*LEFT, ANNA)]] * 5)]
    source = turn(write_video(tmp_path / "phone.mp4", lying), (0, 1, -1, 0))
    run(models, source, tmp_path / "out", crop=True)
    assert [row["faces"][0]["box"] for row in rows(tmp_path / "out")] == [face_box(*LEFT)] * 5
    info = video.info(tmp_path / "out" / "annotated.mp4")
    assert (info.width, info.height, info.rotation) == (640, 160, 0)


@pytest.mark.parametrize(
    ("width", "height", "crop"), [(641, 161, (286, 162)), (161, 480, (162, 90)), (99, 97, (98, 56))]
)
def test_odd_sizes_and_portraits(
    models: dict[str, Any], tmp_path: Path, width: int, height: int, crop: tuple[int, int]
) -> None:
    """Where nobody can be found in them."""
    source = write_video(tmp_path / "odd.mp4", [np.full((height, width, 3), 128, np.uint8)] * 3)
    run(models, source, tmp_path / "out", crop=True)
    info = video.info(tmp_path / "out" / "annotated.mp4")
    assert (info.width, info.height) == (width + width % 2, height + height % 2)
    cropped = video.info(tmp_path / "out" / "crop.mp4")
    assert (cropped.width, cropped.height) == pytest.approx(crop, abs=2)
    assert cropped.width / cropped.height == pytest.approx(16 / 9, rel=0.03)


@pytest.mark.parametrize(("width", "aspect"), [(720, Fraction(64, 45)), (720, Fraction(16, 15)), (240, Fraction(2))])
def test_the_crop_is_16_to_9_on_the_screen_whatever_the_pixels_are(
    models: dict[str, Any], tmp_path: Path, width: int, aspect: Fraction
) -> None:
    info = VideoInfo(width, 576, Fraction(25), None, None, has_sound=False, pixel_aspect=aspect)
    with Writer(tmp_path / "pal.mp4", info, preset="ultrafast") as writer:
        for number in range(3):
            writer.write(Frame(number, number / 25, np.full((576, width, 3), 90, np.uint8)))
    run(models, tmp_path / "pal.mp4", tmp_path / "out", crop=True)
    made = video.info(tmp_path / "out" / "crop.mp4")
    assert made.pixel_aspect == aspect
    assert made.width * made.pixel_aspect / made.height == pytest.approx(16 / 9, rel=0.01)
    assert made.width == width or made.height == 576  # as large as there is room for


def test_sound_is_copied(models: dict[str, Any], tmp_path: Path) -> None:
    tone = write_clip(tmp_path / "tone.mp4", codec=None, sounds=[Sound(seconds=3.0)])
    source = film(tmp_path / "talk.mp4", [[(*LEFT, ANNA)]] * 20, sound=tone)
    run(models, source, tmp_path / "out", crop=True)
    original = [(packet.pts, bytes(packet)) for packet in packets(source, "audio")]
    assert len(original) > 100  # also what is longer than the pictures
    for name in ("annotated.mp4", "crop.mp4"):
        heard = packets(tmp_path / "out" / name, "audio")
        assert [(packet.pts, bytes(packet)) for packet in heard] == original
        assert len(packets(tmp_path / "out" / name, "video")) == 20


def test_of_a_video_that_was_cut_short_the_beginning_is_used(models: dict[str, Any], tmp_path: Path) -> None:
    shown = pictures([[(*LEFT, ANNA)]] * 30)
    for number, image in enumerate(shown):  # so that every frame takes some bytes
        image[:, 560:] = np.random.default_rng(number).integers(0, 256, (160, 80, 1))
    whole = write_video(tmp_path / "whole.mp4", shown).read_bytes()
    source = tmp_path / "cut.mp4"
    source.write_bytes(whole[: len(whole) * 2 // 3])
    done: list[tuple[int, int | None]] = []
    result = run(models, source, tmp_path / "out", progress=lambda *each: done.append(each))
    assert 3 < result.frames < 30
    assert len(rows(tmp_path / "out")) == len(frames_of(result.picture)) == result.frames
    (warning,) = result.warnings
    assert warning.startswith(f"{source}: decoded {result.frames} of 30 frames: the file is cut short")
    assert done[-1] == (2 * result.frames, 60)


# ---- What is shown


def test_names_are_drawn_and_nothing_else_is_changed(models: dict[str, Any], tmp_path: Path) -> None:
    """Whatever the letters of the name."""
    odd = gallery_of(models["detector"], models["embedder"], {"Åsa 李\u0301 🙂": ANNA, "Bert": BERT})
    source = film(tmp_path / "talk.mp4", [[(*LEFT, ANNA), (*RIGHT, NOBODY)]] * 4)
    result = run(models, source, tmp_path / "out", gallery=odd, target="Åsa 李\u0301 🙂")
    assert rows(tmp_path / "out")[0]["faces"][0]["name"] == "Åsa 李\u0301 🙂"
    for one, other in zip(frames_of(result.picture), frames_of(source), strict=True):
        assert one.time == pytest.approx(other.time)
        changed = np.abs(one.image.astype(int) - other.image)
        assert changed[:, 520:].mean() < 1  # nobody is there
        assert changed[32:128, 60:68].mean() > 10  # a side of the box
        assert _has(one.image[:, :300], TARGET_COLOUR)
        assert _has(one.image[:, 300:], track_colour(2))
        assert not _has(one.image[:, 300:], TARGET_COLOUR)


def _has(image: Picture, colour: Sequence[int]) -> bool:
    return bool((np.abs(image.astype(int) - colour).max(axis=2) < 45).sum() > 40)


@pytest.mark.parametrize("target", ["Bert", None])
def test_the_crop_follows_the_target_or_everybody(models: dict[str, Any], tmp_path: Path, target: str | None) -> None:
    spots: list[list[At]] = [[(0, 32, ANNA), *([(544, 352, BERT)] if number > 3 else [])] for number in range(25)]
    source = film(tmp_path / "talk.mp4", spots, height=480)
    result = run(models, source, tmp_path / "out", target=target, crop=True)
    assert result.crop == tmp_path / "out" / "crop.mp4"
    assert names(tmp_path / "out") == FILES | {"crop.mp4"}
    framing = Framing(640, 480)
    for spot, made, whole in zip(spots, frames_of(result.crop), frames_of(source), strict=True):
        boxes = [face_box(x, y) for x, y, person in spot if target is None or person == BERT]
        box = framing.update(whole.time, np.array(boxes, np.float32).reshape(-1, 4))
        expected = cut(whole.image, box, (640, 360))
        assert np.abs(made.image.astype(int) - expected).mean() < 2
    assert (box[0] > 10) == (target == "Bert")  # for both, all of the width is needed


# ---- The same again, and how far it is


def test_the_same_video_gives_the_same_bytes(models: dict[str, Any], tmp_path: Path) -> None:
    source = goes_and_comes(tmp_path / "talk.mp4")
    kept = []
    for folder in ("one", "other"):
        run(models, source, tmp_path / folder, detect_every=3, target="Anna")
        kept.append(contents(tmp_path / folder))
        del kept[-1]["summary.json"]  # which has the seconds it took
    assert kept[0] == kept[1]


@pytest.mark.parametrize(("detect_every", "total"), [(1, 22), (4, 14), (60, 12)])
def test_the_bar_moves_on_and_is_full_at_the_end(
    models: dict[str, Any], tmp_path: Path, detect_every: int, total: int
) -> None:
    done: list[tuple[int, int | None]] = []
    source = film(tmp_path / "talk.mp4", [[(*LEFT, ANNA)]] * 11)
    run(models, source, tmp_path / "out", detect_every=detect_every, progress=lambda *each: done.append(each))
    assert done == [(number, total) for number in range(1, total + 1)]


def test_where_the_header_does_not_say_how_long_it_is_nothing_is_promised(
    models: dict[str, Any], tmp_path: Path
) -> None:
    source = write_clip(tmp_path / "live.h264", form="h264", count=8)
    assert video.info(source).expected_frames is None
    done: list[tuple[int, int | None]] = []
    run(models, source, tmp_path / "out", progress=lambda *each: done.append(each))
    assert done == [(number, None) for number in range(1, 17)]


# ---- Things that go wrong


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"detect_every": 0}, "detect_every is 0; it must lie between 1 and 60"),
        ({"detect_every": 61}, "detect_every is 61; it must lie between 1 and 60"),
        ({"track_faces": 0}, "track_faces is 0; it must be at least 1"),
        ({"threshold": "high"}, "high"),
        ({"target": "Cleo"}, "nobody in the gallery is called 'Cleo'; it knows: Anna, Bert"),
        ({"gallery": "nowhere"}, "nowhere"),
        ({"detector": "mtcnn"}, "unknown detector 'mtcnn'"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_values_that_make_no_sense_are_errors_and_leave_nothing(
    models: dict[str, Any], tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    source = film(tmp_path / "talk.mp4", [[]])
    with pytest.raises(InputError, match=message):
        run(models, source, tmp_path / "out", **options)
    assert names(tmp_path) == {"talk.mp4"}


def test_a_gallery_of_another_embedder_is_refused(models: dict[str, Any], tmp_path: Path) -> None:
    source = film(tmp_path / "talk.mp4", [[]])
    other = Gallery("other", "0" * 64, models["gallery"].people)
    with pytest.raises(InputError, match=r"the gallery was made with other \(sha256 000000000000\), not with embedder"):
        run(models, source, tmp_path / "out", gallery=other)
    with pytest.raises(InputError, match=r"made by other, a file given by its path: give it again \(embedder\)"):
        run(models, source, tmp_path / "out", gallery=other, embedder=None)
    assert names(tmp_path) == {"talk.mp4"}


def test_what_is_no_video_is_an_error_before_a_model_is_loaded(models: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "note.mp4").write_text("not a video")
    (tmp_path / "empty.mp4").touch()
    for name, message in (("note.mp4", "a text file"), ("empty.mp4", "empty file"), ("none.mp4", "No such file")):
        with pytest.raises((MediaError, InputError), match=message):
            run(models, tmp_path / name, tmp_path / "out", gallery=None, detector="none.onnx", embedder="none.onnx")
    with pytest.raises(MediaError, match="raise the limit"):
        run(models, film(tmp_path / "a.mp4", [[]] * 9), tmp_path / "out", limits=video.Limits(duration=0.1))
    assert not (tmp_path / "out").exists()


def test_nothing_is_written_over_its_own_source(models: dict[str, Any], tmp_path: Path) -> None:
    source = film(tmp_path / "annotated.mp4", [[]] * 2)
    before = source.read_bytes()
    with pytest.raises(InputError, match="would be written over by what is made of it; choose another output"):
        run(models, source, tmp_path)
    crop = source.rename(tmp_path / "crop.mp4")
    for wanted in (True, False):
        with pytest.raises(InputError, match="would be written over by what is made of it"):
            run(models, crop, tmp_path, crop=wanted)
    assert crop.read_bytes() == before


def test_a_folder_with_other_things_is_left_alone(models: dict[str, Any], tmp_path: Path) -> None:
    source = film(tmp_path / "talk.mp4", [[]] * 2)
    out = tmp_path / "out"
    out.mkdir()
    (out / "crop.mp4").write_text("mine")
    (out / "summary.json").write_text("mine")
    with pytest.raises(InputError, match="out is not empty and holds no earlier result"):
        run(models, source, out)
    assert (out / "crop.mp4").read_text() == (out / "summary.json").read_text() == "mine"
    with pytest.raises(InputError, match=r"out\.mp4: give a folder"):
        run(models, source, tmp_path / "out.mp4")


def test_the_crop_of_an_earlier_run_goes_with_it(models: dict[str, Any], tmp_path: Path) -> None:
    source = film(tmp_path / "talk.mp4", [[]] * 2)
    run(models, source, tmp_path / "out", crop=True)
    assert (tmp_path / "out" / "crop.mp4").exists()
    run(models, source, tmp_path / "out")
    assert not (tmp_path / "out" / "crop.mp4").exists()


def test_a_folder_is_named_after_the_video(
    models: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = film(tmp_path / "talk.v2.mp4", [[]] * 2)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert face.track(source, **models).folder == Path("talk.v2-tracks")
    assert names(tmp_path / "elsewhere" / "talk.v2-tracks") == FILES


def test_where_nothing_can_be_written_is_an_error(models: dict[str, Any], tmp_path: Path) -> None:
    source = film(tmp_path / "talk.mp4", [[]] * 2)
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InputError, match=r"cannot write .*file.*; choose another output folder"):
        run(models, source, tmp_path / "file")
    assert (tmp_path / "file").read_text() == "mine"


@unprivileged
def test_a_folder_that_may_not_be_written_to_is_an_error(models: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0o500)
    with pytest.raises(InputError, match="may not be written to; choose another output folder"):
        run(models, film(tmp_path / "talk.mp4", [[]] * 2), tmp_path / "locked")


@root
@pytest.mark.parametrize("cropped", [False, True])
def test_a_full_disk_leaves_what_was_there(models: dict[str, Any], tmp_path: Path, cropped: bool) -> None:
    random = np.random.default_rng(1)
    noise = [random.integers(0, 256, (160, 640, 3), np.uint8) for _ in range(12)]
    source = write_video(tmp_path / "noise.mp4", noise)
    small = film(tmp_path / "talk.mp4", [[(*LEFT, ANNA)]] * 3)
    with small_disk(tmp_path / "disk", "600k") as disk:
        run(models, small, disk / "out", crop=True)
        before = contents(disk / "out")
        with pytest.raises(DeviceError, match="the disk is full"):
            run(models, source, disk / "out", crop=cropped)
        assert contents(disk / "out") == before


@pytest.mark.parametrize("when", [3, 25, 39])
def test_a_run_that_is_stopped_leaves_what_was_there(models: dict[str, Any], tmp_path: Path, when: int) -> None:
    source = film(tmp_path / "talk.mp4", [[(*LEFT, ANNA)]] * 20)
    run(models, film(tmp_path / "old.mp4", [[(*RIGHT, BERT)]] * 3), tmp_path / "out", crop=True)
    before = contents(tmp_path / "out")

    def stop(done: int, total: int | None) -> None:
        if done == when:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(models, source, tmp_path / "out", crop=True, progress=stop)
    assert contents(tmp_path / "out") == before
    assert not [one.name for one in threading.enumerate() if one.name.startswith("perceptkit")]


def test_a_second_run_takes_the_place_of_the_first(models: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / f".{'0' * 32}.part").touch()  # of a run that was killed
    for count in (12, 3):
        run(models, film(tmp_path / "talk.mp4", [[(*LEFT, ANNA)]] * count), tmp_path / "out")
        assert len(rows(tmp_path / "out")) == len(frames_of(tmp_path / "out" / "annotated.mp4")) == count
        assert names(tmp_path / "out") == FILES


# ---- Real networks


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A gallery of two real people, from photos that are in no film here."""
    folder = tmp_path_factory.mktemp("real")
    detector, embedder = load_detector("yunet", threads=1), load_embedder("mobilefacenet", threads=1)
    for name, person in (("Anna", "person01"), ("Bert", "person02")):
        photos = [faces_file(f"people/{person}_{number:02}.jpg") for number in (1, 2)]
        face.enrol(name, photos, gallery=folder / "gallery", detector=detector, embedder=embedder)
    return {"gallery": folder / "gallery", "detector": detector, "embedder": embedder}


PHOTOS = ("people/person01_03.jpg", "people/person02_03.jpg")


@pytest.mark.weights
def test_real_people_are_named_where_they_are(real: dict[str, Any], tmp_path: Path) -> None:
    anna, bert = (faces_file(name) for name in PHOTOS)
    for scene, together in ((crossing(anna, bert, seconds=3), 1), (leaving([anna, bert], seconds=4.5, gone=(1, 3)), 2)):
        run(real, scan_video(tmp_path / "scene.mp4", scene.pictures), tmp_path / "out")
        right = wrong = expected = 0
        for row, places in zip(rows(tmp_path / "out"), scene.places, strict=True):
            truth = dict(zip(("Anna", "Bert"), places, strict=True))
            expected += sum(place is not None for place in places)
            for one in row["faces"]:
                x, y = (one["box"][0] + one["box"][2]) / 2, (one["box"][1] + one["box"][3]) / 2
                place = truth.get(one["name"])
                near = place is not None and np.hypot(x - place[0], y - place[1]) < 60
                right, wrong = right + near, wrong + (one["name"] is not None and not near)
        assert wrong == 0, together
        assert right > 0.7 * expected


@pytest.mark.weights
def test_a_real_cut_is_found_at_its_frame(real: dict[str, Any], tmp_path: Path) -> None:
    scene = hard_cut(*(faces_file(name) for name in PHOTOS), seconds=4.6)
    run(real, scan_video(tmp_path / "cut.mp4", scene.pictures), tmp_path / "out")
    assert [[one["name"] for one in row["faces"]] for row in rows(tmp_path / "out")] == [["Anna"]] * 23 + [
        ["Bert"]
    ] * 23
