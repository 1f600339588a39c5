"""Whose faces are in photos and videos: names, strangers, broken files, and the order of it all."""

from __future__ import annotations

import os
import threading
import tracemalloc
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import pytest

from perceptkit.errors import InputError
from perceptkit.face import (
    Detector,
    Embedder,
    Identification,
    Identity,
    Seen,
    enrol,
    identify,
    load_detector,
    load_embedder,
    load_gallery,
)
from perceptkit.face.gallery import Gallery
from perceptkit.output import dumps
from perceptkit.video import Limits
from systems import linux
from tiny_networks import blank, face_box, paint, write_embedder, write_photo, write_scrfd, write_video

RATE = 10
A, B, C, D = 1, 3, 5, 7  # people; A and B are in the gallery
PLACES = [(96, 64), (320, 256), (448, 64)]


class World(NamedTuple):
    """Networks, an embedder that gives no numbers, and a gallery of Anna (A) and Berta (B)."""

    folder: Path
    detector: Detector
    embedder: Embedder
    silent: Embedder
    gallery: Gallery

    def identify(self, media: Any, **options: Any) -> Identification:
        given: dict[str, Any] = {
            "gallery": self.gallery, "detector": self.detector, "embedder": self.embedder
        } | options  # fmt: skip
        return identify(media, **given)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("world")
    detector = load_detector(write_scrfd(folder / "detector.onnx"), device="cpu", threads=1)
    embedder, silent = (
        load_embedder(write_embedder(folder / name, nan=name == "nan.onnx"), device="cpu", threads=1)
        for name in ("embedder.onnx", "nan.onnx")
    )
    for name, person in (("Anna", A), ("Berta", B)):
        photos = [write_photo(folder / f"{name}{n}.png", (96, 64, person), noise=n) for n in (1, 2, 3)]
        enrol(name, photos, gallery=folder / "gallery", detector=detector, embedder=embedder)
    return World(folder, detector, embedder, silent, load_gallery(folder / "gallery"))


def photo(path: Path, *people: int) -> Path:
    places = [(*place, person) for place, person in zip(PLACES, people, strict=False)]
    return write_photo(path, *places, noise=10 + sum(path.name.encode()))


def film(path: Path, frames: Sequence[Sequence[int]]) -> Path:
    """A video, `RATE` frames a second, of people each at a place of its own; 0 is nobody."""
    pictures = []
    for number, people in enumerate(frames):
        image = blank()
        for (x, y), person in zip(PLACES, people, strict=False):
            image = paint(image, x, y, person=person, noise=number + 1) if person else image
        pictures.append(image)
    return write_video(path, pictures, times=[number / RATE for number in range(len(frames))])


def names(result: Identification) -> list[tuple[str, str | None]]:
    return [(Path(seen.source).name, seen.identity.name) for seen in result.faces]


# ---- Photos


def test_faces_are_named_and_strangers_are_unknown(world: World, tmp_path: Path) -> None:
    path = photo(tmp_path / "a.png", A, B, D)
    result = world.identify(path)
    assert (result.files, result.errors, result.notes, result.threshold) == (1, (), (), 0.4)
    found = {tuple(seen.box.round().tolist()): seen for seen in result.faces}
    by_place = [found[tuple(face_box(*place))] for place in PLACES]
    assert [seen.identity.name for seen in by_place] == ["Anna", "Berta", None]
    anna, _, stranger = (seen.identity for seen in by_place)
    assert (anna.nearest, anna.runner_up) == ("Anna", "Berta")
    assert anna.similarity is not None
    assert anna.margin is not None
    assert anna.similarity > 0.95
    assert 0.9 < anna.margin < 1.2
    assert stranger.similarity is not None
    assert stranger.similarity < 0.4
    assert stranger.nearest in ("Anna", "Berta")
    assert {(seen.time, seen.start, seen.end, seen.track) for seen in result.faces} == {(None,) * 4}
    assert str(result) == "1 file, 3 faces: 2 people of the gallery, 1 unknown"


