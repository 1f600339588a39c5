"""People out of caches of embeddings into a gallery."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from galleries import add, identity_of, same
from perceptkit import face
from perceptkit.errors import InputError
from perceptkit.face.embed import Embedder
from perceptkit.face.gallery import import_cache, load_gallery, recognise, remove
from perceptkit.face.reference.functions import save_embeddings_cache
from perceptkit.face.store import load_embeddings
from tiny_networks import write_embedder

PEOPLE = {"Anna": np.eye(8, dtype=np.float32)[:2] * 3, "Ben Å": np.eye(8, dtype=np.float32)[4]}


@pytest.fixture(scope="module")
def embedder(tmp_path_factory: pytest.TempPathFactory) -> Embedder:
    """One of eight numbers."""
    path = write_embedder(tmp_path_factory.mktemp("networks") / "eight.onnx")
    return face.load_embedder(path, device="cpu", threads=1)


def pickled(folder: Path, people: Any, name: str = "cache.pkl") -> Path:
    (folder / name).write_bytes(pickle.dumps(people))
    return folder / name


@pytest.mark.parametrize("kind", ["npz", "pkl"])
def test_the_people_of_a_cache_are_in_the_gallery(tmp_path: Path, embedder: Embedder, kind: str) -> None:
    path = tmp_path / f"cache.{kind}"
    if kind == "npz":
        save_embeddings_cache(path, PEOPLE, model=embedder.name, model_sha256=embedder.sha256)
    else:
        pickled(tmp_path, PEOPLE)
    assert import_cache(tmp_path / "staff", path, embedder=embedder) == ("Anna", "Ben Å")
    gallery = load_gallery(tmp_path / "staff")
    assert (gallery.names, gallery.model, gallery.model_sha256) == (("Anna", "Ben Å"), "eight.onnx", embedder.sha256)
    np.testing.assert_array_equal(gallery.person("Anna").vectors, np.eye(8)[:2])
    np.testing.assert_allclose(gallery.person("Anna").mean[:2], [0.5**0.5] * 2, atol=1e-6)
    for one in gallery.person("Anna").prototypes:
        assert (one.source, one.time, one.quality, one.yaw) == (str(path), None, None, None)
    assert recognise(gallery, np.eye(8, dtype=np.float32)[4:5], 0.5)[0].name == "Ben Å"
    assert load_embeddings(tmp_path / "staff").quality.tolist() == [1, 1, 1]


def test_people_come_to_those_who_are_there(tmp_path: Path, embedder: Embedder) -> None:
    import_cache(tmp_path / "staff", pickled(tmp_path, {"Zoe": PEOPLE["Anna"]}), embedder=embedder)
    before = load_gallery(tmp_path / "staff")
    import_cache(tmp_path / "staff", pickled(tmp_path, PEOPLE), embedder=embedder)
    after = load_gallery(tmp_path / "staff")
    assert after.names == ("Zoe", "Anna", "Ben Å")
    assert same(replace(after, people=after.people[:1]), before)
    remove(tmp_path / "staff", "Zoe")
    assert load_gallery(tmp_path / "staff").names == ("Anna", "Ben Å")


def test_a_vector_that_is_there_twice_is_one_face(tmp_path: Path, embedder: Embedder) -> None:
    import_cache(tmp_path / "staff", pickled(tmp_path, {"Anna": np.ones((3, 8))}), embedder=embedder)
    assert len(load_gallery(tmp_path / "staff").person("Anna").prototypes) == 1


@pytest.mark.parametrize(
    ("people", "problem"),
    [
        ({"Zoe": np.ones(8), "Anna": np.ones(8)}, "Anna: in the gallery already; nobody was added"),
        ({"Zoe": np.ones(8), "A\u030annika": np.ones(8), "\u00c5nnika": np.ones(8)}, "has '\u00c5nnika' twice"),
        ({"Zoe": np.ones(5)}, r"'Zoe' have 5 numbers, those of eight\.onnx have 8; name the embedder that made them"),
        ({"unknown": np.ones(8)}, r'cache\.pkl: nobody can be called "unknown"'),
        ({"../../Zoe\n": np.ones(8), "Z\0": np.ones(8)}, "characters that cannot be shown"),
        ({"Zoe": np.zeros(8)}, "Zoe, row 0: the vector is zero"),
        ({}, "has no embeddings of anybody"),
    ],
    ids=["taken", "twice", "length", "unknown", "hidden", "zero", "empty"],
)
def test_of_a_cache_that_does_not_fit_nobody_is_added(
    tmp_path: Path, embedder: Embedder, people: Any, problem: str
) -> None:
    import_cache(tmp_path / "staff", pickled(tmp_path, PEOPLE), embedder=embedder)
    before = load_gallery(tmp_path / "staff")
    with pytest.raises(InputError, match=problem):
        import_cache(tmp_path / "staff", pickled(tmp_path, people), embedder=embedder)
    assert same(load_gallery(tmp_path / "staff"), before)
    with pytest.raises(InputError):
        import_cache(tmp_path / "new", pickled(tmp_path, {"Anna": np.ones(5)}), embedder=embedder)
    assert not (tmp_path / "new").exists()


def test_a_cache_or_a_gallery_of_another_embedder_is_refused(tmp_path: Path, embedder: Embedder) -> None:
    save_embeddings_cache(tmp_path / "cache.npz", PEOPLE, model="sface", model_sha256="cd" * 32)
    with pytest.raises(InputError, match=r"was made by sface \(sha256 cdcdcdcdcdcd\)"):
        import_cache(tmp_path / "new", tmp_path / "cache.npz", embedder=embedder)
    before = add(tmp_path / "staff", "Zoe")
    with pytest.raises(InputError, match=r"the gallery was made with yunet .* not with eight\.onnx"):
        import_cache(tmp_path / "staff", pickled(tmp_path, PEOPLE), embedder=embedder)
    assert same(load_gallery(tmp_path / "staff"), before)
    assert [path.stem for path in (tmp_path / "staff" / "pictures").iterdir()] == [f"{identity_of('Zoe')}-1"]


class Trap:
    """What makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def test_a_hostile_cache_is_refused_and_not_run(tmp_path: Path, embedder: Embedder) -> None:
    with pytest.raises(InputError):
        import_cache(tmp_path / "staff", pickled(tmp_path, {"Anna": Trap(tmp_path / "sprung")}), embedder=embedder)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cache.pkl"]
