"""Embedders turn aligned faces into unit vectors, the same alone and in a batch."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import numpy as np
import pytest

from perceptkit import face, images
from perceptkit.arrays import Floats, Picture
from perceptkit.errors import InputError, ModelError
from perceptkit.face import EMBEDDERS, Embedder
from perceptkit.face.align import align_faces
from shared_data import model_file, people_photos
from tiny_networks import blank, paint, write_embedder, write_scrfd


def crops_of(*people: int, noise: int = 0) -> Picture:
    """Aligned crops of painted people."""
    landmarks = np.array([[[28.8, 44.3], [59, 44.1], [44, 61.5], [31.6, 79.2], [56.6, 79]]], np.float32)
    return np.concatenate([align_faces(paint(blank(96, 96), 0, 0, person=p, noise=noise), landmarks) for p in people])


@pytest.fixture
def embed(tmp_path: Path) -> Embedder:
    return face.load_embedder(write_embedder(tmp_path / "tiny.onnx"), device="cpu")


def test_vectors_have_unit_length_and_tell_people_apart(embed: Embedder) -> None:
    vectors = embed(crops_of(1, 2, 3, 1))
    assert vectors.shape == (4, 8) == (4, embed.dimension)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    similarity = vectors @ vectors.T
    assert similarity[0, 3] == pytest.approx(1)
    assert similarity[0, 1:3].max() < 0.2


def test_the_vector_is_the_networks_answer_to_the_normalised_crop(embed: Embedder) -> None:
    (crop,) = crops_of(5)
    # The middle of the green plane of each block, less ImageNet's mean, by its deviation.
    blocks = crop[:, :, 1].astype(float).reshape(4, 28, 4, 28).mean(axis=(1, 3)).ravel()
    expected = (blocks[[1, 2, 4, 7, 8, 11, 13, 14]] - 116.28) / 57.12
    np.testing.assert_allclose(embed(crop[None])[0], expected / np.linalg.norm(expected), atol=1e-5)


def test_nobody_gives_no_vectors(embed: Embedder) -> None:
    assert embed(np.empty((0, 112, 112, 3), np.uint8)).shape == (0, 8)


@pytest.mark.parametrize("fault", ["mixes", "declares one face", "neither"])
def test_a_face_has_the_same_vector_alone_and_among_others(tmp_path: Path, fault: str) -> None:
    """Seventy faces are more than a run takes."""
    path = write_embedder(
        tmp_path / "tiny.onnx", batch=1 if fault == "declares one face" else None, mixes=fault == "mixes"
    )
    embed = face.load_embedder(path, device="cpu")
    crops = np.concatenate([crops_of(*range(7), noise=noise) for noise in range(10)])
    together = embed(crops)
    alone = np.concatenate([embed(crop[None]) for crop in crops])
    np.testing.assert_allclose(together, alone, atol=1e-6)
    # And it is the right one: that of a file with nothing wrong with it.
    plain = face.load_embedder(write_embedder(tmp_path / "plain.onnx"), device="cpu")
    np.testing.assert_allclose(together, plain(crops), atol=1e-6)


@pytest.mark.parametrize(
    "crops",
    [
        np.zeros((1, 112, 112), np.uint8),
        np.zeros((112, 112, 3), np.uint8),
        np.zeros((1, 100, 112, 3), np.uint8),
        np.zeros((1, 3, 112, 112), np.uint8),
        np.zeros((1, 112, 112, 3), np.float32),
    ],
    ids=["grey", "not in a batch", "another size", "channels first", "floats"],
)
def test_what_is_no_batch_of_crops_is_refused(embed: Embedder, crops: Picture) -> None:
    with pytest.raises(InputError, match=re.escape(f"(N, 112, 112, 3), not {crops.dtype} {crops.shape}")):
        embed(crops)


def test_a_file_that_is_no_embedder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="is not a face embedder"):
        face.load_embedder(write_scrfd(tmp_path / "detector.onnx"), device="cpu")
    with pytest.raises(ModelError, match="is not a face embedder"):
        face.load_embedder(write_scrfd(tmp_path / "other.onnx", side=640), device="cpu")
    (tmp_path / "noise.onnx").write_bytes(bytes(range(256)))
    with pytest.raises(ModelError, match="is not a network that onnxruntime can open"):
        face.load_embedder(tmp_path / "noise.onnx", device="cpu")


def test_a_network_that_gives_no_numbers_gives_nan(tmp_path: Path) -> None:
    embed = face.load_embedder(write_embedder(tmp_path / "tiny.onnx", nan=True), device="cpu")
    assert np.isnan(embed(crops_of(1, 2))).all()


def test_it_says_what_it_is(embed: Embedder) -> None:
    assert re.fullmatch(r"[0-9a-f]{64}", embed.sha256)
    assert (embed.name, embed.device) == ("tiny.onnx", "cpu")
    assert repr(embed) == "Embedder('tiny.onnx', device='cpu')"
    assert embed.threshold == 0.4


@pytest.mark.parametrize("name", EMBEDDERS)
def test_every_row_has_a_threshold_that_is_a_cosine(name: str) -> None:
    build = EMBEDDERS[name].build
    assert 0.2 < build.keywords["architecture"].threshold < 0.6  # type: ignore[attr-defined]


# ---- Real weights


def real_faces() -> list[tuple[Path, Picture, Floats]]:
    """Each photo with the landmarks (1, 5, 2) of its largest face."""
    detect = face.load_detector(model_file("scrfd-500m.onnx"), device="cpu")
    found = []
    for path in people_photos():
        image = images.read(path)
        largest = max(detect([image])[0], key=lambda one: float(np.prod(one.box[2:] - one.box[:2])))
        found.append((path, image, largest.landmarks[None]))
    return found


@pytest.mark.weights
def test_mobilefacenet_agrees_with_the_network_run_on_insightfaces_crop() -> None:
    """The crop by insightface, the network by onnxruntime, its input by the words of its authors: ImageNet's mean and
    deviation of RGB in 0..1."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        face_align = pytest.importorskip("insightface.utils.face_align")
    import onnxruntime

    session = onnxruntime.InferenceSession(str(model_file("mobilefacenet.onnx")), providers=["CPUExecutionProvider"])
    embed = face.load_embedder(model_file("mobilefacenet.onnx"), device="cpu")
    for path, image, landmarks in real_faces()[::2]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            crop = face_align.norm_crop(image, landmarks[0], image_size=112)
        values = (crop / 255 - (0.485, 0.456, 0.406)) / (0.229, 0.224, 0.225)
        tensor = values.transpose(2, 0, 1)[None].astype(np.float32)
        expected = session.run(None, {session.get_inputs()[0].name: tensor})[0].ravel()
        ours = embed(align_faces(image, landmarks))[0]
        assert ours @ expected / np.linalg.norm(expected) >= 0.999, path.name


@pytest.mark.weights
def test_real_faces_have_the_same_vectors_alone_and_together() -> None:
    embed = face.load_embedder(model_file("mobilefacenet.onnx"), device="cpu")
    crops = np.concatenate([align_faces(image, landmarks) for _, image, landmarks in real_faces()[:12]])
    np.testing.assert_allclose(embed(crops), np.concatenate([embed(crop[None]) for crop in crops]), atol=1e-5)


@pytest.mark.weights
def test_real_people_are_more_like_themselves_than_like_each_other() -> None:
    embed = face.load_embedder(model_file("mobilefacenet.onnx"), device="cpu")
    faces = real_faces()
    vectors = embed(np.concatenate([align_faces(image, landmarks) for _, image, landmarks in faces]))
    people = np.array([path.name[:8] for path, _, _ in faces])
    similarity = vectors @ vectors.T
    same = people[:, None] == people
    alike, strangers = similarity[same & ~np.eye(len(people), dtype=bool)], similarity[~same]
    assert float(np.quantile(alike, 0.1)) > embed.threshold > float(np.quantile(strangers, 0.99))
