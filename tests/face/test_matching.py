"""Two photos compared, a photo looked up in a set, a set grouped again."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from perceptkit import face, images
from perceptkit.errors import InputError, MediaError
from perceptkit.face import Embeddings, load_embeddings
from perceptkit.face.approximate import Index, load_index
from perceptkit.face.matching import INDEXES
from perceptkit.face.store import open_embeddings
from shared_data import faces_file, model_file, people_photos
from tiny_networks import blank, face_box, paint, write_embedder, write_photo, write_scrfd


@pytest.fixture
def models(tmp_path: Path) -> dict[str, Any]:
    """Models by the paths of their files, as options of every function."""
    detector, embedder = write_scrfd(tmp_path / "detector.onnx"), write_embedder(tmp_path / "embedder.onnx")
    return {"detector": detector, "embedder": embedder, "device": "cpu"}


@pytest.fixture
def gallery(tmp_path: Path, models: dict[str, Any]) -> Path:
    """A folder of results: three photos of person 1, two of person 2, one of person 3."""
    photos = tmp_path / "photos"
    photos.mkdir()
    for number, person in enumerate((1, 2, 1, 3, 2, 1)):
        write_photo(photos / f"{number}.png", (64 * number, 96, person), noise=number + 1)
    face.extract(photos, tmp_path / "gallery", **models)
    return tmp_path / "gallery"


def names(query: face.Query) -> list[str]:
    return [Path(match.source).name for match in query.matches]


# ---- Compare


def test_two_photos_of_one_person_are_the_same_and_of_two_are_not(tmp_path: Path, models: dict[str, Any]) -> None:
    one = write_photo(tmp_path / "one.png", (96, 64, 1), noise=1)
    other = write_photo(tmp_path / "other.png", (32, 256, 1), noise=2)
    stranger = write_photo(tmp_path / "stranger.png", (96, 64, 2))
    alike, unlike = (face.compare(one, photo, **models) for photo in (other, stranger))
    assert alike.same
    assert alike.similarity > 0.95
    assert alike.similarity == pytest.approx(float(alike.first.embedding @ alike.second.embedding))
    assert not unlike.same
    assert unlike.similarity < 0.2
    assert alike.threshold == unlike.threshold == 0.4
    assert alike.first.source == str(one)
    assert alike.second.face.box.tolist() == face_box(32, 256)


def test_a_higher_threshold_is_stricter_and_the_threshold_itself_is_enough(
    tmp_path: Path, models: dict[str, Any]
) -> None:
    one = write_photo(tmp_path / "one.png", (96, 64, 1), noise=1)
    other = write_photo(tmp_path / "other.png", (96, 64, 1), noise=2)
    similarity = face.compare(one, other, **models).similarity
    assert 0.9 < similarity < 1
    for threshold, same in ((similarity - 1e-6, True), (similarity, True), (similarity + 1e-6, False)):
        result = face.compare(one, other, threshold=threshold, **models)
        assert (result.same, result.threshold) == (same, threshold)


def test_the_largest_face_of_each_photo_is_compared(tmp_path: Path, models: dict[str, Any]) -> None:
    one = write_photo(tmp_path / "one.png", (96, 64, 1))
    for whole, cut in ((1, 2), (2, 1)):
        crowd = paint(paint(blank(640, 512), 96, 64, person=whole), 320, 416, person=cut)
        Image.fromarray(crowd[:480]).save(tmp_path / "crowd.png")
        result = face.compare(one, tmp_path / "crowd.png", **models)
        assert result.second.face.box.tolist() == face_box(96, 64)
        assert result.same == (whole == 1)


def loaded(models: dict[str, Any]) -> dict[str, Any]:
    return {
        "detect": face.load_detector(models["detector"], device="cpu"),
        "embed": face.load_embedder(models["embedder"], device="cpu"),
    }


def test_a_photo_without_a_face_is_an_input_error_that_names_it(tmp_path: Path, models: dict[str, Any]) -> None:
    one, nobody = write_photo(tmp_path / "one.png", (96, 64, 1)), write_photo(tmp_path / "nobody.png")
    for pair in ((one, nobody), (nobody, one)):
        with pytest.raises(InputError, match=r"nobody\.png: no face was found; try a larger or sharper photo"):
            face.compare(*pair, **models)


def test_what_is_no_photo_is_a_media_error(tmp_path: Path, models: dict[str, Any]) -> None:
    one = write_photo(tmp_path / "one.png", (96, 64, 1))
    (tmp_path / "text.jpg").write_text("not a photo")
    with pytest.raises(MediaError, match=r"text\.jpg: not a photo but a text file"):
        face.compare(one, tmp_path / "text.jpg", **models)
    with pytest.raises(MediaError, match=r"missing\.jpg: cannot be read: No such file or directory"):
        face.compare(one, tmp_path / "missing.jpg", **models)


def test_models_in_memory_are_used_as_they_are(tmp_path: Path, models: dict[str, Any]) -> None:
    one = write_photo(tmp_path / "one.png", (96, 64, 1))
    detect, embed = loaded(models).values()
    assert face.compare(one, one, detector=detect, embedder=embed).similarity == pytest.approx(1)


@pytest.mark.parametrize("threshold", [40.0, float("nan")])
def test_a_threshold_that_is_no_cosine_is_refused(
    tmp_path: Path, models: dict[str, Any], gallery: Path, threshold: float
) -> None:
    one = write_photo(tmp_path / "one.png", (96, 64, 1))
    message = f"the threshold is {threshold}; a cosine similarity lies between -1 and 1"
    with pytest.raises(InputError, match=message):
        face.compare(one, one, threshold=threshold, **models)
    with pytest.raises(InputError, match=message):
        face.search(gallery, one, threshold=threshold, **models)
    with pytest.raises(InputError, match=message):
        face.dedupe(gallery, threshold=threshold)


# ---- Search


def test_the_nearest_faces_come_first(tmp_path: Path, models: dict[str, Any], gallery: Path) -> None:
    photo = write_photo(tmp_path / "query.png", (96, 64, 2), noise=30)
    (query,) = face.search(gallery, photo, **models)
    assert query.face.face.box.tolist() == face_box(96, 64)
    assert len(query.matches) == 5
    assert sorted(names(query)[:2]) == ["1.png", "4.png"]
    assert [match.same for match in query.matches] == [True, True, False, False, False]
    similarity = [match.similarity for match in query.matches]
    assert similarity == sorted(similarity, reverse=True)
    known = load_embeddings(gallery)
    for match in query.matches:
        row = known.face_ids.index(match.face_id)
        assert known.sources[row] == match.source
        assert match.similarity == pytest.approx(float(known.vectors[row] @ query.face.embedding), abs=1e-6)


def test_every_face_of_the_photo_is_looked_up(tmp_path: Path, models: dict[str, Any], gallery: Path) -> None:
    photo = write_photo(tmp_path / "query.png", (96, 64, 3), (320, 256, 1))
    queries = face.search(gallery, photo, top=1, **models)
    found = {query.face.face.box.tolist()[0]: names(query)[0] for query in queries}
    assert found[96] == "3.png"
    assert found[320] in ("0.png", "2.png", "5.png")


def test_no_more_are_returned_than_there_are(tmp_path: Path, models: dict[str, Any], gallery: Path) -> None:
    photo = write_photo(tmp_path / "query.png", (96, 64, 1))
    assert len(face.search(gallery, photo, top=100, **models)[0].matches) == 6
    with pytest.raises(InputError, match="top is 0; it must be at least 1"):
        face.search(gallery, photo, top=0, **models)


def test_a_gallery_is_a_folder_a_file_or_loaded(tmp_path: Path, models: dict[str, Any], gallery: Path) -> None:
    photo = write_photo(tmp_path / "query.png", (96, 64, 1))
    forms = (gallery, str(gallery), gallery / "embeddings.npz", load_embeddings(gallery), open_embeddings(gallery))
    assert len({face.search(form, photo, **models)[0].matches for form in forms}) == 1


def test_each_index_finds_the_same_in_a_small_gallery(tmp_path: Path, models: dict[str, Any], gallery: Path) -> None:
    photo = write_photo(tmp_path / "query.png", (96, 64, 1), (320, 256, 2))
    ways: list[str | Index] = [*INDEXES, load_index(gallery)]
    found = [face.search(gallery, photo, index=way, **models) for way in ways]
    assert len({tuple(query.matches for query in queries) for queries in found}) == 1


def test_an_index_that_does_not_fit_is_refused(tmp_path: Path, models: dict[str, Any], gallery: Path) -> None:
    photo = write_photo(tmp_path / "query.png", (96, 64, 1))
    with pytest.raises(InputError, match="unknown index 'hnsw'; choose from: exact, faiss"):
        face.search(gallery, photo, index="hnsw", **models)
    with pytest.raises(InputError, match="index 'faiss' is kept beside a file: give the path of the gallery"):
        face.search(load_embeddings(gallery), photo, index="faiss", **models)
    face.extract(photo, tmp_path / "other", **models)
    with pytest.raises(InputError, match=r"the index is of \(1, 8\) vectors, the gallery has \(6, 8\)"):
        face.search(gallery, photo, index=load_index(tmp_path / "other"), **models)


def test_an_index_of_as_many_other_vectors_is_refused(tmp_path: Path, models: dict[str, Any], gallery: Path) -> None:
    photo = write_photo(tmp_path / "query.png", (96, 64, 1))
    known = load_embeddings(gallery)
    face.save_embeddings(tmp_path / "other.npz", replace(known, vectors=known.vectors[::-1]))
    other = load_index(tmp_path / "other.npz")
    for form in (gallery, known, open_embeddings(gallery)):
        with pytest.raises(InputError, match="the index is of other vectors than the gallery"):
            face.search(form, photo, index=other, **models)
        assert face.search(form, photo, index=load_index(gallery), **models)
    with pytest.raises(InputError, match="an index is of a file of embeddings: open the gallery"):
        face.search(replace(known, checksum=None), photo, index=other, **models)


def test_a_damaged_vector_of_the_gallery_is_an_input_error(
    tmp_path: Path, models: dict[str, Any], gallery: Path
) -> None:
    known = load_embeddings(gallery)
    known.vectors[3, 2] = np.nan
    face.save_embeddings(gallery / "embeddings.npz", known)
    with pytest.raises(InputError, match=r"a vector is not of length 1 \(row 3\)"):
        face.search(gallery, write_photo(tmp_path / "query.png", (96, 64, 1)), **models)


def test_an_empty_gallery_has_no_matches(tmp_path: Path, models: dict[str, Any]) -> None:
    face.extract(write_photo(tmp_path / "nobody.png"), tmp_path / "gallery", **models)
    (query,) = face.search(tmp_path / "gallery", write_photo(tmp_path / "query.png", (96, 64, 1)), **models)
    assert query.matches == ()


def test_a_gallery_of_another_embedder_is_refused(tmp_path: Path, models: dict[str, Any], gallery: Path) -> None:
    photo = write_photo(tmp_path / "query.png", (96, 64, 1))
    other = write_embedder(tmp_path / "other.onnx", batch=1)
    message = (
        r"the embeddings were made by embedder\.onnx .* not by other\.onnx .*; vectors of two models cannot be compared"
    )
    with pytest.raises(InputError, match=message):
        face.search(gallery, photo, **(models | {"embedder": other}))


def test_a_search_for_nobody_is_an_input_error(tmp_path: Path, models: dict[str, Any], gallery: Path) -> None:
    with pytest.raises(InputError, match=r"nobody\.png: no face was found"):
        face.search(gallery, write_photo(tmp_path / "nobody.png"), **models)


# ---- Dedupe


def test_a_set_is_grouped_again_the_best_face_of_each_person_first(gallery: Path) -> None:
    known = load_embeddings(gallery)
    people = face.dedupe(gallery, threshold=0.4)
    places = [[known.face_ids.index(one) for one in ids] for ids in people]
    assert [sorted(rows) for rows in places] == [[0, 2, 5], [1, 4], [3]]
    for rows in places:
        assert known.quality[rows].tolist() == sorted(known.quality[rows].tolist(), reverse=True)
    assert face.dedupe(known, threshold=0.4) == people


def test_in_mode_first_the_first_face_of_each_person_comes_first(gallery: Path) -> None:
    known = load_embeddings(gallery)
    people = face.dedupe(gallery, threshold=0.4, mode="first")
    assert [[known.face_ids.index(one) for one in ids] for ids in people] == [[0, 2, 5], [1, 4], [3]]


def test_a_stricter_threshold_gives_more_people(gallery: Path) -> None:
    assert [len(face.dedupe(gallery, threshold=threshold)) for threshold in (-1.0, 0.4, 1.0)] == [1, 3, 6]


def test_the_usual_threshold_is_that_of_the_embedder_that_made_the_set(gallery: Path) -> None:
    known = load_embeddings(gallery)
    with pytest.raises(InputError, match=r"made by embedder\.onnx, which has no usual threshold: give one"):
        face.dedupe(known)
    # Two vectors with a similarity of 0.38: sface takes them for one person, mobilefacenet does not.
    vectors = np.array([[1, 0], [0.38, np.sqrt(1 - 0.38**2)]], np.float32)
    for model, people in (("sface", 1), ("mobilefacenet", 2)):
        pair = Embeddings(model, "ab" * 32, ("a", "b"), ("a.jpg", "b.jpg"), np.ones(2, np.float32), vectors)
        assert len(face.dedupe(pair)) == people


def test_unknown_modes_and_files_that_are_none_are_refused(tmp_path: Path, gallery: Path) -> None:
    with pytest.raises(InputError, match="unknown mode 'persons'"):
        face.dedupe(gallery, threshold=0.4, mode="persons")
    with pytest.raises(InputError, match=re.escape(f"cannot read {tmp_path / 'missing.npz'}")):
        face.dedupe(tmp_path / "missing.npz", threshold=0.4)


# ---- In memory


def test_faces_in_memory_and_in_files_are_found_alike(tmp_path: Path, models: dict[str, Any]) -> None:
    photo = write_photo(tmp_path / "photo.png", (96, 64, 1), (320, 256, 2))
    options = loaded(models)
    in_file, in_memory, nobody = face.find_faces([photo, images.read(photo), blank()], **options)
    assert nobody == []
    assert [one.source for one in in_file] == [str(photo)] * 2
    assert [one.source for one in in_memory] == ["image 1"] * 2
    for one, other in zip(in_file, in_memory, strict=True):
        assert one.face.box.tolist() == other.face.box.tolist()
        np.testing.assert_allclose(one.embedding, other.embedding, atol=1e-6)
        assert one.quality == other.quality
        assert (one.time, one.model) == (None, "embedder.onnx")
    again = face.find_faces([photo], **options)[0]
    assert [one.id for one in again] == [one.id for one in in_file]
    assert len({one.id for one in (*in_file, *in_memory)}) == 4


# ---- Real photos


@pytest.mark.weights
def test_real_people_are_recognised() -> None:
    options: dict[str, Any] = {
        "detector": face.load_detector(model_file("yunet.onnx"), device="cpu"),
        "embedder": face.load_embedder(model_file("mobilefacenet.onnx"), device="cpu"),
    }
    by_name = {path.stem: path for path in people_photos()}
    same = face.compare(by_name["person05_01"], by_name["person05_02"], **options)
    other = face.compare(by_name["person05_01"], by_name["person02_01"], **options)
    assert same.same
    assert not other.same
    with pytest.raises(InputError, match=r"no_face\.png: no face was found"):
        face.compare(by_name["person05_01"], faces_file("edge/no_face.png"), **options)


@pytest.mark.weights
def test_a_real_person_is_found_in_a_set(tmp_path: Path) -> None:
    options: dict[str, Any] = {
        "detector": model_file("yunet.onnx"),
        "embedder": model_file("mobilefacenet.onnx"),
        "device": "cpu",
    }
    photos = people_photos()
    known = [path for path in photos if not path.stem.endswith("_01")]
    face.extract(known, tmp_path, **options)
    for photo in photos:
        if photo.stem.endswith("_01"):
            queries = face.search(tmp_path, photo, top=1, **options)
            best = max((query.matches[0] for query in queries), key=lambda match: match.similarity)
            assert best.same
            assert Path(best.source).name[:8] == photo.name[:8]
