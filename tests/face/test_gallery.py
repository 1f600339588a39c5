"""People in galleries: named, renamed, removed, erased and recognised."""

from __future__ import annotations

import json
import os
import unicodedata
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from galleries import EMPTY, PICTURE, add, enrolled, identity_of, same, unit, with_people
from perceptkit.errors import InputError
from perceptkit.face.gallery import (
    Enrolled,
    Gallery,
    Identity,
    Prototype,
    describe,
    erase,
    erase_everybody,
    load_gallery,
    recognise,
    remove,
    rename,
)
from perceptkit.face.gallery.files import changing, pictures_of
from perceptkit.face.gallery.identity import name_of
from perceptkit.face.gallery.people import check_name, mean_of
from perceptkit.face.store import load_embeddings
from systems import posix


def files_in(folder: Path) -> list[str]:
    """The names of all files below a folder, without its lock."""
    paths = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    return sorted(path.as_posix() for path in paths if path.name != "gallery.lock")


def test_who_was_enrolled_is_there_again(tmp_path: Path) -> None:
    folder = tmp_path / "staff"
    people = enrolled("Anna"), enrolled("Ben", faces=1), enrolled("Zoë 合影", quality=None)
    with changing(folder, make=EMPTY) as change:
        saved = change.save(with_people(*people))
    loaded = load_gallery(folder)
    assert same(loaded, saved)
    assert same(loaded, with_people(*people))
    assert loaded.names == ("Anna", "Ben", "Zoë 合影")
    assert loaded.people[0].vectors.dtype == loaded.people[0].mean.dtype == np.float32
    assert files_in(folder) == ["embeddings.npz", "gallery.json"]


def test_a_photo_has_no_time_and_an_imported_face_no_quality(tmp_path: Path) -> None:
    anna = enrolled("Anna", quality=None)
    faces = tuple(replace(face, time=None, yaw=None) for face in anna.prototypes)
    with changing(tmp_path / "staff", make=EMPTY) as change:
        change.save(with_people(replace(anna, prototypes=faces)))
    assert load_gallery(tmp_path / "staff").person("Anna").prototypes == faces
    assert load_embeddings(tmp_path / "staff").quality.tolist() == [1, 1, 1]


def test_the_mean_is_weighted_by_quality_and_of_unit_length(tmp_path: Path) -> None:
    faces = [Prototype(f"{number:016x}", "a.jpg", None, quality, 0) for number, quality in enumerate([0.3, 0.4, 0])]
    mean = mean_of(np.stack([unit(1, 0), unit(0, 1), unit(-1, -1)]), tuple(faces))
    np.testing.assert_allclose(mean, unit(0.3, 0.4), atol=1e-6)
    unknown = tuple(replace(face, quality=None) for face in faces[:2])
    np.testing.assert_allclose(mean_of(np.stack([unit(1, 0), unit(0, 1)]), unknown), unit(1, 1), atol=1e-6)


def test_the_files_are_plain_for_others(tmp_path: Path) -> None:
    add(tmp_path / "staff", "Anna", "Ben")
    text = (tmp_path / "staff" / "gallery.json").read_text()
    document = json.loads(text)
    assert list(document) == ["format", "version", "model", "model_sha256", "people"]
    assert (document["format"], document["version"], document["model"]) == ("perceptkit gallery", 1, "yunet")
    assert [len(person["mean"]) for person in document["people"]] == [8, 8]
    assert [line[:9] for line in text.splitlines()][1:3] == [
        '{"id": "' + identity_of(name)[0] for name in ("Anna", "Ben")
    ]
    with np.load(tmp_path / "staff" / "embeddings.npz", allow_pickle=False) as arrays:
        np.testing.assert_array_equal(arrays["embeddings"][:3], enrolled("Anna").vectors)


def test_describe_says_what_is_kept_of_whom(tmp_path: Path) -> None:
    folder = tmp_path / "staff"
    add(folder, "Anna", "Ben")
    anna, ben = describe(folder)
    assert (anna["name"], anna["faces"], anna["enrolled"]) == ("Anna", 3, "2024-05-01T12:00:00+00:00")
    assert anna["prototypes"][1] == Prototype("0000000000000001", "Anna.mp4", 0.5, 0.5, 10.0)
    assert ben["pictures"] == [folder / "pictures" / f"{identity_of('Ben')}-1.png"]
    assert describe(folder, "Ben") == [ben]
    with pytest.raises(InputError, match="nobody in the gallery is called 'Cleo'; it knows: Anna, Ben"):
        describe(folder, "Cleo")


