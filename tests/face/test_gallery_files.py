"""Galleries that are broken, hostile, killed, crowded or without room: refused or whole, and nothing else touched."""

from __future__ import annotations

import json
import os
import pickle
import resource
import shutil
import signal
import sys
import threading
import time
import warnings
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from galleries import EMPTY, PICTURE, add, enrolled, identity_of, same, with_people
from perceptkit.errors import DeviceError, InputError
from perceptkit.face.gallery import erase, erase_everybody, load_gallery, remove, rename
from perceptkit.face.gallery.files import changing
from perceptkit.face.store import load_embeddings
from perceptkit.locks import locked
from systems import linux, posix, root, small_disk, unprivileged


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A gallery of Anna and Ben."""
    add(tmp_path / "staff", "Anna", "Ben")
    return tmp_path / "staff"


def arrays_in(folder: Path) -> dict[str, Any]:
    with np.load(folder / "embeddings.npz", allow_pickle=False) as arrays:
        return dict(arrays)


def document_in(folder: Path) -> Any:
    return json.loads((folder / "gallery.json").read_text())


def contents(folder: Path) -> dict[str, bytes]:
    """All files below a folder; of links where they lead to."""
    return {
        str(path.relative_to(folder)): os.fsencode(path.readlink()) if path.is_symlink() else path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_symlink() or (path.is_file() and path.name != "gallery.lock")
    }


def check_refused(folder: Path, problem: str = ".") -> None:
    """Whatever is done with a gallery is one error, and all files are as before."""
    before = contents(folder)
    acts: list[Callable[[], Any]] = [
        lambda: load_gallery(folder),
        lambda: rename(folder, "Anna", "Cleo"),
        lambda: remove(folder, "Anna"),
        lambda: erase(folder, "Anna"),
        lambda: add(folder, "Cleo"),
    ]
    for act in acts:
        with pytest.raises(InputError, match=problem):
            act()
    assert contents(folder) == before


# ---- Hostile


class Trap:
    """What makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("name", ["embeddings", "face_ids", "quality", "extra"])
def test_objects_among_the_arrays_are_not_made(folder: Path, tmp_path: Path, name: str) -> None:
    np.savez(folder / "embeddings.npz", **{**arrays_in(folder), name: np.array([Trap(tmp_path / "sprung")] * 6)})
    if name == "extra":  # nobody looks at it
        assert load_gallery(folder).names == ("Anna", "Ben")
    else:
        check_refused(folder, "is not a file of embeddings")
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("name", ["embeddings.npz", "gallery.json"])
def test_a_pickle_instead_of_a_file_is_not_run(folder: Path, tmp_path: Path, name: str) -> None:
    (folder / name).write_bytes(pickle.dumps(Trap(tmp_path / "sprung")))
    check_refused(folder, name)
    assert not (tmp_path / "sprung").exists()


def test_arrays_that_unpack_to_far_more_are_refused(folder: Path) -> None:
    np.savez_compressed(folder / "embeddings.npz", **{**arrays_in(folder), "embeddings": np.zeros((20_000, 512), "f4")})
    check_refused(folder, "its parts are compressed")


@pytest.mark.parametrize("count", [10**7, 10**12, 10**17])
def test_an_array_that_claims_to_be_huge_is_refused(folder: Path, count: int) -> None:
    with zipfile.ZipFile(folder / "embeddings.npz") as good:
        parts = {name: good.read(name) for name in good.namelist()}
    whole = parts["embeddings.npy"]
    parts["embeddings.npy"] = whole.replace(b"(6, 8), }" + b" " * 18, f"({count}, 8), }}".encode().ljust(27))
    assert whole != parts["embeddings.npy"]
    with zipfile.ZipFile(folder / "embeddings.npz", "w") as bad:
        for name, data in parts.items():
            bad.writestr(name, data)
    check_refused(folder, "is not a file of embeddings")