def test_the_threshold_decides_who_is_unknown(world: World, tmp_path: Path) -> None:
    path = photo(tmp_path / "a.png", A)
    (seen,) = world.identify(path, threshold=1).faces
    assert (seen.identity.name, seen.identity.nearest) == (None, "Anna")
    (seen,) = world.identify(photo(tmp_path / "d.png", D), threshold=-1).faces
    assert seen.identity.name is not None
    with pytest.raises(InputError, match="the threshold is 40"):
        world.identify(path, threshold=40)


def test_results_are_in_the_order_of_the_files(world: World, tmp_path: Path) -> None:
    media = [
        photo(tmp_path / "z.png", A), film(tmp_path / "y.mp4", [[B]] * 5), photo(tmp_path / "x.png", B),
        film(tmp_path / "w.mp4", [[A]] * 5), photo(tmp_path / "v.png", D),
    ]  # fmt: skip
    assert names(world.identify(media)) == [
        ("z.png", "Anna"), ("y.mp4", "Berta"), ("x.png", "Berta"), ("w.mp4", "Anna"), ("v.png", None)
    ]  # fmt: skip
    assert [name for name, _ in names(world.identify(tmp_path))] == ["v.png", "w.mp4", "x.png", "y.mp4", "z.png"]


def test_a_gallery_may_be_a_folder_and_must_be_of_the_same_embedder(world: World, tmp_path: Path) -> None:
    path = photo(tmp_path / "a.png", A)
    assert names(world.identify(path, gallery=world.folder / "gallery")) == [("a.png", "Anna")]
    with pytest.raises(InputError, match="holds no gallery"):
        world.identify(path, gallery=tmp_path)
    with pytest.raises(InputError, match=r"the gallery was made with embedder\.onnx .*, not with nan\.onnx"):
        world.identify(path, embedder=world.silent)
    with pytest.raises(InputError, match=r"made by embedder\.onnx, a file given by its path"):
        world.identify(path, embedder=None)
    assert names(world.identify(path, embedder=world.folder / "embedder.onnx")) == [("a.png", "Anna")]


def test_in_an_empty_gallery_everybody_is_unknown(world: World, tmp_path: Path) -> None:
    path = photo(tmp_path / "a.png", A)
    nobody, one = replace(world.gallery, people=()), replace(world.gallery, people=world.gallery.people[:1])
    (seen,) = world.identify([path, film(tmp_path / "b.mp4", [[A]] * 5)][:1], gallery=nobody).faces
    assert seen.identity == Identity(None, None, None, None, None)
    (seen,) = world.identify(film(tmp_path / "b.mp4", [[A]] * 5), gallery=nobody).faces
    assert seen.identity.name is None
    (seen,) = world.identify(path, gallery=one).faces
    assert (seen.identity.name, seen.identity.runner_up, seen.identity.margin) == ("Anna", None, None)


def test_small_and_many_faces_are_left_out(world: World, tmp_path: Path) -> None:
    path = photo(tmp_path / "a.png", A, B, D)
    assert world.identify(path, min_face=97).faces == ()
    result = world.identify(path, max_faces=1)
    assert len(result.faces) == 1
    assert result.notes == ((str(path), "2 faces were left out, the least certain (max_faces)"),)


def test_a_large_photo_is_measured_at_full_size(world: World, tmp_path: Path) -> None:
    large = cv2.resize(paint(blank(), 96, 64, person=A), None, fx=4, fy=4, interpolation=cv2.INTER_NEAREST)
    assert cv2.imwrite(str(tmp_path / "a.png"), cv2.cvtColor(large, cv2.COLOR_RGB2BGR))
    (seen,) = world.identify(tmp_path / "a.png").faces
    np.testing.assert_allclose(seen.box, np.array(face_box(96, 64)) * 4, atol=4)


# ---- Videos