def test_rename_keeps_everything_else(tmp_path: Path) -> None:
    folder = tmp_path / "staff"
    before = add(folder, "Anna", "Ben")
    rename(folder, "Anna", " Anna Berg ")
    after = load_gallery(folder)
    assert after.names == ("Anna Berg", "Ben")
    assert same(after, replace(before, people=(replace(before.people[0], name="Anna Berg"), before.people[1])))
    assert len(pictures_of(folder, identity_of("Anna"))) == 1
    with pytest.raises(InputError, match="'Ben' is in the gallery already"):
        rename(folder, "Anna Berg", "Ben")
    with pytest.raises(InputError, match="nobody in the gallery is called 'Anna'"):
        rename(folder, "Anna", "Cleo")
    assert same(rename(folder, "Ben", "Ben"), after)


@pytest.mark.parametrize("take_out", [remove, erase], ids=["removed", "erased"])
def test_who_was_taken_out_is_gone_with_the_pictures(tmp_path: Path, take_out: object) -> None:
    folder = tmp_path / "staff"
    before = add(folder, "Anna", "Ben")
    (folder / "notes.txt").write_text("mine")
    (folder / "pictures" / "Anna.png").write_text("mine")
    (folder / ".holiday.part").write_text("mine")
    assert callable(take_out)
    left = take_out(folder, "Anna")
    assert left.names == ("Ben",)
    assert same(load_gallery(folder), replace(before, people=before.people[1:]))
    assert files_in(folder) == [
        ".holiday.part", "embeddings.npz", "gallery.json", "notes.txt", f"pictures/{identity_of('Ben')}-1.png",
        "pictures/Anna.png",
    ]  # fmt: skip
    assert all((folder / name).read_text() == "mine" for name in ("notes.txt", "pictures/Anna.png", ".holiday.part"))
    with pytest.raises(InputError, match="nobody in the gallery is called 'Anna'; it knows: Ben"):
        take_out(folder, "Anna")


def test_the_last_one_goes_and_another_comes(tmp_path: Path) -> None:
    folder = tmp_path / "staff"
    add(folder, "Anna")
    assert remove(folder, "Anna").people == ()
    assert load_gallery(folder).people == ()
    assert describe(folder) == []
    assert add(folder, "Ben").names == ("Ben",)
    assert same(load_gallery(folder), with_people(enrolled("Ben")))


def test_an_enrolment_more_gets_a_picture_more(tmp_path: Path) -> None:
    folder = tmp_path / "staff"
    anna = add(folder, "Anna").people[0]
    for number in range(2, 12):
        with changing(folder) as change:
            change.save(change.gallery, pictures={anna.id: str(number).encode()})
    assert [path.name for path in pictures_of(folder, anna.id)] == [f"{anna.id}-{n}.png" for n in range(1, 12)]
    assert [path.read_bytes() for path in pictures_of(folder, anna.id)[1:]] == [str(n).encode() for n in range(2, 12)]


def test_a_face_that_is_there_keeps_its_embedding_when_another_device_says_a_little_else(tmp_path: Path) -> None:
    folder = tmp_path / "staff"
    anna = enrolled("Anna", unit(1, 0), unit(0.9, 0.1))
    with changing(folder, make=EMPTY) as change:
        change.save(with_people(anna))
    more = enrolled("Anna", unit(1, 0.02), unit(0.9, 0.1), unit(0.8, 0.2))
    with changing(folder) as change:
        saved = change.save(with_people(more))
    loaded = load_gallery(folder)
    assert same(loaded, saved)
    np.testing.assert_array_equal(loaded.people[0].vectors, [unit(1, 0), unit(0.9, 0.1), unit(0.8, 0.2)])


# ---- Erasing


def traces(folder: Path, person: Enrolled) -> list[str]:
    """The files in which something of somebody is left: name, id, an embedding, the picture."""
    marks = [person.name.encode(), person.id.encode(), PICTURE + person.name.encode(), person.mean.tobytes()]
    marks += [json.dumps(person.name)[1:-1].encode(), person.id.encode("utf-32-le"), person.name.encode("utf-32-le")]
    marks += [part for vector in person.vectors for part in (vector.tobytes(), str(vector.tolist())[1:-1].encode())]
    marks += [str(round(float(person.mean[0]), 5)).encode()]
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [path.name for path in files if any(mark in path.read_bytes() for mark in marks)]


def test_of_somebody_erased_no_trace_is_left(tmp_path: Path) -> None:
    folder = tmp_path / "staff"
    anna = add(folder, "Anna Zoë", "Ben").people[0]
    assert set(traces(folder, anna)) == {"embeddings.npz", "gallery.json", f"{anna.id}-1.png"}
    erase(folder, "Anna Zoë")
    assert traces(folder, anna) == []
    assert not any(anna.id in path.name for path in folder.rglob("*"))