@pytest.mark.parametrize("name", ["embeddings.npz", "gallery.json"])
def test_a_file_cut_short_anywhere_is_refused(folder: Path, name: str) -> None:
    before, whole = load_gallery(folder), (folder / name).read_bytes()
    for part in range(20):
        (folder / name).write_bytes(whole[: len(whole) * part // 20])
        with pytest.raises(InputError, match=name):
            load_gallery(folder)
    check_refused(folder)
    (folder / name).write_bytes(whole)
    assert same(load_gallery(folder), before)


def test_a_changed_byte_is_noticed_or_does_not_matter(folder: Path) -> None:
    before, whole = load_gallery(folder), (folder / "embeddings.npz").read_bytes()
    for place in range(0, len(whole), 37):
        (folder / "embeddings.npz").write_bytes(whole[:place] + bytes([whole[place] ^ 0x10]) + whole[place + 1 :])
        with suppress(InputError):
            assert same(load_gallery(folder), before)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "{}",
        "\x00" * 100,
        "[" * 100_000,
        '{"people": ' * 100_000,
        '{"people": [' + "1" * 100_000 + "]}",
        '{"format": "\\ud800"}',
        '\ufeff{"format": "perceptkit gallery"}',
        '{"format": "another"}',
        '{"format": "perceptkit gallery", "version": 2}',
        '{"format": "perceptkit gallery", "version": "1"}',
    ],
    ids=range(13),
)
def test_other_documents_are_refused(folder: Path, text: str) -> None:
    (folder / "gallery.json").write_text(text)
    check_refused(folder, r"gallery\.json is not a gallery that this perceptkit reads")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"time": 0.5', '"time": NaN'),
        ('"time": 0.5', '"time": Infinity'),
        ('"time": 0.5', '"time": 1e999'),
        ('"time": 0.5', '"time": -1'),
        ('"time": 0.5', '"time": "0.5"'),
        ('"time": 0.5', '"time": ' + "9" * 1000),
        ('"time": 0.5', '"time": true'),
        ('"quality": 0.5', '"quality": 1.5'),
        ('"quality": 0.5', '"quality": NaN'),
        ('"yaw": 10.0', '"yaw": 1e300'),
        ('"mean": [', '"mean": [1e999, '),
        ('"mean": [', '"mean": [1e300, '),
        ('"mean": [', '"mean": ["0", '),
        ('"mean": [', '"mean": [[], '),
        ('"mean": [', '"mean": [0, '),
        ('"mean": [', '"mean": [], "old": ['),
        ('"mean": [', '"mean": {}, "old": ['),
        ('"name": "Anna"', '"name": null'),
        ('"name": "Anna"', '"name": "\\ud800"'),
        ('"name": "Anna"', '"name": "A\\u0000nna"'),
        ('"name": "Anna"', '"name": "Ann\\u202ea"'),
        ('"name": "Anna"', '"name": " Anna"'),
        ('"name": "Anna"', '"name": "A\\u0308nna"'),
        ('"name": "Anna"', '"name": "unknown"'),
        ('"name": "Anna"', '"name": ""'),
        ('"name": "Anna"', '"name": "' + "a" * 1_000_000 + '"'),
        ('"name": "Anna"', '"name": "Ben"'),
        ('"enrolled": "2024', '"enrolled": "\\u001b[31m2024'),
        ('"enrolled": "2024-05-01', '"enrolled": "٢٠٢٤-05-01'),
        ('"id": "0000000000000001"', '"id": "../../00000000"'),
        ('"id": "0000000000000001"', '"id": "0000000000000009"'),
        (identity_of("Anna"), identity_of("Ben")),
        (identity_of("Anna"), "../../../../../../../tmp/anna0000"),
        (identity_of("Anna"), "/tmp/anna00000000000000000000000"),
        (identity_of("Anna"), identity_of("Anna").upper()),
        (identity_of("Anna"), identity_of("Anna") + "\\n"),
        ('"prototypes": [', '"prototypes": [], "old": ['),
        ('"prototypes": [', '"prototypes": [null, '),
        ('"people": [', '"people": [0, '),
        ('"people": [', '"people": {}, "old": ['),
        ('"model": "yunet"', '"model": 5'),
        ('"model": "yunet"', '"model": "sface"'),
        ("ab" * 32, "cd" * 32),
        ("ab" * 32, "ab" * 31),
        ('"version": 1', '"version": 2'),
    ],
)  # fmt: skip
def test_documents_that_were_tampered_with_are_refused(folder: Path, old: str, new: str) -> None:
    whole = (folder / "gallery.json").read_text()
    assert old in whole
    (folder / "gallery.json").write_text(whole.replace(old, new, 1))
    check_refused(folder)


def test_keys_that_nobody_knows_are_passed_over_and_of_one_given_twice_the_last_counts(folder: Path) -> None:
    before = load_gallery(folder)
    whole = (folder / "gallery.json").read_text()
    odd = whole.replace('"name": "Anna"', '"name": "Cleo", "__class__": "os.system", "name": "Anna"')
    (folder / "gallery.json").write_text(odd)
    assert same(load_gallery(folder), before)
    rename(folder, "Ben", "Ben")
    assert (folder / "gallery.json").read_text() == whole


