"""With an index the same faces are found; it is kept beside the embeddings, and made again when it is not theirs."""

from __future__ import annotations

import logging
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from perceptkit.errors import InputError
from perceptkit.face import Embeddings, load_embeddings, save_embeddings
from perceptkit.face.approximate import load_index
from perceptkit.face.gallery import erase_everybody
from perceptkit.face.nearest import nearest
from systems import posix

Array = np.ndarray[Any, Any]
COUNT = 12_000  # just enough that an index is made
INDEX_FILE = "embeddings.index.npz"


def unit(vectors: Array) -> Array:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


@cache
def people(count: int = COUNT, dimension: int = 64, seed: int = 0) -> Array:
    """Ten faces of each person, one after the other, with a similarity to each other of about 0.6."""
    random = np.random.default_rng(seed)
    noise = unit(random.normal(size=(count, dimension)))
    return unit(np.repeat(unit(random.normal(size=(count // 10, dimension))), 10, axis=0) + 0.8 * noise)


def write(folder: Path, vectors: Array, name: str = "embeddings.npz") -> Path:
    ids = [f"{row:x}" for row in range(len(vectors))]
    quality = np.ones(len(vectors), np.float32)
    save_embeddings(folder / name, Embeddings("yunet", "ab" * 32, ids, ids, quality, vectors))
    return folder


@pytest.fixture(scope="module")
def set_of_people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with embeddings and their index."""
    folder = write(tmp_path_factory.mktemp("set"), people())
    load_index(folder)
    return folder


def test_nearly_all_that_are_nearest_are_found_with_their_true_similarity(set_of_people: Path) -> None:
    vectors, queries = people(), unit(people()[::400] + 0.02 * people(COUNT // 400 * 10, seed=1)[::10])
    rows, similarity = load_index(set_of_people).nearest(queries, 5)
    true_rows, true_similarity = nearest(vectors, queries, 5)
    recall = np.mean([len(set(mine) & set(true)) / 5 for mine, true in zip(rows, true_rows, strict=True)])
    assert recall > 0.95
    assert (rows[:, 0] == np.arange(0, COUNT, 400)).all()
    np.testing.assert_allclose(similarity[:, 0], true_similarity[:, 0], atol=1e-6)
    np.testing.assert_allclose(similarity, np.einsum("qd,qkd->qk", queries, vectors[rows]), atol=1e-6)
    assert (np.diff(similarity) <= 0).all()


def test_of_equal_faces_the_lower_row_comes_first(tmp_path: Path) -> None:
    vectors = people().copy()
    vectors[[9000, 70, 4000]] = vectors[500]
    rows, similarity = load_index(write(tmp_path, vectors)).nearest(vectors[[500, 8]], 4)
    assert rows[0].tolist() == [70, 500, 4000, 9000]
    np.testing.assert_allclose(similarity[0], 1, atol=1e-6)
    assert rows[1, 0] == 8


def test_a_search_with_an_index_and_one_of_all_agree_to_the_last_bit(set_of_people: Path) -> None:
    vectors = people()
    mine, true = load_index(set_of_people).nearest(vectors[:7], 1), nearest(vectors, vectors[:7], 1)
    for one, other in zip(mine, true, strict=True):
        np.testing.assert_array_equal(one, other)


def test_no_more_are_returned_than_there_are_and_none_for_no_query(set_of_people: Path) -> None:
    index = load_index(set_of_people)
    rows, _ = index.nearest(people()[:1], 2 * COUNT)
    assert sorted(rows[0]) == list(range(COUNT))
    assert index.nearest(people()[:0], 5)[0].shape == (0, 5)


def test_an_index_is_kept_and_used_again(set_of_people: Path) -> None:
    before = (set_of_people / INDEX_FILE).stat()
    load_index(set_of_people / "embeddings.npz")
    assert (set_of_people / INDEX_FILE).stat().st_mtime_ns == before.st_mtime_ns
    assert sorted(path.name for path in set_of_people.iterdir()) == [INDEX_FILE, "embeddings.npz"]
    assert before.st_size < 0.6 * (set_of_people / "embeddings.npz").stat().st_size


def test_the_index_of_other_embeddings_is_made_again(tmp_path: Path) -> None:
    for seed in (1, 2):  # the same number of faces, of the same names
        vectors = people(seed=seed)
        found, _ = load_index(write(tmp_path, vectors)).nearest(vectors[::3000], 1)
        assert found.ravel().tolist() == list(range(0, COUNT, 3000))


@pytest.mark.parametrize("damage", ["signs", "planes", "names", "version"])
def test_a_damaged_index_is_made_again(tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture) -> None:
    vectors = people()
    load_index(write(tmp_path, vectors))
    file = tmp_path / INDEX_FILE
    good = file.read_bytes()
    with np.load(file) as arrays:
        parts = dict(arrays)
    changes: dict[str, dict[str, Any]] = {
        "signs": {"signs": parts["signs"][:-1]},
        "planes": {"planes": parts["planes"] * np.nan},
        "names": {"embeddings": np.array("one")},
        "version": {"version": np.array(2)},
    }
    np.savez(file, **(parts | changes[damage]))
    with caplog.at_level(logging.WARNING):
        found, _ = load_index(tmp_path).nearest(vectors[[7]], 1)
    assert found.tolist() == [[7]]
    assert file.read_bytes() == good
    assert ("is damaged" in caplog.text) == (damage not in ("signs", "version"))


def test_sets_of_one_folder_each_have_their_index_whatever_they_are_called(tmp_path: Path) -> None:
    sets = {name: people(seed=seed) for seed, name in enumerate(("index.npz", "a.npz", "b.npz"), start=1)}
    for name, vectors in sets.items():
        load_index(write(tmp_path, vectors, name) / name)
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert sorted(path.name for path in kept) == [
        "a.index.npz", "a.npz", "b.index.npz", "b.npz", "index.index.npz", "index.npz",
    ]  # fmt: skip
    for name, vectors in sets.items():
        assert load_index(tmp_path / name).nearest(vectors[[7]], 1)[0].tolist() == [[7]]
        np.testing.assert_array_equal(load_embeddings(tmp_path / name).vectors, vectors)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == kept


@pytest.mark.parametrize("what", ["embeddings", "arrays", "cut", "empty", "text"])
def test_a_file_that_is_no_index_is_not_written_over(tmp_path: Path, what: str) -> None:
    write(tmp_path, people())
    file = tmp_path / INDEX_FILE
    if what == "embeddings":
        write(tmp_path, people(100), INDEX_FILE)
    elif what == "cut":
        load_index(tmp_path)
        file.write_bytes(file.read_bytes()[:-1000])
    elif what == "arrays":
        np.savez(file, version=np.array(1), planes=np.eye(3))
    else:
        file.write_bytes(b"" if what == "empty" else b"notes of mine")
    before = file.read_bytes()
    with pytest.raises(InputError, match=rf"{INDEX_FILE} is where the index is kept, but is none \(.*delete it"):
        load_index(tmp_path)
    assert file.read_bytes() == before


@pytest.mark.parametrize(
    "linked", [pytest.param(False, id="itself"), pytest.param(True, marks=posix, id="through a link")]
)
def test_of_a_gallery_no_index_is_kept_so_that_erasing_leaves_nothing(tmp_path: Path, linked: bool) -> None:
    gallery, other = tmp_path / "gallery", tmp_path / "other"
    for folder in (gallery, other):
        folder.mkdir()
    (write(gallery, people()) / "gallery.json").write_text("{}")
    path = gallery / "embeddings.npz"
    if linked:
        (other / "embeddings.npz").symlink_to(path)
        path = other / "embeddings.npz"
    assert load_index(path).nearest(people()[[7]], 1)[0].tolist() == [[7]]
    assert sorted(path.name for path in gallery.iterdir()) == ["embeddings.npz", "gallery.json"]
    assert len(list(other.iterdir())) == linked
    erase_everybody(gallery)
    assert not gallery.exists()


def test_where_nothing_can_be_written_the_index_is_made_each_time(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(tmp_path, people())
    (tmp_path / INDEX_FILE).mkdir()  # what stands in the way, for root too
    with caplog.at_level(logging.WARNING):
        assert load_index(tmp_path).nearest(people()[[7]], 1)[0].tolist() == [[7]]
    assert "the index is not kept" in caplog.text


def test_of_few_faces_no_index_is_made(tmp_path: Path) -> None:
    vectors = people(100)
    found, _ = load_index(write(tmp_path, vectors)).nearest(vectors[[7]], 100)
    np.testing.assert_array_equal(found, nearest(vectors, vectors[[7]], 100)[0])
    assert [path.name for path in tmp_path.iterdir()] == ["embeddings.npz"]


def test_embeddings_with_a_vector_that_is_none_get_no_index(tmp_path: Path) -> None:
    vectors = people().copy()
    vectors[11_000, 5] = np.nan
    with pytest.raises(InputError, match=r"a vector is not of length 1 \(row 11000\)"):
        load_index(write(tmp_path, vectors))
    assert [path.name for path in tmp_path.iterdir()] == ["embeddings.npz"]


def test_queries_that_do_not_fit_are_refused(set_of_people: Path) -> None:
    index = load_index(set_of_people)
    with pytest.raises(InputError, match="the vectors have 64 numbers, those searched for 8"):
        index.nearest(np.eye(8, dtype=np.float32), 1)
    with pytest.raises(InputError, match="a vector is not of length 1"):
        index.nearest(np.full((1, 64), np.nan, np.float32), 1)


def test_an_index_is_made_of_npz_only(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"an index is made of embeddings\.npz only"):
        load_index(tmp_path / "embeddings.parquet")
    with pytest.raises(InputError, match=r"has no embeddings\.npz"):
        load_index(tmp_path)


def test_without_faiss_the_extra_is_named(set_of_people: Path) -> None:
    program = (
        "import sys; sys.modules['faiss'] = None\n"
        "from perceptkit.face.approximate import load_index\n"
        f"try: load_index({str(set_of_people)!r})\n"
        "except ImportError as error: print(error)\n"
    )
    output = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert output == "an index needs an optional package: pip install 'perceptkit[faiss]'\n"


@pytest.mark.parametrize("order", ["faiss, onnxruntime", "onnxruntime, faiss"])
def test_faiss_and_onnxruntime_live_in_one_process(order: str) -> None:
    program = (
        f"import {order}, numpy\n"
        "bits = faiss.IndexBinaryFlat(64); bits.add(numpy.eye(64, dtype='uint8')[:, :8])\n"
        "print(bits.search(numpy.eye(64, dtype='uint8')[:3, :8], 1)[1].ravel().tolist())\n"
    )
    output = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert output == "[0, 1, 2]\n"