@posix
@pytest.mark.parametrize("everybody", [False, True], ids=["one", "all"])
def test_what_was_erased_was_overwritten(tmp_path: Path, everybody: bool) -> None:
    folder = tmp_path / "staff"
    anna = add(folder, "Anna", "Ben").people[0]
    names = ["gallery.json", "embeddings.npz", f"pictures/{anna.id}-1.png"]
    sizes = [(folder / name).stat().st_size for name in names]
    for number, name in enumerate(names):
        os.link(folder / name, tmp_path / f"old-{number}")
    if everybody:
        erase_everybody(folder)
    else:
        erase(folder, "Anna")
    assert [(tmp_path / f"old-{number}").read_bytes() for number in range(3)] == [bytes(size) for size in sizes]


def test_what_was_only_removed_is_not_overwritten(tmp_path: Path) -> None:
    """So that the test above shows something."""
    folder = tmp_path / "staff"
    add(folder, "Anna")
    os.link(folder / "embeddings.npz", tmp_path / "old")
    remove(folder, "Anna")
    assert enrolled("Anna").vectors.tobytes() in (tmp_path / "old").read_bytes()


def test_a_gallery_erased_is_gone_and_may_begin_again(tmp_path: Path) -> None:
    folder = tmp_path / "staff"
    add(folder, "Anna", "Ben")
    erase_everybody(folder)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(InputError, match="holds no gallery"):
        erase_everybody(folder)
    assert add(folder, "Cleo").names == ("Cleo",)


def test_other_files_stay_when_a_gallery_is_erased(tmp_path: Path) -> None:
    folder = tmp_path / "staff"
    add(folder, "Anna")
    for name in ("notes.txt", "pictures/me.png", ".mine.part"):
        (folder / name).write_text("mine")
    erase_everybody(folder)
    assert files_in(folder) == [".mine.part", "notes.txt", "pictures/me.png"]
    assert not (folder / "gallery.lock").exists()


@pytest.mark.parametrize("name", ["gallery.json", "embeddings.npz"])
@pytest.mark.parametrize("damage", ["cut", "missing", "empty"])
def test_a_damaged_gallery_can_be_erased(tmp_path: Path, name: str, damage: str) -> None:
    folder = tmp_path / "staff"
    add(folder, "Anna")
    path = folder / name
    path.write_bytes(path.read_bytes()[: 40 if damage == "cut" else 0])
    if damage == "missing" and name == "embeddings.npz":
        path.unlink()
    with pytest.raises(InputError):
        load_gallery(folder)
    erase_everybody(folder)
    assert list(tmp_path.iterdir()) == []


# ---- Names