def test_what_is_wrong_is_said_with_its_place(folder: Path) -> None:
    document = document_in(folder)
    document["people"][1]["prototypes"][2]["quality"] = 2
    (folder / "gallery.json").write_text(json.dumps(document))
    with pytest.raises(InputError, match=r"is not .*: people\.1\.prototypes\.2\.quality: Input should be less"):
        load_gallery(folder)


@posix
@pytest.mark.parametrize("rubbish", ["0,", "[],", "{},", '{"id":"a"},', '"a",', "-1e5,"])
def test_a_document_of_rubbish_costs_no_memory(folder: Path, rubbish: str) -> None:
    """4 MB of faults, of which each was once kept with its words: gigabytes."""
    people = (rubbish * (4_000_000 // len(rubbish))).rstrip(",")
    facts = f'"model": "yunet", "model_sha256": "{"ab" * 32}"'
    text = f'{{"format": "perceptkit gallery", "version": 1, {facts}, "people": [{people}]}}'
    (folder / "gallery.json").write_text(text)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(InputError, match=r"people\.0"):
        load_gallery(folder)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000  # kilobytes


def test_a_document_that_is_too_large_is_not_read(folder: Path) -> None:
    with (folder / "gallery.json").open("r+b") as file:
        file.truncate(10**12)  # of which nothing is on the disk
    with pytest.raises(InputError, match="has 1,000,000,000,000 bytes; that is no gallery"):
        load_gallery(folder)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"model_sha256": np.array("cd" * 32)}, r"damaged: embeddings.npz was made by yunet \(sha256 cdcdcdcdcdcd\)"),
        ({"model": np.array("sface")}, "damaged: embeddings.npz was made by sface"),
        ({"face_ids": np.array(["a/b"] * 6)}, "holds a face twice"),
        ({"face_ids": np.array([str(n) for n in range(6)])}, "lacks faces that gallery.json names"),
        ({"embeddings": np.eye(6, 8, dtype="f4")}, "the mean of 'Anna' is not that of the faces"),
        ({"embeddings": np.eye(6, dtype="f4")}, "the mean of 'Anna' is not that of the faces"),
        ({"embeddings": np.ones((6, 8), "f4")}, "a vector is not of length 1"),
        ({"embeddings": np.eye(5, 8, dtype="f4")}, "6 ids, 6 sources"),
        ({"embeddings": np.full((6, 8), np.nan, "f4")}, "a vector is not of length 1"),
        ({"version": np.array(9)}, "version 9"),
    ],
)
def test_embeddings_that_do_not_fit_are_refused(folder: Path, change: dict[str, Any], problem: str) -> None:
    np.savez(folder / "embeddings.npz", **{**arrays_in(folder), **change})
    check_refused(folder, problem)


def test_embeddings_of_another_gallery_are_refused(folder: Path, tmp_path: Path) -> None:
    add(tmp_path / "other", "Cleo")
    (folder / "embeddings.npz").write_bytes((tmp_path / "other" / "embeddings.npz").read_bytes())
    check_refused(folder, "lacks faces that gallery.json names; enrol these people again")


@pytest.mark.parametrize("name", ["gallery.json", "embeddings.npz"])
def test_a_file_that_is_missing_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(InputError, match=name):
        load_gallery(folder)


# ---- What could not be read again is not written


@pytest.mark.parametrize(
    "wrong",
    [
        replace(enrolled("Cleo"), id="../../../../tmp/cleo"),
        replace(enrolled("Cleo"), enrolled="yesterday"),
        replace(enrolled("Cleo"), mean=np.full(8, np.nan, np.float32)),
        replace(enrolled("Cleo", faces=1), prototypes=(replace(enrolled("Cleo").prototypes[0], quality=2.0),)),
        replace(enrolled("Cleo", faces=1), prototypes=(replace(enrolled("Cleo").prototypes[0], source="\ud800"),)),
    ],
    ids=["id", "time", "mean", "quality", "source"],
)  # fmt: skip
def test_who_could_not_be_read_again_is_not_written(folder: Path, wrong: Any) -> None:
    before = contents(folder)
    with changing(folder) as change, pytest.raises(InputError, match="this cannot be kept in a gallery: "):
        change.save(with_people(*change.gallery.people, wrong), pictures={wrong.id: PICTURE})
    assert contents(folder) == before
    assert [path.name for path in folder.parent.iterdir()] == ["staff"]