def test_everybody_in_a_video_is_followed_and_named_once(world: World, tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", [[A, 0, D]] * 10 + [[A, B, D]] * 10 + [[0, B, D]] * 10)
    result = world.identify(path)
    assert names(result) == [("a.mp4", "Anna"), ("a.mp4", None), ("a.mp4", "Berta")]
    spans = [(seen.start, seen.end) for seen in result.faces]
    assert spans == [pytest.approx(span, abs=0.21) for span in ((0, 1.9), (0, 2.9), (1, 2.9))]
    for seen, place in zip(result.faces, (PLACES[0], PLACES[2], PLACES[1]), strict=True):
        assert seen.time is not None
        assert seen.start is not None
        assert seen.end is not None
        assert seen.start <= seen.time <= seen.end
        np.testing.assert_allclose(seen.box, face_box(*place), atol=0.5)
    assert [seen.track for seen in result.faces] == [1, 2, 3]


def test_of_two_who_are_seen_together_only_one_has_a_name(world: World, tmp_path: Path) -> None:
    result = world.identify(film(tmp_path / "a.mp4", [[A, A]] * 20))
    assert sorted(str(name) for _, name in names(result)) == ["Anna", "None"]


def test_a_very_short_video_and_one_without_anybody(world: World, tmp_path: Path) -> None:
    assert names(world.identify(film(tmp_path / "a.mp4", [[A]]), video_step=1.0)) == [("a.mp4", "Anna")]
    assert world.identify(film(tmp_path / "b.mp4", [[0]] * 5)).faces == ()


def test_limits_hold_for_videos_and_a_refused_one_does_not_stop_the_others(world: World, tmp_path: Path) -> None:
    media = [film(tmp_path / "a.mp4", [[A]] * 20), photo(tmp_path / "b.png", B)]
    result = world.identify(media, limits=Limits(duration=1))
    assert names(result) == [("b.png", "Berta")]
    assert "is over the limit of 1 seconds" in result.errors[0].message


# ---- What goes wrong


def test_a_broken_file_among_good_ones_is_listed(world: World, tmp_path: Path) -> None:
    media = [photo(tmp_path / f"{name}.png", A) for name in "ace"]
    for name, content in (("b.png", b""), ("d.mp4", b"text"), ("f.heic", b"\0\0\0\x18ftypheic" + bytes(64))):
        (tmp_path / name).write_bytes(content)
    result = world.identify([*media, tmp_path])
    assert names(result) == [("a.png", "Anna"), ("c.png", "Anna"), ("e.png", "Anna")]
    assert result.files == 6
    assert [(Path(error.source).name, error.error) for error in result.errors][:2] == [
        ("b.png", "MediaError"), ("d.mp4", "MediaError")
    ]  # fmt: skip
    assert Path(result.errors[2].source).name == "f.heic"
    for error in result.errors:
        assert error.source in error.message


def test_faces_without_numbers_are_errors_and_never_in_the_result(world: World, tmp_path: Path) -> None:
    silent = replace(world.gallery, model=world.silent.name, model_sha256=world.silent.sha256)
    media = [photo(tmp_path / "a.png", A, B), film(tmp_path / "b.mp4", [[A]] * 5)]
    result = world.identify(media, gallery=silent, embedder=world.silent, threshold=0.4)
    assert result.faces == ()
    assert [(error.error, error.message.partition(": ")[2]) for error in result.errors] == [
        ("ModelError", "nan.onnx gave no finite embedding for 2 faces"),
        ("ModelError", "nan.onnx gave no finite embedding for 1 face"),
    ]


def test_nothing_to_look_at_is_an_error_that_says_why(world: World, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no photos or videos to identify anybody in; give some$"):
        world.identify(tmp_path)
    with pytest.raises(InputError, match=r"skipped .*\.gif: nothing matches this pattern"):
        world.identify(f"{tmp_path}/*.gif")
    with pytest.raises(InputError, match="no such file or folder"):
        world.identify(tmp_path / "missing.jpg")


@pytest.mark.parametrize(
    "options",
    [
        {"video_step": -1},
        {"video_step": float("nan")},
        {"video_step": float("inf")},
        {"track_faces": 0},
        {"max_faces": 0},
    ],
    ids=str,
)
def test_options_out_of_range_are_refused(world: World, tmp_path: Path, options: dict[str, Any]) -> None:
    (name,) = options
    with pytest.raises(InputError, match=f"{name} is "):
        world.identify(photo(tmp_path / "a.png", A), **options)


def test_the_summary_is_plain_data_without_nan(world: World, tmp_path: Path) -> None:
    (tmp_path / "bad.jpg").write_text("not a photo")
    result = world.identify([photo(tmp_path / "a.png", A), film(tmp_path / "b.mp4", [[B]] * 5), tmp_path / "bad.jpg"])
    text = dumps(result.summary())
    assert "NaN" not in text
    assert '"name": "Anna"' in text
    assert list(result.summary()) == ["files", "threshold", "faces", "errors", "notes"]


# ---- Many files


def test_progress_never_goes_back_and_ends_at_the_total(world: World, tmp_path: Path) -> None:
    said: list[tuple[int, int | None]] = []
    media = [photo(tmp_path / "a.png", A), film(tmp_path / "b.mp4", [[A]] * 12), photo(tmp_path / "c.png", A)]
    (tmp_path / "d.mp4").write_text("broken")
    world.identify([*media, tmp_path / "d.mp4"], progress=lambda done, total: said.append((done, total)))
    done = [each for each, _ in said]
    assert done == sorted(done)
    assert said[-1][0] == said[-1][1]


def test_an_interruption_leaves_no_thread(world: World, tmp_path: Path) -> None:
    media = [photo(tmp_path / f"{number}.png", A) for number in range(12)]
    running = threading.active_count()

    def interrupt(done: int, total: int | None) -> None:
        raise KeyboardInterrupt

    for each in (media, film(tmp_path / "a.mp4", [[A]] * 20)):
        with pytest.raises(KeyboardInterrupt):
            world.identify(each, progress=interrupt)
    assert threading.active_count() == running


@linux
def test_the_result_is_the_same_on_any_number_of_cpus(world: World, tmp_path: Path) -> None:
    media: list[Path] = [photo(tmp_path / f"{number}.png", *[A, B, D][: 1 + number % 3]) for number in range(7)]
    media.append(film(tmp_path / "a.mp4", [[A, B, D]] * 12))
    many = dumps(world.identify(media).summary())
    cpus = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cpus)})
    try:
        assert dumps(world.identify(media).summary()) == many
    finally:
        os.sched_setaffinity(0, cpus)


