"""Faces are followed through frames: where, when, on which track, and what each looked like best in every second."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from painted_films import RATE, At, pictures
from perceptkit.arrays import Picture
from perceptkit.face import Detector, Embedder, Face, load_detector, load_embedder
from perceptkit.face.align import TEMPLATE
from perceptkit.face.tracking.following import Followed, follow
from perceptkit.images import decode
from perceptkit.video import Frame
from tiny_networks import face_box, write_embedder, write_scrfd


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> tuple[Detector, Embedder, Embedder]:
    """A detector, an embedder, and one that gives no numbers."""
    folder = tmp_path_factory.mktemp("networks")
    return (
        load_detector(write_scrfd(folder / "detector.onnx"), device="cpu", threads=1),
        load_embedder(write_embedder(folder / "embedder.onnx"), device="cpu", threads=1),
        load_embedder(write_embedder(folder / "nan.onnx", nan=True), device="cpu", threads=1),
    )


Models = tuple[Detector, Embedder, Embedder]


def frames(film: Sequence[Sequence[At]]) -> list[Frame]:
    return [Frame(number, number / RATE, image) for number, image in enumerate(pictures(film))]


def run(models: Models, film: Sequence[Sequence[At]], **options: Any) -> Followed:
    return follow(frames(film), models[0], models[1], min_face=20, **options)


def seen(followed: Followed) -> list[list[tuple[int, list[float]]]]:
    """For each look the tracks with their boxes."""
    return [
        [(int(followed.track[row]), followed.boxes[row].tolist()) for row in np.flatnonzero(followed.look == look)]
        for look in range(len(followed.times))
    ]


def test_every_face_is_noted_with_its_frame_box_and_track(models: Models) -> None:
    film: list[list[At]] = [[(64, 32, 1)], [], [(64, 32, 1), (352, 32, 2)], [(352, 32, 2), (96, 32, 1)]]
    followed = run(models, film)
    assert followed.times.tolist() == [0, 0.1, 0.2, 0.3]
    found = [[(1, face_box(64, 32))], [], [(1, face_box(64, 32)), (2, face_box(352, 32))]]
    found.append([(1, face_box(96, 32)), (2, face_box(352, 32))])
    assert [sorted(each) for each in seen(followed)] == found
    assert followed.scores == pytest.approx([0.99] * 5, abs=0.01)
    assert {moment.track for moment in followed.moments} == {1, 2}
    assert followed.failed == 0


def test_of_each_second_of_a_track_the_best_face_is_kept(models: Models) -> None:
    sharp = frames([[(64, 32, 1)]] * 35)
    dull = [Frame(one.index, one.time, _dulled(one.image)) for one in sharp]
    given = [sharp[n] if n in (7, 13, 28, 33) else dull[n] for n in range(35)]
    followed = follow(given, models[0], models[1], min_face=20)
    assert [(moment.track, moment.time) for moment in followed.moments] == [(1, 0.7), (1, 1.3), (1, 2.8), (1, 3.3)]
    for moment in followed.moments:
        assert decode(moment.headshot).shape == (160, 160, 3)
        assert np.linalg.norm(moment.embedding) == pytest.approx(1)
        assert float(moment.embedding @ followed.moments[0].embedding) > 0.99
        assert 0 < moment.worth < 1


def _dulled(image: Picture) -> Picture:
    """A face of less contrast, all but the middle that it is found by."""
    dull = np.asarray(image // 4 + 96, np.uint8)
    dull[56:104, 88:136] = image[56:104, 88:136]
    return dull


@pytest.mark.parametrize(("gone", "tracks"), [(9, [1]), (11, [1, 2])])
def test_who_is_out_of_sight_for_more_than_a_second_is_a_new_track(
    models: Models, gone: int, tracks: list[int]
) -> None:
    there: list[At] = [(64, 32, 1)]
    followed = run(models, [*[there] * 5, *[[]] * gone, *[there] * 5])
    assert sorted(set(followed.track.tolist())) == tracks
    assert len(followed.track) == 10
    assert len(run(models, [*[there] * 5, *[[]] * 11, *[there] * 5], max_gap=1.3).track) == 10


def test_two_who_cross_keep_their_tracks(models: Models) -> None:
    film: list[list[At]] = [[(32 * n, 32, 1), (544 - 32 * n, 32, 2)] for n in range(8)]
    film += [[(32 * n, 32, 1)] for n in (8, 9)]  # the one before hides the other
    film += [[(32 * n, 32, 1), (544 - 32 * n, 32, 2)] for n in range(10, 18)]
    followed = run(models, film)
    faces = dict(
        zip(zip(followed.look.tolist(), followed.boxes[:, 0].tolist(), strict=True), followed.track, strict=True)
    )
    assert set(followed.track.tolist()) == {1, 2}
    assert (faces[0, 0.0], faces[17, 544.0]) == (1, 1)
    assert (faces[0, 544.0], faces[17, 0.0]) == (2, 2)


def test_faces_that_are_small_or_uncertain_begin_no_track(models: Models, tmp_path: Path) -> None:
    assert len(follow(frames([[(64, 32, 1)]] * 3), models[0], models[1], min_face=97).track) == 0
    detect = load_detector(write_scrfd(tmp_path / "own.onnx"), device="cpu", threads=1)
    detect.certain_score = 0.999
    assert len(follow(frames([[(64, 32, 1)]] * 3), detect, models[1], min_face=20).track) == 0


def test_an_embedder_that_gives_no_numbers_gives_no_moments(models: Models) -> None:
    followed = follow(frames([[(64, 32, 1)]] * 15), models[0], models[2], min_face=20)
    assert (len(followed.track), followed.moments, followed.failed) == (15, (), 2)


def test_without_an_embedder_there_are_pictures_only(models: Models) -> None:
    followed = follow(frames([[(64, 32, 1)]] * 15), models[0], None, min_face=20)
    assert [(moment.time >= 1, moment.embedding.shape) for moment in followed.moments] == [(False, (0,)), (True, (0,))]
    assert followed.failed == 0


@pytest.mark.parametrize("count", [0, 1, 3])
def test_frames_without_faces_are_looked_at_too(models: Models, count: int) -> None:
    advanced: list[int] = []
    followed = run(models, [[]] * count, advance=advanced.append)
    assert (len(followed.times), len(followed.track), followed.boxes.shape, followed.moments) == (count, 0, (0, 4), ())
    assert advanced == list(range(1, count + 1))


def test_a_stop_in_the_middle_stops_all_threads(models: Models) -> None:
    def stop(done: int) -> None:
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(models, [[(64, 32, 1)]] * 40, advance=stop)
    assert not [one.name for one in threading.enumerate() if one.name.startswith("perceptkit")]


class _Sees:
    """A detector that sees a face in every picture, at the same place."""

    device, min_score, certain_score = "cpu", 0.5, 0.5

    def __call__(self, images: Sequence[Picture]) -> list[list[Face]]:
        face = Face(np.array([0, 0, 32, 32], np.float32), 0.9, np.asarray(TEMPLATE * (32 / 112), np.float32))
        return [[face] for _ in images]


def test_of_a_long_track_moments_become_rarer() -> None:
    """After 256 of them they are twice as far apart, so that an hour has a thousand."""
    image = np.full((32, 32, 3), 90, np.uint8)
    film = (Frame(number, float(number), image) for number in range(1200))
    followed = follow(film, cast(Detector, _Sees()), None, min_face=20, max_gap=2.0)
    times = np.array([moment.time for moment in followed.moments])
    assert set(followed.track.tolist()) == {1}
    columns = (followed.look, followed.track, followed.boxes, followed.scores)
    assert sum(column.nbytes for column in columns) == 36 * 1200
    # 256 of a second, 256 of two seconds, and of four seconds those for which there is time.
    assert np.diff(times)[:255] == pytest.approx(1)
    assert np.diff(times)[256:511] == pytest.approx(2)
    assert np.diff(times)[512:] == pytest.approx(4)
    assert len(times) == 256 + 256 + (1200 - 256 - 512) / 4
    shown = [moment for moment in followed.moments if moment.headshot]
    assert 60 < len(shown) < 120, "pictures become rarer sooner"
    assert all(moment.headshot for moment in followed.moments[:15])