# ---- Links and other kinds of files


@posix
@pytest.mark.parametrize("name", ["gallery.json", "embeddings.npz", "pictures", "gallery.lock"])
@pytest.mark.parametrize("there", [True, False], ids=["to something", "to nothing"])
def test_links_are_not_followed(folder: Path, tmp_path: Path, name: str, there: bool) -> None:
    outside = tmp_path / "outside"
    if there:
        (folder / name).rename(outside)
    elif name == "pictures":
        (folder / name).rename(tmp_path / "old")
    else:
        (folder / name).unlink()
    (folder / name).symlink_to(outside)
    victim = outside / f"{'0' * 32}-1.png"
    if outside.is_dir():
        victim.write_text("mine")
    before = contents(tmp_path)
    check_refused(folder, "is a link, or another kind of file than a gallery has; remove it")
    assert contents(tmp_path) == before
    erase_everybody(folder)
    assert not folder.exists()
    outer = {path: data for path, data in before.items() if not path.startswith("staff")}
    assert contents(tmp_path) == outer


@posix
def test_a_picture_that_is_a_link_leads_nowhere(folder: Path, tmp_path: Path) -> None:
    for number, name in enumerate(["taken", "free"], 1):
        (tmp_path / name).write_text("mine")
        (folder / "pictures" / f"{identity_of('Cleo')}-{number}.png").symlink_to(tmp_path / name)
    (folder / f".{'a' * 32}.part").symlink_to(tmp_path / "taken")
    with changing(folder) as change:
        cleo = enrolled("Cleo")
        change.save(with_people(*change.gallery.people, cleo), pictures={cleo.id: PICTURE})
    erase(folder, "Cleo")
    assert not (folder / f".{'a' * 32}.part").is_symlink()
    assert {path.name for path in (folder / "pictures").iterdir()} == {
        f"{identity_of(name)}-1.png" for name in ("Anna", "Ben")
    }
    assert [(tmp_path / name).read_text() for name in ("taken", "free")] == ["mine", "mine"]


@posix
@pytest.mark.parametrize("name", ["gallery.json", "embeddings.npz", "gallery.lock"])
def test_a_pipe_is_not_waited_for(folder: Path, name: str) -> None:
    (folder / name).unlink()
    os.mkfifo(folder / name)
    with pytest.raises(InputError, match="another kind of file"):
        load_gallery(folder)
    with pytest.raises(InputError, match="another kind of file"):
        remove(folder, "Anna")
    erase_everybody(folder)
    assert not folder.exists()


def test_a_folder_called_like_a_picture_stays(folder: Path) -> None:
    (folder / "pictures" / f"{'0' * 32}-1.png").mkdir()
    erase(folder, "Anna")
    assert load_gallery(folder).names == ("Ben",)