def test_photos_are_not_held_in_memory(world: World, tmp_path: Path) -> None:
    media = [photo(tmp_path / "0.png", A)]
    for number in range(1, 36):
        media.append(tmp_path / f"{number}.png")
        media[-1].write_bytes(media[0].read_bytes())
    world.identify(media[:4])

    def memory(paths: list[Path]) -> tuple[int, int]:
        tracemalloc.start()
        try:
            assert len(world.identify(paths).faces) == len(paths)
            return tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

    (_, few), (kept, many) = memory(media[:12]), memory(media)
    assert kept < 200_000
    assert many < 1.3 * few


def test_a_result_is_told_in_a_line() -> None:
    nobody = Identification((), 2, 0.4, (), ())
    assert str(nobody) == "2 files, 0 faces: 0 people of the gallery, 0 unknown"
    seen = Seen("a.jpg", Identity("Anna", 0.5, "Anna", None, None), np.zeros(4, np.float32), 0.5)
    assert str(replace(nobody, faces=(seen, seen))) == "2 files, 2 faces: 1 person of the gallery, 0 unknown"


def test_in_a_video_of_slides_a_face_need_not_be_seen_twice(world: World, tmp_path: Path) -> None:
    slides = [paint(blank(), 96, 64, person=person, noise=number + 1) for number, person in enumerate((A, B, C))]
    path = write_video(tmp_path / "slides.mp4", slides, times=[0, 2, 4])
    assert [seen.identity.name for seen in world.identify(path).faces] == ["Anna", "Berta", None]


def test_the_pictures_of_a_gallery_are_no_photos(world: World, tmp_path: Path) -> None:
    gallery = tmp_path / "staff"
    enrol("Anna", photo(tmp_path / "a.png", A), gallery=gallery, detector=world.detector, embedder=world.embedder)
    assert [path.suffix for path in (gallery / "pictures").iterdir()] == [".png"]
    assert {seen.source for seen in world.identify(tmp_path).faces} == {str(tmp_path / "a.png")}
