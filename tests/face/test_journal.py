"""Whatever byte a run was killed at, it goes on from whole batches and ends with the same rows."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path, PosixPath
from typing import Any, ClassVar

import numpy as np
import pytest

from perceptkit.arrays import Floats
from perceptkit.errors import InputError
from perceptkit.face.extracting.journal import Journal, Record
from systems import posix

DIMENSION = 3
SETTINGS = {"model": "one", "min_face": 20}
Batch = list[tuple[Record, Floats]]


def source(name: str, faces: int) -> tuple[Record, Floats]:
    """A record of a photo with some faces, and embeddings that are its own."""
    vectors = np.arange(faces * DIMENSION, dtype=np.float32).reshape(faces, DIMENSION) + 1000 * len(name)
    record: Record = {"source": name, "stamp": [faces], "faces": [{"id": name}] * faces, "errors": [], "notes": []}
    return record, vectors


BATCHES: list[Batch] = [
    [source("a.jpg", 2), source("bb\n.jpg", 0)],
    [source("ccc\udce9.jpg", 1)],
    [source("dddd.jpg", 0)],
    [source("eeeee.jpg", 3), source("ffffff.jpg", 1)],
]
NAMES = [record["source"] for batch in BATCHES for record, _ in batch]
# The sources that are known after each number of whole batches.
PREFIXES = [[record["source"] for batch in BATCHES[:count] for record, _ in batch] for count in range(5)]


def rows(journal: Journal) -> dict[str, list[list[float]]]:
    """The embeddings of each source."""
    vectors = journal.vectors()
    return {
        name: vectors[record["row"] : record["row"] + len(record["faces"])].tolist()
        for name, record in journal.records.items()
    }


EXPECTED = {record["source"]: vectors.tolist() for batch in BATCHES for record, vectors in batch}


def finish(journal: Journal) -> None:
    """Add the batches that the journal does not know yet."""
    for batch in BATCHES:
        missing = [entry for entry in batch if entry[0]["source"] not in journal.records]
        if missing:
            journal.add(missing)


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    """The folder of a journal with all batches, not removed."""
    folder = tmp_path / "whole"
    with Journal(folder, SETTINGS, DIMENSION) as journal:
        finish(journal)
        assert rows(journal) == EXPECTED
    return folder


def killed(whole: Path, *, lines: int | None = None, vectors: int | None = None) -> Path:
    """A copy of the journal as a kill leaves it: its files cut to so many bytes."""
    folder = whole.with_name("killed")
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(whole, folder)
    for name, length in (("journal.jsonl", lines), ("embeddings.f32", vectors)):
        if length is not None:
            (folder / name).write_bytes((folder / name).read_bytes()[:length])
    return folder


def assert_goes_on(folder: Path) -> int:
    """It holds whole batches, can be finished, and is then complete also for the next run. How many it held."""
    with Journal(folder, SETTINGS, DIMENSION) as journal:
        known = list(journal.records)
        assert known in PREFIXES
        assert rows(journal) == {name: EXPECTED[name] for name in known}
        finish(journal)
        assert rows(journal) == EXPECTED
    with Journal(folder, SETTINGS, DIMENSION) as journal:
        assert sorted(journal.records) == sorted(NAMES)
        assert rows(journal) == EXPECTED
    return len(known)


def test_a_new_journal_is_empty(tmp_path: Path) -> None:
    with Journal(tmp_path / "deep" / "journal", SETTINGS, DIMENSION) as journal:
        assert journal.records == {}
        assert journal.vectors().shape == (0, DIMENSION)


def test_a_journal_that_was_closed_goes_on(whole: Path) -> None:
    assert assert_goes_on(whole) == len(NAMES)


def test_killed_at_any_byte_of_its_lines(whole: Path) -> None:
    size = (whole / "journal.jsonl").stat().st_size
    held = [assert_goes_on(killed(whole, lines=length)) for length in range(size + 1)]
    assert sorted(set(held)) == [0, 2, 3, 4, 6]
    assert held == sorted(held)


def test_killed_at_any_byte_of_its_vectors(whole: Path) -> None:
    size = (whole / "embeddings.f32").stat().st_size
    assert size == 7 * DIMENSION * 4
    held = [assert_goes_on(killed(whole, vectors=length)) for length in range(size + 1)]
    # Two faces come with two sources; the third face with one, and then a source without faces; four faces with two.
    assert held == [0] * 24 + [2] * 12 + [4] * 48 + [6]


def test_killed_between_the_vectors_and_the_line(whole: Path) -> None:
    """The vectors of a batch are there, its line is not: they are overwritten, not counted twice."""
    lines = (whole / "journal.jsonl").read_bytes().splitlines(keepends=True)
    for count in range(4):
        folder = killed(whole, lines=len(b"".join(lines[:count])))
        assert assert_goes_on(folder) == len(PREFIXES[count])
        assert (folder / "embeddings.f32").stat().st_size == 7 * DIMENSION * 4


RUBBISH = [
    *(b"\0" * 40, b"\0" * 40 + b"\n", b'{"rows": 7, "records', b"not json\n", b"[" * 100_000 + b"\n"),
    # JSON, but not what was written
    *(b"1\n", b"[]\n", b"{}\n", b'{"rows": 7}\n', b'{"rows": 7.0, "records": []}\n', b'{"rows": 6, "records": []}\n'),
    *(
        b'{"rows": 7, "records": {}}\n',
        b'{"rows": 7, "records": [{}]}\n',
        b'{"rows": 7, "records": [{"source": "x"}]}\n',
    ),
    b'{"rows": 7, "records": [{"source": "x", "stamp": [], "faces": [1], "errors": [], "notes": [], "row": 0}]}\n',
    b'{"rows": 7, "records": [{"source": "x", "stamp": [], "faces": [{}], "errors": [], "notes": [], "row": 7}]}\n',
]


@pytest.mark.parametrize("rubbish", RUBBISH)
def test_rubbish_after_the_last_line_is_cut_off(whole: Path, rubbish: bytes) -> None:
    with (whole / "journal.jsonl").open("ab") as file:
        file.write(rubbish)
    assert assert_goes_on(whole) == len(NAMES)


def test_a_source_that_is_done_again_counts_as_it_was_last(whole: Path) -> None:
    changed: Record = source("a.jpg", 1)[0] | {"stamp": [99]}
    with Journal(whole, SETTINGS, DIMENSION) as journal:
        journal.add([(changed, np.full((1, DIMENSION), 7, np.float32))])
    with Journal(whole, SETTINGS, DIMENSION) as journal:
        assert journal.records["a.jpg"]["stamp"] == [99]
        assert rows(journal) == EXPECTED | {"a.jpg": [[7.0] * DIMENSION]}


@pytest.mark.parametrize("settings", [SETTINGS | {"min_face": 21}, {"model": "one"}])
def test_work_done_under_other_settings_is_thrown_away(whole: Path, settings: dict[str, object]) -> None:
    with Journal(whole, settings, DIMENSION) as journal:
        assert journal.records == {}
        assert journal.vectors().shape == (0, DIMENSION)
        journal.add(BATCHES[1])
    with Journal(whole, settings, DIMENSION) as journal:
        assert list(journal.records) == PREFIXES[2][2:]


@pytest.mark.parametrize("settings", [b"", b"{", b"[]", None], ids=["empty", "cut", "something else", "none"])
def test_work_of_unknown_settings_is_thrown_away(whole: Path, settings: bytes | None) -> None:
    path = whole / "settings.json"
    path.unlink()
    if settings is not None:
        path.write_bytes(settings)
    with Journal(whole, SETTINGS, DIMENSION) as journal:
        assert journal.records == {}
    assert assert_goes_on(whole) == 0


def test_a_removed_journal_leaves_nothing(whole: Path) -> None:
    with Journal(whole, SETTINGS, DIMENSION) as journal:
        journal.remove()
    assert not whole.exists()


def test_two_runs_cannot_share_a_journal(whole: Path) -> None:
    with Journal(whole, SETTINGS, DIMENSION) as journal:
        with pytest.raises(InputError, match=f"another run is writing to {whole.parent}"):
            Journal(whole, SETTINGS, DIMENSION)
        assert rows(journal) == EXPECTED
    assert assert_goes_on(whole) == len(NAMES)


class Ending(PosixPath):
    """A path at which another run ends, and takes its journal away, just when a file has been opened."""

    runs: ClassVar[list[Journal]] = []

    def open(self, *arguments: Any, **options: Any) -> Any:
        file = super().open(*arguments, **options)
        if self.runs:
            self.runs.pop().remove()
        return file


@posix
def test_a_run_that_begins_while_another_ends_has_a_journal_of_its_own(tmp_path: Path) -> None:
    first = Journal(tmp_path / "journal", SETTINGS, DIMENSION)
    first.add(BATCHES[0])
    Ending.runs.append(first)
    with Journal(Ending(tmp_path / "journal"), SETTINGS, DIMENSION) as journal:
        assert Ending.runs == []
        assert journal.records == {}
        with pytest.raises(InputError, match="another run is writing to"):
            Journal(tmp_path / "journal", SETTINGS, DIMENSION)
        finish(journal)
        assert rows(journal) == EXPECTED
    assert assert_goes_on(tmp_path / "journal") == len(NAMES)


class Coveted(PosixPath):
    """A path that another run tries to make a journal at whenever a file is deleted."""

    begun: ClassVar[list[Journal]] = []

    def unlink(self, missing_ok: bool = False) -> None:
        with pytest.raises(InputError, match="another run is writing to"):
            Journal(Path(str(self.parent)), SETTINGS, DIMENSION)
        super().unlink(missing_ok)
        if self.name == "journal.jsonl":
            self.begun.append(Journal(Path(str(self.parent)), SETTINGS, DIMENSION))


@posix
def test_a_run_that_ends_leaves_the_files_of_the_next_one(tmp_path: Path) -> None:
    with Journal(Coveted(tmp_path / "journal"), SETTINGS, DIMENSION) as journal:
        finish(journal)
        journal.remove()
    (begun,) = Coveted.begun
    with begun:
        finish(begun)
    assert assert_goes_on(tmp_path / "journal") == len(NAMES)


@posix
def test_the_embeddings_are_those_of_the_open_file(whole: Path) -> None:
    with Journal(whole, SETTINGS, DIMENSION) as journal:
        (whole / "embeddings.f32").unlink()
        (whole / "embeddings.f32").write_bytes(bytes(4 * DIMENSION * 9))
        assert rows(journal) == EXPECTED
        journal.add([source("ggggggg.jpg", 1)])
        assert journal.vectors()[7].tolist() == [11000, 11001, 11002]


def test_a_folder_that_cannot_be_is_an_input_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(InputError, match=r"cannot write .*; choose another output folder"):
        Journal(tmp_path / "file" / "journal", SETTINGS, DIMENSION)


FILL = """
import resource, sys
import numpy as np
from pathlib import Path
from perceptkit.errors import DeviceError
from perceptkit.face.extracting.journal import Journal
resource.setrlimit(resource.RLIMIT_FSIZE, (8000, 8000))
rows = int(sys.argv[1])
try:
    with Journal(Path("journal"), {"model": "one", "min_face": 20}, 3) as journal:
        for number in range(1000):
            record = {"source": str(number), "stamp": [], "faces": [], "errors": [], "notes": []}
            journal.add([(record, np.full((rows, 3), number, np.float32))])
except DeviceError as error:
    print(number, error)
"""


@posix
@pytest.mark.parametrize("rows", [1, 100], ids=["the lines are too long", "the vectors are too many"])
def test_a_full_disk_is_one_error_and_the_work_before_it_is_kept(tmp_path: Path, rows: int) -> None:
    program = [sys.executable, "-c", FILL, str(rows)]
    done = subprocess.run(program, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    count, _, message = done.stdout.partition(" ")
    assert message.startswith("cannot write journal: the disk is full, over quota, or the file-size limit is reached")
    with Journal(tmp_path / "journal", SETTINGS, DIMENSION) as journal:
        assert list(journal.records) == [str(number) for number in range(int(count))]
        assert int(count) > 5
        np.testing.assert_array_equal(journal.vectors()[:, 0], np.repeat(np.arange(int(count)), rows))