@posix
def test_the_folder_itself_may_be_a_link(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(folder)
    assert add(tmp_path / "link", "Cleo").names == ("Anna", "Ben", "Cleo")
    assert load_gallery(folder).names == ("Anna", "Ben", "Cleo")


# ---- Folders that are none


@pytest.mark.parametrize("name", ["photos.txt", "embeddings.npz", "pictures/me.png"])
def test_a_gallery_does_not_begin_among_other_things(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("mine")
    with pytest.raises(InputError, match="is not empty and holds no gallery; choose another folder"):
        add(tmp_path, "Anna")
    assert contents(tmp_path) == {name: b"mine"}


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "staff").write_text("mine")
    with pytest.raises(InputError, match="is a file; choose a folder"):
        add(tmp_path / "staff", "Anna")
    with pytest.raises(InputError, match=r"Not a directory|holds no gallery"):
        load_gallery(tmp_path / "staff")


@pytest.mark.parametrize("act", [load_gallery, erase_everybody, lambda folder: remove(folder, "Anna")])
def test_where_there_is_no_gallery_nothing_is_made(tmp_path: Path, act: Callable[[Path], Any]) -> None:
    (tmp_path / "empty").mkdir()
    for name in ("empty", "missing"):
        with pytest.raises(InputError, match="holds no gallery"):
            act(tmp_path / name)
    assert [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")] == ["empty"]


# ---- Killed


def killed_at(step: int, act: Callable[[], Any]) -> bool:
    """Do something in a process that is killed before its nth step on files; whether it came to that."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of forks with threads: this one computes nothing
        child = os.fork()
    if not child:
        left = step

        def look(event: str, _: Any) -> None:
            nonlocal left
            if event in ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir"):
                left -= 1
                if left < 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        try:
            sys.addaudithook(look)
            act()
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def changes_of(folder: Path) -> dict[str, Callable[[], Any]]:
    def replace_anna() -> None:
        with changing(folder) as change:
            anew = replace(enrolled("Anna Berg"), name="Anna")
            change.save(with_people(anew, change.gallery.people[1]), pictures={anew.id: PICTURE})

    return {
        "add": lambda: add(folder, "Cleo"),
        "replace": replace_anna,
        "rename": lambda: rename(folder, "Anna", "Cleo"),
        "remove": lambda: remove(folder, "Anna"),
        "erase": lambda: erase(folder, "Anna"),
    }


@posix
@pytest.mark.parametrize("what", changes_of(Path()))
def test_killed_at_any_step_a_gallery_is_the_old_or_the_new_one(tmp_path: Path, what: str) -> None:
    old = add(tmp_path / "whole", "Anna", "Ben")
    changes_of(tmp_path / "whole")[what]()
    new = load_gallery(tmp_path / "whole")
    add(tmp_path / "made", "Anna", "Ben")
    seen = set()
    for step in range(100):
        folder = shutil.copytree(tmp_path / "made", tmp_path / str(step))
        if not killed_at(step, changes_of(folder)[what]):
            break
        found = load_gallery(folder)
        assert same(found, old) or same(found, new), step
        seen.add(same(found, new))
        # The next change does what was left to do.
        remove(folder, "Ben")
        stored = load_embeddings(folder).face_ids
        assert stored == tuple(f"{one.id}/{face.id}" for one in load_gallery(folder).people for face in one.prototypes)
        known = {one.id for one in load_gallery(folder).people}
        assert {path.name[:32] for path in (folder / "pictures").iterdir()} == known, step
        assert not list(folder.rglob("*.part")), step
    assert step > 4
    assert False in seen
    assert same(load_gallery(folder), new)


@posix
def test_an_erasure_that_was_killed_is_done_when_it_is_asked_for_again(tmp_path: Path) -> None:
    anna = enrolled("Anna")
    add(tmp_path / "made", "Anna", "Ben")
    for step in range(100):
        folder = shutil.copytree(tmp_path / "made", tmp_path / str(step))
        if not killed_at(step, lambda folder=folder: erase(folder, "Anna")):  # type: ignore[misc]
            break
        with suppress(InputError):  # nobody is called Anna any more
            erase(folder, "Anna")
        left = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
        assert not [mark for mark in (b"Anna", anna.id.encode(), anna.vectors[0].tobytes()) if mark in left], step
    assert step > 10


@posix
@pytest.mark.parametrize("erasing", [False, True], ids=["begun", "erased"])
def test_a_gallery_killed_as_it_begins_or_goes_does_not_stop_anybody(tmp_path: Path, erasing: bool) -> None:
    for step in range(100):
        folder = tmp_path / str(step)
        if erasing:
            add(folder, "Anna")
        if not killed_at(step, lambda folder=folder: erase_everybody(folder) if erasing else add(folder, "Anna")):  # type: ignore[misc]
            break
        if erasing:
            if (folder / "gallery.json").exists():
                erase_everybody(folder)
            left = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
            assert b"Anna" not in left, step
        assert "Ben" in add(folder, "Ben").names
    assert step > 5


@posix
def test_an_interruption_leaves_the_gallery_as_it_was(folder: Path) -> None:
    class Interrupted(dict[str, bytes]):
        """Two pictures; Ctrl+C is pressed after the first."""

        def items(self) -> Any:
            yield from super().items()
            raise KeyboardInterrupt

    before = contents(folder)
    cleo = enrolled("Cleo")
    with changing(folder) as change:
        new = with_people(*change.gallery.people, cleo)
        with pytest.raises(KeyboardInterrupt):
            change.save(new, pictures=Interrupted({cleo.id: PICTURE}))
        assert contents(folder) == before
        change.save(new)
    assert load_gallery(folder).names == ("Anna", "Ben", "Cleo")


# ---- No room, no rights


@linux
@root
@pytest.mark.parametrize("act", ["add", "begin"])
def test_a_full_disk_is_one_error_and_the_gallery_is_as_it_was(tmp_path: Path, act: str) -> None:
    with small_disk(tmp_path / "small", "300k") as disk:
        folder = disk / "staff"
        if act == "add":
            add(folder, "Anna", "Ben")
        before = contents(disk)
        for left in range(0, 60_000, 8192):
            fill(disk / "other", left)
            with pytest.raises(DeviceError, match=r"the disk is full.*; free some space"):
                add_many(folder)
            (disk / "other").unlink()
            assert contents(disk) == before
        assert "Dora" in add(folder, "Dora").names


def add_many(folder: Path) -> None:
    cleo = enrolled("Cleo", faces=900)
    with changing(folder, make=EMPTY) as change:
        change.save(with_people(*change.gallery.people, cleo), pictures={cleo.id: bytes(20_000)})


def fill(path: Path, left: int) -> None:
    """Fill the disk but for some bytes."""
    with path.open("wb", buffering=0) as file:
        while True:
            try:
                file.write(bytes(4096))
            except OSError:
                break
        file.truncate(max(0, file.tell() - left))


@unprivileged
def test_in_a_folder_that_may_only_be_read_nothing_is_changed(folder: Path) -> None:
    before = contents(folder)
    (folder / "pictures").chmod(0o555)
    folder.chmod(0o555)
    try:
        assert load_gallery(folder).names == ("Anna", "Ben")
        acts: list[Callable[[], Any]] = [
            lambda: add(folder, "Cleo"),
            lambda: remove(folder, "Anna"),
            lambda: erase_everybody(folder),
        ]
        for act in acts:
            with pytest.raises(InputError, match=r"cannot write .*staff"):
                act()
        assert contents(folder) == before
    finally:
        folder.chmod(0o755)
        (folder / "pictures").chmod(0o755)


# ---- Many at once


def together(*acts: Callable[[], Any]) -> None:
    """Do several things at once; the first error of any of them is raised."""
    barrier = threading.Barrier(len(acts))

    def run(act: Callable[[], Any]) -> None:
        barrier.wait()
        act()

    with ThreadPoolExecutor(len(acts)) as threads:
        for done in [threads.submit(run, act) for act in acts]:
            done.result()


def test_of_changes_at_once_none_is_lost(tmp_path: Path) -> None:
    """Six who begin the same gallery."""
    folder = tmp_path / "staff"
    names = [f"P{number}" for number in range(6)]
    together(*[lambda name=name: add(folder, name) for name in names])
    assert sorted(load_gallery(folder).names) == names


def test_who_reads_while_others_change_always_finds_a_whole_gallery(folder: Path) -> None:
    done = threading.Event()
    seen: set[tuple[str, ...]] = set()

    def change() -> None:
        try:
            for _ in range(8):
                add(folder, "Cleo")
                erase(folder, "Cleo")
        finally:
            done.set()

    def look() -> None:
        while not done.is_set():
            gallery = load_gallery(folder)
            assert all(same(with_people(person), with_people(enrolled(person.name))) for person in gallery.people)
            seen.add(gallery.names)

    together(change, look)
    assert seen
    assert seen <= {("Anna", "Ben"), ("Anna", "Ben", "Cleo")}


def erase_while_others_wait(folder: Path, logged: pytest.LogCaptureFixture, *acts: Callable[[], Any]) -> None:
    """What is done once a gallery, for whose lock it waited, is gone, with its lock."""
    with ThreadPoolExecutor() as threads:
        with locked(folder / "gallery.lock"):
            waiting = [threads.submit(act) for act in acts]
            while logged.messages.count("another process is working on gallery; waiting for it") < len(acts):
                time.sleep(0.001)
            for name in ("embeddings.npz", "gallery.json", "gallery.lock"):
                (folder / name).unlink()
        for each in waiting:
            each.result(timeout=20)


@posix
def test_who_waited_while_a_gallery_was_erased_begins_another(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Those who have waited for the lock that is gone must not all think that they have it."""
    folder = tmp_path / "staff"
    with changing(folder, make=EMPTY) as change:
        change.save(with_people(enrolled("Anna")))
    names = ["Cleo", "Dora", "Emil"]
    erase_while_others_wait(folder, caplog, *[lambda name=name: add(folder, name) for name in names])
    assert sorted(load_gallery(folder).names) == names


@posix
def test_who_waited_to_change_an_erased_gallery_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = tmp_path / "staff"
    with changing(folder, make=EMPTY) as change:
        change.save(with_people(enrolled("Anna")))
    with pytest.raises(InputError, match="holds no gallery"):
        erase_while_others_wait(folder, caplog, lambda: remove(folder, "Anna"))
    assert list(folder.iterdir()) == []