def test_a_name_may_be_written_composed_or_not(tmp_path: Path) -> None:
    folder = tmp_path / "staff"
    composed, apart = (unicodedata.normalize(form, "Zoë Ångström") for form in ("NFC", "NFD"))
    assert composed != apart
    add(folder, check_name(apart))
    assert load_gallery(folder).person(apart).name == composed
    assert load_gallery(folder).person(composed).name == composed
    add(folder, "Ben")
    with pytest.raises(InputError, match="is in the gallery already"):
        rename(folder, "Ben", apart)
    assert remove(folder, apart).names == ("Ben",)


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("", "the name is empty"),
        (" \t ", "the name is empty"),
        ("a" * 201, "201 characters; give at most 200"),
        ("a" * 1_000_000, "1000000 characters; give at most 200"),
        ("Anna\0", "cannot be shown"),
        ("a\0b", "cannot be shown"),
        ("An\nna", "cannot be shown"),
        ("\x1b[31mAnna", "cannot be shown"),
        ("Anna\u202eavI", "cannot be shown"),
        ("Anna\u2066", "cannot be shown"),
        ("Anna\u200b", "cannot be shown"),
        ("Anna\u200d", "cannot be shown"),
        ("\u200c", "cannot be shown"),
        ("Anna\ud800", "cannot be shown"),
        ("Anna\ue000", "cannot be shown"),
        ("An\u2028na", "cannot be shown"),
        ("unknown", 'nobody can be called "unknown"'),
        (" UNKNOWN ", 'nobody can be called "unknown"'),
    ],
)
def test_names_that_mislead_are_refused(tmp_path: Path, name: str, problem: str) -> None:
    folder = tmp_path / "staff"
    before = add(folder, "Anna")
    with pytest.raises(InputError, match=problem):
        rename(folder, "Anna", name)
    assert same(load_gallery(folder), before)


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd",
        "/etc/passwd",
        "CON",
        "nul.png",
        "a" * 200,
        "..",
        "-rf",
        "a:b*c?",
        "\u0646\u0645\u06cc\u200c\u0631\u0648\u0645",
        "👩\u200d🚒",
    ],
)
def test_names_make_no_files(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "in" / "staff"
    anna = add(folder, "Anna").people[0]
    rename(folder, "Anna", name)
    with changing(folder) as change:
        change.save(change.gallery, pictures={anna.id: PICTURE})
    assert load_gallery(folder).names == (name,)
    assert files_in(tmp_path) == [
        f"in/staff/{each}"
        for each in ("embeddings.npz", "gallery.json", f"pictures/{anna.id}-1.png", f"pictures/{anna.id}-2.png")
    ]
    erase(folder, name)
    assert files_in(tmp_path) == ["in/staff/embeddings.npz", "in/staff/gallery.json"]


# ---- Recognising


@pytest.fixture
def three() -> Gallery:
    """Anna looks along the first axis, Ben along the second, Cleo between the third and the fourth."""
    return with_people(
        enrolled("Anna", unit(1)),
        enrolled("Ben", unit(0, 1), unit(0, 1, 0.2)),
        enrolled("Cleo", unit(0, 0, 1), unit(0, 0, 0, 1)),
    )


def test_a_face_is_the_nearest_persons(three: Gallery) -> None:
    anna, nobody, mean = recognise(three, np.stack([unit(0.8, 0.6), unit(0, 0, 0, 0, 1), unit(0, 0, 1, 1)]), 0.7)
    assert (anna.name, anna.nearest, anna.runner_up) == ("Anna", "Anna", "Ben")
    assert anna.similarity == pytest.approx(0.8)
    assert anna.margin == pytest.approx(0.2)
    assert (nobody.name, nobody.nearest, nobody.runner_up) == (None, "Anna", "Ben")
    assert (nobody.similarity, nobody.margin) == (0, 0)
    assert mean.name == "Cleo"
    assert mean.similarity == pytest.approx(1)  # each of her faces alone is 0.71 alike


def test_at_the_threshold_a_face_has_a_name() -> None:
    gallery = with_people(enrolled("Anna", unit(1)))
    assert recognise(gallery, unit(3, 4)[None], float(unit(3, 4)[0]))[0].name == "Anna"
    assert recognise(gallery, unit(3, 4)[None], float(np.nextafter(unit(3, 4)[0], 1)))[0].name is None


def test_with_one_person_there_is_no_runner_up() -> None:
    (only,) = recognise(with_people(enrolled("Anna", unit(1))), unit(1)[None], 0.4)
    assert only == Identity("Anna", 1.0, "Anna", None, None)


def test_nobody_is_known_in_an_empty_gallery(three: Gallery) -> None:
    assert recognise(EMPTY, unit(1)[None], 0.4) == [Identity(None, None, None, None, None)]
    assert recognise(EMPTY, np.empty((0, 8), np.float32), 0.4) == []
    assert recognise(three, np.empty((0, 8), np.float32), 0.4) == []


def test_of_two_as_near_the_first_counts() -> None:
    gallery = with_people(enrolled("Anna", unit(1)), enrolled("Ben", unit(1)))
    assert recognise(gallery, unit(1)[None], 0.4) == [Identity("Anna", 1.0, "Anna", "Ben", 0.0)]


def test_who_it_cannot_be_is_passed_over(three: Gallery) -> None:
    no = -np.inf
    assert name_of(three, np.array([no, 0.5, 0.25], np.float32), 0.4) == Identity("Ben", 0.5, "Ben", "Cleo", 0.25)
    assert name_of(three, np.array([no, no, 0.25], np.float32), 0.4) == Identity(None, 0.25, "Cleo", None, None)
    assert name_of(three, np.array([no, no, no], np.float32), 0.4) == Identity(None, None, None, None, None)


def test_an_embedding_that_is_no_number_is_nobody(three: Gallery) -> None:
    assert recognise(three, np.full((1, 8), np.nan, np.float32), -1) == [Identity(None, None, None, None, None)]


def test_embeddings_of_another_length_are_refused(three: Gallery) -> None:
    with pytest.raises(InputError, match="the embeddings have 5 numbers, those of the gallery 8"):
        recognise(three, np.ones((1, 5), np.float32), 0.4)


def test_who_is_known_follows_the_gallery(three: Gallery) -> None:
    """What was gathered of one gallery is not taken for another."""
    assert recognise(three, unit(1)[None], 0.4)[0].name == "Anna"
    less = replace(three, people=three.people[1:])
    assert recognise(less, unit(1)[None], 0.4)[0].name is None


def test_another_embedder_is_refused_with_both_names(three: Gallery) -> None:
    three.require_model("another name of the same file", three.model_sha256)
    with pytest.raises(InputError, match=r"made with yunet \(sha256 abababababab\), not with sface \(sha256 cdcdcd"):
        three.require_model("sface", "cd" * 32)
