"""The functions of the system that came before: embeddings of photos and videos, caches of them, and the two scores."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from perceptkit import face
from perceptkit.arrays import Floats, Picture
from perceptkit.errors import InputError, MediaError
from perceptkit.face.align import CROP_SIDE, TEMPLATE
from perceptkit.face.detect import Detector
from perceptkit.face.embed import Embedder
from perceptkit.face.quality import sharpness
from perceptkit.face.reference.functions import (
    blur_score,
    extract_embeddings_from_image,
    extract_embeddings_from_video,
    frontal_score,
    load_embeddings_cache,
    save_embeddings_cache,
)
from perceptkit.face.store import load_embeddings
from shared_data import model_file, people_photos
from tiny_networks import blank, paint, write_embedder, write_photo, write_scrfd, write_video

SHA = "ab" * 32
ROWS = np.array([[3, 4, 0], [0, 0, 2]], np.float32)
UNIT = np.array([[0.6, 0.8, 0], [0, 0, 1]], np.float32)


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> tuple[Detector, Embedder]:
    folder = tmp_path_factory.mktemp("networks")
    detect = face.load_detector(write_scrfd(folder / "detector.onnx"), device="cpu", threads=1)
    return detect, face.load_embedder(write_embedder(folder / "embedder.onnx"), device="cpu", threads=1)


def cached(folder: Path, value: Any, protocol: int = 4) -> Path:
    path = folder / "Anna Berg.pkl"
    path.write_bytes(pickle.dumps(value, protocol))
    return path


def same(loaded: Mapping[str, Floats], expected: Mapping[str, Any]) -> None:
    assert list(loaded) == list(expected)
    for name, rows in expected.items():
        np.testing.assert_allclose(loaded[name], rows, atol=1e-6)
        assert loaded[name].dtype == np.float32


def test_every_face_of_an_image_has_a_row(tmp_path: Path, networks: tuple[Detector, Embedder]) -> None:
    detect, embed = networks
    image = paint(paint(blank(), 96, 64, person=1), 352, 224, person=2)
    vectors = extract_embeddings_from_image(image, detect=detect, embed=embed)
    (sightings,) = face.find_faces([image], detect=detect, embed=embed)
    np.testing.assert_array_equal(vectors, [sighting.embedding for sighting in sightings])
    assert len(vectors) == 2
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    photo = write_photo(tmp_path / "one.png", (96, 64, 1))
    (one,) = extract_embeddings_from_image(photo, detect=detect, embed=embed)
    assert max(vectors @ one) > 0.99


def test_an_image_without_faces_has_no_rows(networks: tuple[Detector, Embedder]) -> None:
    detect, embed = networks
    assert extract_embeddings_from_image(blank(), detect=detect, embed=embed).shape == (0, embed.dimension)


def test_a_video_without_faces_and_what_is_no_video(tmp_path: Path, networks: tuple[Detector, Embedder]) -> None:
    detect, embed = networks
    empty = write_video(tmp_path / "empty.mp4", [blank()] * 5)
    with pytest.raises(InputError, match="nothing that could be used"):
        extract_embeddings_from_video(empty, detect=detect, embed=embed)
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")
    with pytest.raises(MediaError):
        extract_embeddings_from_video(broken, detect=detect, embed=embed)


@pytest.mark.weights
def test_the_embeddings_of_a_video_are_those_of_the_person(tmp_path: Path) -> None:
    detect = face.load_detector(model_file("scrfd-500m.onnx"), device="cpu", threads=1)
    embed = face.load_embedder(model_file("mobilefacenet.onnx"), device="cpu", threads=1)
    photo, other = (next(path for path in people_photos() if path.name.startswith(f"person0{n}")) for n in (2, 6))
    pictures = [_scaled(photo, 1 + step / 100) for step in range(12)]
    vectors = extract_embeddings_from_video(write_video(tmp_path / "film.mp4", pictures), detect=detect, embed=embed)
    assert vectors.shape[1] == embed.dimension
    assert 1 <= len(vectors) <= 12
    assert (vectors @ extract_embeddings_from_image(photo, detect=detect, embed=embed)[0]).min() > 0.7
    assert (vectors @ extract_embeddings_from_image(other, detect=detect, embed=embed)[0]).max() < 0.4


def _scaled(photo: Path, factor: float) -> Picture:
    image = cv2.cvtColor(np.asarray(cv2.imread(str(photo))), cv2.COLOR_BGR2RGB)
    scale = 480 / image.shape[0] * factor
    large = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(large[:480, : round(image.shape[1] * 480 / image.shape[0]) // 2 * 2])


def test_a_cache_comes_back_as_unit_vectors_by_name(tmp_path: Path) -> None:
    path = tmp_path / "cache.npz"
    save_embeddings_cache(path, {"Zoë": ROWS, "Bo": ROWS[0], "": ROWS[1:]}, model="tiny", model_sha256=SHA)
    same(load_embeddings_cache(path, model_sha256=SHA), {"Zoë": UNIT, "Bo": UNIT[:1], "": UNIT[1:]})
    stored = load_embeddings(path)
    assert (stored.model, stored.model_sha256) == ("tiny", SHA)
    assert stored.face_ids == ("Zoë-0", "Zoë-1", "Bo-0", "-0")


def test_a_cache_of_another_embedder_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cache.npz"
    save_embeddings_cache(path, {"Bo": ROWS}, model="tiny", model_sha256=SHA)
    with pytest.raises(InputError, match=r"made by tiny \(sha256 abab.*not by the embedder with sha256 cdcd"):
        load_embeddings_cache(path, model_sha256="cd" * 32)
    with pytest.raises(InputError, match="a pickle, which does not say which embedder made it"):
        load_embeddings_cache(cached(tmp_path, {"Bo": ROWS}), model_sha256=SHA)


def test_no_pickle_is_written_and_nothing_is_left_of_a_cache_that_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"an \.npz file; pickles are only read"):
        save_embeddings_cache(tmp_path / "cache.pkl", {"Bo": ROWS}, model="tiny", model_sha256=SHA)
    for wrong in ({}, {"Bo": ROWS * 0}, {"Bo": ROWS[:0]}):
        with pytest.raises(InputError, match=r"has no embeddings|the vector is zero|not an array"):
            save_embeddings_cache(tmp_path / "cache.npz", wrong, model="tiny", model_sha256=SHA)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"Bo": ROWS}, {"Bo": UNIT}),
        ({"Bo": ROWS[0], "Zoë": ROWS.astype(np.float64)}, {"Bo": UNIT[:1], "Zoë": UNIT}),
        ({"Bo": [ROWS[0], ROWS[1]]}, {"Bo": UNIT}),
        ({"Bo": [ROWS, ROWS[:1]]}, {"Bo": UNIT[[0, 1, 0]]}),
        ({"Bo": [[3.0, 4, 0], [0, 0, 2.0]]}, {"Bo": UNIT}),
        ({"Bo": {"embeddings": ROWS, "mean_embedding": ROWS[0], "source": "bo.mp4"}}, {"Bo": UNIT}),
        ({"Bo": {"mean_embedding": ROWS[0], "count": 2}}, {"Bo": UNIT[:1]}),
        ({"names": ["Bo", "Al", "Bo"], "embeddings": ROWS[[0, 1, 1]]}, {"Bo": UNIT, "Al": UNIT[1:]}),
        ({"names": np.array(["Bo", "Al"]), "embeddings": list(ROWS)}, {"Bo": UNIT[:1], "Al": UNIT[1:]}),
        ({"name": "Bo", "embeddings": ROWS, "model": "buffalo"}, {"Bo": UNIT}),
        ({"embeddings": ROWS}, {"Anna Berg": UNIT}),
        (ROWS, {"Anna Berg": UNIT}),
        ([ROWS[0], ROWS[1]], {"Anna Berg": UNIT}),
    ],
)  # fmt: skip
def test_the_shapes_that_pickled_caches_have(tmp_path: Path, value: Any, expected: Any, protocol: int) -> None:
    same(load_embeddings_cache(cached(tmp_path, value, protocol)), expected)


BAD_ROWS = [
    (ROWS * [[1], [0]], "Bo, row 1: the vector is zero"),
    (ROWS * [[np.nan], [1]], "Bo, row 0: the vector is not finite"),
    (ROWS + np.array([[0], [np.inf]]), "Bo, row 1: the vector is not finite"),
    ("text", "Bo: embeddings are arrays .* not a str"),
    (None, "Bo: .* not a NoneType"),
    ([], "Bo: .* not a list"),
    ({"age": 3}, "Bo: .* not a NoneType"),
    (np.array(["a"]), r"Bo: .* not an array <U1 \(1,\)"),
    (np.zeros((2, 2, 2), np.float32), r"Bo: .* not an array float32 \(2, 2, 2\)"),
    (np.zeros((0, 3), np.float32), r"Bo: .* not an array float32 \(0, 3\)"),
    ([[[[[[1.0]]]]]], "Bo: .* not a list"),
    ([ROWS, ROWS[:, :2]], r"different lengths, 3 \(Bo\), 2 \(Bo\)"),
]


@pytest.mark.parametrize(("value", "reason"), BAD_ROWS)
def test_what_is_no_embedding_is_refused_with_name_and_row(tmp_path: Path, value: Any, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        load_embeddings_cache(cached(tmp_path, {"Al": ROWS, "Bo": value}))


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({}, "has no embeddings of anybody"),
        (3, "not a int"),
        ({"Al": ROWS, "Bo": ROWS[:, :2]}, r"different lengths, 3 \(Al\), 2 \(Bo\)"),
        ({"names": ["Al"], "embeddings": ROWS}, "1 names, and not one row of embeddings for each"),
        ({"names": ["Al"], "embeddings": np.array(1.0)}, "1 names, and not one row of embeddings for each"),
        ({"names": ["Al", "Bo"], "embeddings": [[1, 0], [1]]}, r"different lengths, 2 \(Al\), 1 \(Bo\)"),
        ({"names": [1, 2], "embeddings": ROWS}, "not a list of strings"),
        ({"Al": [np.zeros((1000, 1000), np.uint8)] * 100}, "100,000,000 numbers; caches of at most"),
    ],
)
def test_a_cache_that_does_not_fit_together_is_refused(tmp_path: Path, value: Any, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        load_embeddings_cache(cached(tmp_path, value))


def test_very_large_and_very_small_vectors_are_of_length_one(tmp_path: Path) -> None:
    path = cached(tmp_path, {"Bo": np.array([[3e200, 4e200], [3e-200, 4e-200]])})
    same(load_embeddings_cache(path), {"Bo": [[0.6, 0.8], [0.6, 0.8]]})


def test_a_cache_that_would_run_something_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "evil.pkl"
    path.write_bytes(
        b"cos\nmkdir\n(X%b%btR." % (len(str(tmp_path / "x")).to_bytes(4, "little"), str(tmp_path / "x").encode())
    )
    with pytest.raises(InputError, match=r"it names 'os\.mkdir'"):
        load_embeddings_cache(path)
    assert not (tmp_path / "x").exists()


def test_a_higher_blur_score_is_sharper() -> None:
    crop = np.full((CROP_SIDE, CROP_SIDE, 3), 200, np.uint8)
    for x, y in ((38, 52), (74, 52), (56, 70), (46, 92), (66, 92)):
        cv2.circle(crop, (x, y), 8, (20, 20, 20), -1)
    scores = [blur_score(np.asarray(cv2.GaussianBlur(crop, (0, 0), sigma), np.uint8)) for sigma in (0.1, 1, 2, 4, 8)]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] == 1
    assert scores[-1] < 0.1
    assert scores[2] == sharpness(np.asarray(cv2.GaussianBlur(crop, (0, 0), 2), np.uint8))
    large = np.asarray(cv2.resize(crop, (448, 448), interpolation=cv2.INTER_CUBIC), np.uint8)
    assert blur_score(np.asarray(cv2.GaussianBlur(large, (0, 0), 16), np.uint8)) == pytest.approx(scores[3], abs=0.08)


@pytest.mark.parametrize(
    "image", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.float32), np.zeros((0, 4, 3), np.uint8)]
)
def test_what_is_no_picture_has_no_blur_score(image: Any) -> None:
    with pytest.raises(InputError, match="a face must"):
        blur_score(image)


def test_the_frontal_score_is_one_into_the_lens_and_less_aside() -> None:
    assert frontal_score(TEMPLATE) == pytest.approx(1, abs=1e-3)
    scores = []
    for shift in (0, 3, 6, 9, 12):
        points = TEMPLATE.copy()
        points[2, 0] += shift
        scores.append(frontal_score(points))
    assert scores == sorted(scores, reverse=True)
    assert scores[2] == pytest.approx(1 - np.degrees(np.arcsin(6 / 17.62)) / 90, abs=0.02)


@pytest.mark.parametrize("points", [TEMPLATE[:4], TEMPLATE[None], TEMPLATE * np.nan])
def test_what_are_no_five_points_have_no_frontal_score(points: Floats) -> None:
    with pytest.raises(InputError, match="five finite points"):
        frontal_score(points)
