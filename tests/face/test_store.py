"""Files of embeddings come back as they were saved, and no file can do harm."""

from __future__ import annotations

import io
import pickle
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

from perceptkit.errors import InputError
from perceptkit.face import Embeddings, load_embeddings, save_embeddings
from perceptkit.face.nearest import check_lengths
from perceptkit.face.store import FORMATS, open_embeddings
from systems import posix

EVERY_FORMAT = pytest.mark.parametrize("suffix", FORMATS)


def open_and_use(path: Path) -> Embeddings:
    """A file opened, and all of it used."""
    opened = open_embeddings(path)
    check_lengths(opened.vectors)
    return replace(opened, face_ids=tuple(opened.face_ids), sources=tuple(opened.sources))


Reader = Callable[[Path], Embeddings]
EVERY_READER = pytest.mark.parametrize("read", [load_embeddings, open_and_use], ids=["loaded", "opened"])


def embeddings_of(sources: list[str], dimension: int = 5) -> Embeddings:
    count = len(sources)
    vectors = np.random.default_rng(count).normal(size=(count, dimension)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    ids = tuple(f"{number:016x}" for number in range(count))
    return Embeddings("yunet", "ab" * 32, ids, tuple(sources), np.linspace(0, 1, count, dtype=np.float32), vectors)


def assert_same(one: Embeddings, other: Embeddings) -> None:
    assert (one.model, one.model_sha256, one.face_ids, one.sources) == (
        other.model,
        other.model_sha256,
        other.face_ids,
        other.sources,
    )
    np.testing.assert_array_equal(one.quality, other.quality)
    np.testing.assert_array_equal(one.vectors, other.vectors)
    assert one.vectors.dtype == one.quality.dtype == np.float32


@pytest.fixture(params=[1, 2], ids=["of version 1", "of version 2"])
def parts(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    """The arrays of a good npz file of three faces."""
    return parts_of(embeddings_of(["a.jpg", "b.jpg", "c.jpg"]), tmp_path / "parts", version=request.param)


def parts_of(saved: Embeddings, folder: Path, *, version: int) -> dict[str, Any]:
    """The arrays of an npz file as a version of it keeps them."""
    if version == 1:
        return {
            "version": np.array(1),
            "model": np.array(saved.model),
            "model_sha256": np.array(saved.model_sha256),
            "face_ids": np.array(saved.face_ids, np.str_),
            "sources": np.array(saved.sources, np.str_),
            "quality": saved.quality,
            "embeddings": saved.vectors,
        }
    folder.mkdir()
    save_embeddings(folder / "embeddings.npz", saved)
    with np.load(folder / "embeddings.npz") as arrays:
        return dict(arrays)


def write_npz(path: Path, parts: dict[str, Any]) -> Path:
    np.savez(path, **parts)
    return path


@EVERY_READER
@EVERY_FORMAT
@pytest.mark.parametrize(
    "sources",
    [
        [],
        ["a.jpg"],
        ["Gruppe/Zoë & José.jpg", "合影.jpg", "👨‍👩‍👧.png", "line\nbreak.jpg", " space .jpg", "x" * 4000],
    ],
    ids=["no faces", "one", "names of all kinds"],
)
def test_what_was_saved_is_loaded(tmp_path: Path, suffix: str, sources: list[str], read: Reader) -> None:
    saved = embeddings_of(sources)
    save_embeddings(tmp_path / f"embeddings.{suffix}", saved)
    assert_same(read(tmp_path / f"embeddings.{suffix}"), saved)
    assert_same(read(tmp_path), saved)
    assert [path.name for path in tmp_path.iterdir()] == [f"embeddings.{suffix}"]


@EVERY_READER
@EVERY_FORMAT
def test_tracks_of_videos_are_kept(tmp_path: Path, suffix: str, read: Reader) -> None:
    saved = replace(embeddings_of(["a.mp4", "a.mp4", "b.jpg"]), tracks=np.array([1, 2, 0]))
    save_embeddings(tmp_path / f"embeddings.{suffix}", saved)
    loaded = read(tmp_path)
    assert_same(loaded, saved)
    assert loaded.tracks is not None
    assert loaded.tracks.tolist() == [1, 2, 0]


def test_file_names_that_are_not_utf8_survive_in_npz_and_are_escaped_in_parquet(tmp_path: Path) -> None:
    saved = embeddings_of(["caf\udce9.jpg"])
    for suffix in FORMATS:
        save_embeddings(tmp_path / f"embeddings.{suffix}", saved)
    assert_same(load_embeddings(tmp_path / "embeddings.npz"), saved)
    assert_same(open_and_use(tmp_path / "embeddings.npz"), saved)
    assert_same(load_embeddings(tmp_path / "embeddings.parquet"), replace(saved, sources=(r"caf\udce9.jpg",)))


def test_a_name_of_bytes_that_look_like_utf8_comes_back_as_it_was(tmp_path: Path) -> None:
    saved = embeddings_of(["\udcc3\udca9.jpg", "\ud83d.jpg", "", "é.jpg"])
    save_embeddings(tmp_path / "embeddings.npz", saved)
    assert_same(load_embeddings(tmp_path), saved)
    assert_same(open_and_use(tmp_path), saved)


@EVERY_READER
@pytest.mark.parametrize("order", ["<", ">"])
def test_a_file_of_the_first_version_is_read(tmp_path: Path, read: Reader, order: str) -> None:
    saved = embeddings_of(["Zoë.jpg", "caf\udce9.jpg", "合影.jpg"])
    parts = parts_of(saved, tmp_path, version=1)
    parts["sources"] = parts["sources"].astype(parts["sources"].dtype.newbyteorder(order))
    opened = read(write_npz(tmp_path / "embeddings.npz", parts))
    assert_same(opened, saved)
    assert all(type(source) is str for source in opened.sources)


def test_one_long_path_makes_no_other_longer(tmp_path: Path) -> None:
    save_embeddings(tmp_path / "embeddings.npz", embeddings_of(["x" * 2000] + ["a.jpg"] * 999))
    assert (tmp_path / "embeddings.npz").stat().st_size < 100_000


def test_of_an_opened_file_one_text_is_read_at_a_time(tmp_path: Path) -> None:
    """The second is none, which only those notice who ask for it."""
    saved = embeddings_of(["a.jpg", "b.jpg", "c.jpg"])
    path = tmp_path / "embeddings.npz"
    save_embeddings(path, saved)
    path.write_bytes(path.read_bytes().replace(b"b.jpg", b"\xff.jpg"))
    sources = open_embeddings(path).sources
    assert (sources[0], sources[2], sources[-1]) == ("a.jpg", "c.jpg", "c.jpg")
    with pytest.raises(InputError, match=r"damaged: text 1 is none: .*invalid start byte"):
        sources[1]


def test_a_checksum_tells_one_set_of_vectors_from_another(tmp_path: Path) -> None:
    checksums = []
    for sources in (["a.jpg", "b.jpg"], ["other.jpg", "names.jpg"], ["c.jpg"]):
        save_embeddings(tmp_path / "embeddings.npz", embeddings_of(sources))
        checksums.append(load_embeddings(tmp_path).checksum)
        assert open_embeddings(tmp_path).checksum == checksums[-1]
    assert checksums[0] is not None
    assert checksums[0] == checksums[1] != checksums[2]
    save_embeddings(tmp_path / "embeddings.parquet", embeddings_of(["a.jpg"]))
    assert load_embeddings(tmp_path / "embeddings.parquet").checksum is None


def test_the_home_folder_may_be_written_as_a_tilde(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(variable, str(tmp_path))
    saved = embeddings_of(["a.jpg"])
    (tmp_path / "faces").mkdir()
    save_embeddings(tmp_path / "faces" / "embeddings.npz", saved)
    assert_same(load_embeddings("~/faces"), saved)
    assert_same(open_and_use(Path("~/faces/embeddings.npz")), saved)


def test_a_parquet_file_is_a_plain_table_for_others(tmp_path: Path) -> None:
    saved = embeddings_of(["a.jpg", "b.jpg"])
    save_embeddings(tmp_path / "embeddings.parquet", saved)
    table = pyarrow.parquet.read_table(tmp_path / "embeddings.parquet")
    assert table.column_names == ["face_id", "source", "quality", "embedding"]
    assert table.column("face_id").to_pylist() == list(saved.face_ids)
    np.testing.assert_array_equal(np.stack(table.column("embedding").to_numpy()), saved.vectors)


def test_an_npz_file_is_plain_arrays_for_others(tmp_path: Path) -> None:
    saved = embeddings_of(["a.jpg", "Zoë.jpg"])
    save_embeddings(tmp_path / "embeddings.npz", saved)
    with np.load(tmp_path / "embeddings.npz", allow_pickle=False) as arrays:
        assert sorted(arrays) == [
            "embeddings", "face_ids", "face_ids_ends", "model", "model_sha256", "quality",
            "sources", "sources_ends", "version",
        ]  # fmt: skip
        np.testing.assert_array_equal(arrays["embeddings"], saved.vectors)
        assert (bytes(arrays["sources"]), arrays["sources_ends"].tolist()) == (b"a.jpgZo\xc3\xab.jpg", [5, 13])


def test_an_old_file_stays_when_the_new_one_cannot_be_written(tmp_path: Path) -> None:
    saved = embeddings_of(["a.jpg"])
    save_embeddings(tmp_path / "embeddings.npz", saved)
    broken = replace(embeddings_of(["b.jpg"]), vectors="no array")  # type: ignore[arg-type]
    with pytest.raises(AttributeError):
        save_embeddings(tmp_path / "embeddings.npz", broken)
    assert_same(load_embeddings(tmp_path), saved)
    assert [path.name for path in tmp_path.iterdir()] == ["embeddings.npz"]


def test_an_opened_file_is_not_read_and_its_vectors_are_aligned(tmp_path: Path) -> None:
    """What is changed in the file afterwards is seen, which shows that no copy was made."""
    saved = embeddings_of(["a.jpg", "b.jpg", "c.jpg"])
    for name, tracks in (("photos.npz", None), ("videos.npz", np.array([1, 2, 0]))):
        path = tmp_path / name
        save_embeddings(path, replace(saved, tracks=tracks))
        opened = open_embeddings(path)
        assert opened.vectors.flags.aligned
        assert not opened.vectors.flags.writeable
        place = path.read_bytes().index(saved.vectors.tobytes())
        with path.open("r+b") as file:
            file.seek(place)
            file.write(saved.vectors[::-1].tobytes())
        np.testing.assert_array_equal(opened.vectors, saved.vectors[::-1])


@posix  # Windows lets no file be replaced that is mapped
def test_an_opened_file_may_be_replaced_and_stays_as_it_was(tmp_path: Path) -> None:
    saved = embeddings_of(["a.jpg", "b.jpg"])
    save_embeddings(tmp_path / "embeddings.npz", saved)
    opened = open_embeddings(tmp_path)
    save_embeddings(tmp_path / "embeddings.npz", embeddings_of(["c.jpg"]))
    assert_same(replace(opened, face_ids=tuple(opened.face_ids), sources=tuple(opened.sources)), saved)


def test_the_texts_of_an_opened_file_are_a_sequence(tmp_path: Path) -> None:
    save_embeddings(tmp_path / "embeddings.npz", embeddings_of(["a.jpg", "b.jpg", "c.jpg"]))
    sources = open_embeddings(tmp_path).sources
    assert (len(sources), sources[1], sources[-1], list(sources[1:])) == (3, "b.jpg", "c.jpg", ["b.jpg", "c.jpg"])
    assert sources.index("c.jpg") == 2
    assert type(sources[0]) is str
    with pytest.raises(IndexError):
        sources[3]


@pytest.mark.parametrize(
    "change",
    [
        {"embeddings": np.asfortranarray(embeddings_of(["a", "b", "c"]).vectors)},
        {"embeddings": embeddings_of(["a", "b", "c"]).vectors.astype(np.float64)},
        {"embeddings": embeddings_of(["a", "b", "c"]).vectors.astype(">f4")},
    ],
    ids=["by column", "of double precision", "big-endian"],
)
@EVERY_READER
def test_vectors_that_others_stored_in_their_way_are_read(
    tmp_path: Path, parts: dict[str, Any], change: dict[str, Any], read: Reader
) -> None:
    loaded = read(write_npz(tmp_path / "embeddings.npz", parts | change))
    np.testing.assert_array_equal(loaded.vectors, change["embeddings"])
    assert loaded.vectors.dtype == np.float32
    assert loaded.vectors.flags.c_contiguous


# ---- Files that are something else, or worse


class Trap:
    """What makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return Path.touch, (self.path,)


def test_a_trap_is_one(tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(Trap(tmp_path / "sprung")))  # noqa: S301 - to show that the next tests test something
    assert (tmp_path / "sprung").exists()


@EVERY_READER
@pytest.mark.parametrize("name", ["sources", "embeddings", "version", "model"])
def test_objects_in_an_npz_are_refused_and_not_made(
    tmp_path: Path, parts: dict[str, Any], name: str, read: Reader
) -> None:
    sprung = tmp_path / "sprung"
    parts[name] = np.array([Trap(sprung)] * 3, dtype=object)
    path = write_npz(tmp_path / "embeddings.npz", parts)
    with pytest.raises(InputError, match="is not a file of embeddings"):
        read(path)
    assert not sprung.exists()


@EVERY_READER
@pytest.mark.parametrize("name", ["embeddings.npz", "embeddings.pkl", "embeddings.parquet", "embeddings"])
def test_a_pickle_is_refused_and_not_read(tmp_path: Path, name: str, read: Reader) -> None:
    sprung = tmp_path / "sprung"
    (tmp_path / name).write_bytes(pickle.dumps(Trap(sprung)))
    with pytest.raises(InputError, match=r"is not a file of embeddings: (it is cut short, or no npz file|.*Parquet)"):
        read(tmp_path / name)
    assert not sprung.exists()


@EVERY_READER
def test_a_part_that_unpacks_to_far_more_than_its_file_is_refused(
    tmp_path: Path, parts: dict[str, Any], read: Reader
) -> None:
    """Forty kilobytes that would become forty megabytes."""
    parts["embeddings"] = np.zeros((20_000, 512), np.float32)
    path = tmp_path / "embeddings.npz"
    np.savez_compressed(path, **parts)
    assert path.stat().st_size < 100_000
    with pytest.raises(InputError, match=r"its parts are compressed"):
        read(path)


@EVERY_READER
@pytest.mark.parametrize("count", [10**7, 10**12, 10**17])
def test_a_part_that_claims_more_than_it_has_is_refused(
    tmp_path: Path, parts: dict[str, Any], count: int, read: Reader
) -> None:
    """A header of a hundred bytes that asks for up to exabytes of memory."""
    path = write_npz(tmp_path / "good.npz", parts)
    lying = tmp_path / "embeddings.npz"
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f4", "fortran_order": False, "shape": (count, 5)})
    with zipfile.ZipFile(path) as good, zipfile.ZipFile(lying, "w") as bad:
        for name in good.namelist():
            bad.writestr(name, header.getvalue() + b"\0" * 60 if name == "embeddings.npy" else good.read(name))
    with pytest.raises(InputError, match="is not a file of embeddings"):
        read(lying)


@EVERY_READER
@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"version": np.array(3)}, "version 3 was written by another perceptkit; this reads 1 and 2"),
        ({"version": np.array([1, 1])}, "is not a file of embeddings"),
        ({"version": np.array("one")}, "is not a file of embeddings"),
        ({"embeddings": np.zeros((2, 5), np.float32)}, "3 ids, 3 sources, quality"),
        ({"embeddings": np.zeros(3, np.float32)}, "3 ids, 3 sources, quality"),
        ({"embeddings": np.zeros((3, 5, 1), np.float32)}, "3 ids, 3 sources, quality"),
        ({"embeddings": np.array([["a"] * 5] * 3)}, "is not a file of embeddings"),
        ({"embeddings": np.full((3, 5), np.nan, np.float32)}, "a vector is not of length 1"),
        ({"embeddings": np.full((3, 5), np.inf, np.float32)}, "a vector is not of length 1"),
        ({"embeddings": np.full((3, 5), 0.5, np.float32)}, "a vector is not of length 1"),
        ({"quality": np.zeros(2, np.float32)}, "3 ids, 3 sources, quality"),
        ({"quality": np.full(3, np.nan, np.float32)}, "a quality is not a number"),
        ({"face_ids": np.array(["a"])}, "1 ids, 3 sources"),
        ({"sources": np.array("a.jpg")}, "is not a file of embeddings"),
    ],
)
def test_parts_that_do_not_fit_are_refused(
    tmp_path: Path, parts: dict[str, Any], changes: dict[str, Any], problem: str, read: Reader
) -> None:
    path = write_npz(tmp_path / "embeddings.npz", parts | changes)
    with pytest.raises(InputError, match=problem):
        read(path)


@EVERY_READER
@pytest.mark.parametrize("name", ["version", "model", "model_sha256", "face_ids", "sources", "quality", "embeddings"])
def test_what_is_missing_is_named(tmp_path: Path, parts: dict[str, Any], name: str, read: Reader) -> None:
    del parts[name]
    path = write_npz(tmp_path / "embeddings.npz", parts)
    with pytest.raises(InputError, match=f"is not a file of embeddings: it lacks {name}"):
        read(path)


@EVERY_READER
@EVERY_FORMAT
def test_a_file_cut_short_anywhere_is_refused(tmp_path: Path, suffix: str, read: Reader) -> None:
    path = tmp_path / f"embeddings.{suffix}"
    save_embeddings(path, embeddings_of(["a.jpg", "b.jpg"]))
    whole = path.read_bytes()
    for length in range(0, len(whole), 23):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError, match="is not a file of embeddings"):
            read(path)


@pytest.mark.parametrize("packed", [False, True], ids=["as it is", "packed"])
def test_a_damaged_byte_is_noticed_or_does_not_matter(tmp_path: Path, parts: dict[str, Any], packed: bool) -> None:
    path = tmp_path / "embeddings.npz"
    (np.savez_compressed if packed else np.savez)(path, **parts)
    whole = path.read_bytes()
    for place in range(0, len(whole), 5):
        damaged = bytearray(whole)
        damaged[place] ^= 0xFF
        path.write_bytes(damaged)
        try:
            loaded = load_embeddings(path)
        except InputError:
            continue
        np.testing.assert_array_equal(loaded.vectors, parts["embeddings"])


def test_a_damaged_byte_of_an_opened_file_does_no_harm(tmp_path: Path, parts: dict[str, Any]) -> None:
    """Sizes, lengths of vectors and what is no text are noticed, not each byte; but nothing else is read."""
    path = write_npz(tmp_path / "embeddings.npz", parts)
    whole = path.read_bytes()
    refused = 0
    for place in range(0, len(whole), 3):
        damaged = bytearray(whole)
        damaged[place] ^= 0xFF
        path.write_bytes(damaged)
        try:
            opened = open_and_use(path)
        except InputError:
            refused += 1
        else:
            assert opened.vectors.shape == (3, 5)
            assert len(opened.face_ids) == 3
    assert refused > 100


@pytest.mark.parametrize(
    ("find", "put", "problem"),
    [
        (b"(3, 5)", b"(3, 4)", "has 60 bytes"),
        (b"(3, 5)", b"(-3,5)", "is not a file of embeddings"),
        (b"'<f4'", b"'|O4'", "is not a file of embeddings"),
        (b"'<f4'", b"'<V4'", "holds|V4|is not a file"),
        (b"PK\x03\x04", b"PK\x03\x05", "is not where it should be|Bad magic|is not a file"),
        (b"\x93NUMPY\x01", b"\x93NUMPY\x03", "npy of version"),
        (b"embeddings.npy", b"embeddings.npz", "is not where it should be"),
    ],
)
def test_an_opened_part_that_is_not_what_it_says_is_refused(
    tmp_path: Path, parts: dict[str, Any], find: bytes, put: bytes, problem: str
) -> None:
    path = tmp_path / "embeddings.npz"
    write_npz(path, {"embeddings": parts.pop("embeddings"), **parts})
    path.write_bytes(path.read_bytes().replace(find, put, 1))
    with pytest.raises(InputError, match=problem):
        open_embeddings(path)


@EVERY_READER
def test_a_part_that_is_there_twice_is_refused(tmp_path: Path, parts: dict[str, Any], read: Reader) -> None:
    path = write_npz(tmp_path / "embeddings.npz", parts)
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr("model.npy", archive.read("model.npy"))
    with pytest.raises(InputError, match="a part is there twice"):
        read(path)


@EVERY_READER
def test_texts_that_are_none_are_refused(tmp_path: Path, parts: dict[str, Any], read: Reader) -> None:
    path = write_npz(tmp_path / "numbers.npz", parts | {"sources": np.arange(3)})
    with pytest.raises(InputError, match=r"its sources are int64 \(3,\), not texts"):
        read(path)


@EVERY_READER
@pytest.mark.parametrize(
    ("ends", "problem"),
    [
        ([5, 10], "3 ids, 2 sources"),
        ([5, 10, 16], "text 2 is none: it is from byte 10 to 16 of 15"),
        ([5, 4, 15], "text 1 is none: it is from byte 5 to 4 of 15"),
        ([-5, 10, 15], "text 0 is none: it is from byte 0 to -5 of 15"),
        ([5.0, 10.0, 15.0], r"its sources_ends are float64 \(3,\), not whole numbers"),
        (15, r"its sources_ends are int64 \(\), not whole numbers"),
        (None, "it lacks sources_ends"),
    ],
)
def test_texts_whose_ends_do_not_fit_are_refused(tmp_path: Path, ends: Any, problem: str, read: Reader) -> None:
    parts = parts_of(embeddings_of(["a.jpg", "b.jpg", "c.jpg"]), tmp_path / "parts", version=2)
    del parts["sources_ends"]
    added = {} if ends is None else {"sources_ends": np.array(ends)}
    with pytest.raises(InputError, match=problem):
        read(write_npz(tmp_path / "embeddings.npz", parts | added))


@EVERY_READER
@pytest.mark.parametrize("name", ["sources", "face_ids", "model", "model_sha256", "version"])
def test_numbers_that_are_no_characters_are_refused(
    tmp_path: Path, parts: dict[str, Any], name: str, read: Reader
) -> None:
    bad = np.full(3, 0x7FFFFFFF, np.uint32).view("<U1")
    path = write_npz(
        tmp_path / "characters.npz", parts | {name: bad if name in ("sources", "face_ids") else bad[0:1].reshape(())}
    )
    with pytest.raises(InputError, match=r"damaged: text 0 is none"):
        read(path)


def test_a_damaged_parquet_file_is_noticed_or_gives_vectors(tmp_path: Path) -> None:
    path = tmp_path / "embeddings.parquet"
    save_embeddings(path, embeddings_of(["a.jpg", "b.jpg"]))
    whole = path.read_bytes()
    for place in range(0, len(whole), 11):
        damaged = bytearray(whole)
        damaged[place] ^= 0x55
        path.write_bytes(damaged)
        try:
            loaded = load_embeddings(path)
        except InputError:
            continue
        assert len(loaded.vectors) == 2


@pytest.mark.parametrize("column", ["face_id", "source", "quality", "embedding"])
def test_a_parquet_file_without_a_column_is_refused(tmp_path: Path, column: str) -> None:
    path = tmp_path / "embeddings.parquet"
    save_embeddings(path, embeddings_of(["a.jpg", "b.jpg"]))
    pyarrow.parquet.write_table(pyarrow.parquet.read_table(path).drop_columns([column]), path)
    with pytest.raises(InputError, match=f"is not a file of embeddings: .*{column}"):
        load_embeddings(path)


@pytest.mark.parametrize(
    "vectors",
    [
        pyarrow.array([1.0, 2.0]),
        pyarrow.array(["a", "b"]),
        pyarrow.array([[1.0], [1.0, 2.0]]),
        pyarrow.array([[1.0], None]),
        pyarrow.array([[None], [1.0]]),
        pyarrow.array([["a"], ["b"]]),
    ],
    ids=["numbers", "texts", "of two lengths", "one missing", "a number missing", "of texts"],
)
def test_a_parquet_file_with_other_vectors_is_refused(tmp_path: Path, vectors: Any) -> None:
    path = tmp_path / "embeddings.parquet"
    save_embeddings(path, embeddings_of(["a.jpg", "b.jpg"]))
    table = pyarrow.parquet.read_table(path)
    pyarrow.parquet.write_table(table.set_column(3, "embedding", vectors), path)
    with pytest.raises(InputError, match="is not a file of embeddings"):
        load_embeddings(path)


def test_a_parquet_file_of_somebody_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "embeddings.parquet"
    pyarrow.parquet.write_table(pyarrow.table({"price": [1.5]}), path)
    with pytest.raises(InputError, match="is not a file of embeddings"):
        load_embeddings(path)


@EVERY_READER
def test_a_path_without_embeddings_is_named_with_the_way_out(tmp_path: Path, read: Reader) -> None:
    with pytest.raises(InputError, match=r"has no embeddings\.npz; give a folder written by: perceptkit faces extract"):
        read(tmp_path)
    with pytest.raises(InputError, match=r"cannot read .*missing\.npz: No such file or directory"):
        read(tmp_path / "missing.npz")


def test_vectors_of_another_model_are_refused() -> None:
    known = embeddings_of(["a.jpg"])
    known.require_model("yunet", "ab" * 32)
    known.require_model("any name", "ab" * 32)
    with pytest.raises(
        InputError,
        match=r"made by yunet \(sha256 abababababab\), not by sface \(sha256 cdcdcdcdcdcd\); "
        r"vectors of two models cannot be compared\. Take the embedder that made them, or extract again with sface",
    ):
        known.require_model("sface", "cd" * 32)
