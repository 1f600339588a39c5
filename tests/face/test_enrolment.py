"""Somebody becomes known by name: what is kept, reported and refused, and that a failure changes nothing."""

from __future__ import annotations

import json
import os
import threading
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import pytest
from PIL import Image

from perceptkit import images
from perceptkit.arrays import Picture
from perceptkit.errors import DeviceError, InputError, MediaError
from perceptkit.face import Detector, Embedder, Enrolment, defaults, enrol, load_detector, load_embedder
from perceptkit.face.gallery import Gallery, load_gallery
from systems import linux, root, small_disk
from tiny_networks import blank, paint, write_embedder, write_photo, write_scrfd, write_video

RATE = 10
A, B, C = 1, 3, 5  # people


class Networks(NamedTuple):
    detector: Detector
    embedder: Embedder
    other: Embedder
    silent: Embedder


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> Networks:
    """With another embedder, and one that gives no numbers."""
    folder = tmp_path_factory.mktemp("networks")
    paths = [
        write_embedder(folder / "embedder.onnx"),
        write_embedder(folder / "other.onnx", batch=1),
        write_embedder(folder / "nan.onnx", nan=True),
    ]
    detector = load_detector(write_scrfd(folder / "detector.onnx"), device="cpu", threads=1)
    return Networks(detector, *(load_embedder(path, device="cpu", threads=1) for path in paths))


class Studio:
    """A folder with a gallery, photos and videos of painted people."""

    def __init__(self, networks: Networks, folder: Path) -> None:
        self.networks, self.folder, self.gallery = networks, folder, folder / "gallery"

    def enrol(self, name: str, media: Any, **options: Any) -> Enrolment:
        given: dict[str, Any] = {
            "gallery": self.gallery, "detector": self.networks.detector, "embedder": self.networks.embedder
        } | options  # fmt: skip
        return enrol(name, media, **given)

    def photo(self, name: str, *people: int) -> Path:
        places = [(96, 64), (320, 256), (448, 64)]
        faces = [(*place, person) for place, person in zip(places, people, strict=False)]
        return write_photo(self.folder / name, *faces, noise=1 + sum(name.encode()))

    def film(self, name: str, people: Sequence[int | None], *, times: Sequence[float] | None = None) -> Path:
        pictures = [seen(person, noise=number + 1) for number, person in enumerate(people)]
        return write_video(self.folder / name, pictures, times=times or [n / RATE for n in range(len(people))])

    @property
    def known(self) -> Gallery:
        return load_gallery(self.gallery)

    def contents(self) -> dict[str, bytes]:
        return {
            str(path.relative_to(self.gallery)): path.read_bytes()
            for path in self.gallery.rglob("*")
            if path.is_file() and path.name != ".lock"
        }


@pytest.fixture
def studio(networks: Networks, tmp_path: Path) -> Studio:
    return Studio(networks, tmp_path)


def seen(person: int | None, *, noise: int = 1) -> Picture:
    return blank() if person is None else paint(blank(), 96, 64, person=person, noise=noise)


# ---- What is kept and reported


def test_a_scan_is_kept_and_reported(studio: Studio) -> None:
    path = studio.film("a.mp4", [None] * 5 + [A] * 25)
    said: list[tuple[int, int | None]] = []
    result = studio.enrol("Anna", path, progress=lambda done, total: said.append((done, total)))
    assert (result.name, result.gallery, result.looked, result.seen, result.notes) == (
        "Anna", studio.gallery, 30, 25, ()
    )  # fmt: skip
    assert (len(result.kept), result.known) == (9, 9), "the first of the ten parts has nobody in it"
    assert str(result) == (
        f"Anna: 9 faces kept of 30 pictures looked at, 25 with a face; mean quality {result.quality:.2f}; "
        "the head is turned 0 degrees"
    )
    assert result.missing == "Nothing beyond 15° to image-left, nothing to image-right."
    assert result.quality == pytest.approx(float(np.mean([one.quality for one in result.kept])), abs=1e-3)
    times = [one.time for one in result.kept]
    assert times == sorted(times, key=lambda time: time or 0)
    assert images.read(result.picture).shape[1] == 1600
    (person,) = studio.known.people
    assert (person.name, person.prototypes) == ("Anna", result.kept)
    assert np.linalg.norm(person.mean) == pytest.approx(1, abs=1e-5)
    assert said == [(n, 30) for n in range(1, 31)] + [(30, 30)]


def test_a_file_can_have_another_name_in_the_gallery(studio: Studio) -> None:
    paths = [studio.photo("5b0e.png", A), studio.photo("b.png", A, B)]
    result = studio.enrol("Anna", paths, names={str(paths[0]): "Anna, at home.png"})
    assert [one.source for one in result.kept] == ["Anna, at home.png", str(paths[1])]
    (person,) = studio.known.people
    assert person.prototypes == result.kept
    assert "5b0e" not in (studio.gallery / "gallery.json").read_text()


def test_the_report_is_plain_data(studio: Studio) -> None:
    summary = studio.enrol("Anna", studio.photo("a.png", A)).summary()
    assert list(summary) == [
        "name", "gallery", "kept", "known", "looked", "seen", "quality", "yaw", "picture", "notes", "errors"
    ]  # fmt: skip
    assert (summary["known"], summary["looked"], summary["yaw"]) == (1, 1, [0.0, 0.0])


@pytest.mark.parametrize(
    ("yaws", "said"),
    [
        ((-48, 38), "the head turns from 48 degrees to image-right to 38 degrees to image-left"),
        ((20, 38), "the head turns from 20 degrees to image-left to 38 degrees to image-left"),
        ((12.2, 12.4), "the head is turned 12 degrees to image-left"),
    ],
)
def test_turns_are_said_in_words(yaws: tuple[float, float], said: str) -> None:
    result = Enrolment("Anna", Path("g"), (), 3, 10, 5, 0.5, yaws, Path("p.png"), (), ())
    assert str(result).endswith(f"mean quality 0.50; {said}")
    assert "0 faces kept (3 with those of before) of 10 pictures" in str(result)


def test_fewer_parts_keep_fewer_faces(studio: Studio) -> None:
    path = studio.film("a.mp4", [A] * 20)
    assert len(studio.enrol("Anna", path, faces=3).kept) == 3
    assert len(studio.enrol("Anna", path, faces=100, again=True).kept) == 20
    assert studio.enrol("Anna", path, video_step=0.5, again=True).looked == 4


def test_media_may_be_folders_globs_and_lists(studio: Studio) -> None:
    for name in ("1.png", "2.png", "sub/3.png"):
        (studio.folder / "p" / name).parent.mkdir(exist_ok=True, parents=True)
        studio.photo(f"p/{name}", A)
    (studio.folder / "list.txt").write_text(f"# Anna\n{studio.folder}/p/1.png\n{studio.folder}/p/2.png\n")
    for media, faces in (
        (studio.folder / "p", 3),
        (f"{studio.folder}/p/*.png", 2),
        (f"@{studio.folder}/list.txt", 2),
        ([str(studio.folder / "p" / "1.png"), studio.folder / "p"], 3),
    ):
        assert len(studio.enrol("Anna", media, again=True).kept) == faces, media


def test_a_photo_turned_by_its_header_is_read_upright(studio: Studio) -> None:
    path = studio.photo("a.png", A)
    with Image.open(path) as image:
        tag = Image.Exif()
        tag[0x0112] = 6
        image.rotate(90, expand=True).save(studio.folder / "turned.png", exif=tag)
    kept = [studio.enrol(name, studio.folder / f"{name}.png").kept for name in ("a", "turned")]
    first, second = (person.vectors for person in studio.known.people)
    assert [len(each) for each in kept] == [1, 1]
    assert float(first[0] @ second[0]) > 0.999


def test_of_a_photo_with_several_people_the_largest_counts_and_of_more_the_one_in_all(studio: Studio) -> None:
    large = cv2.resize(seen(A), None, fx=2, fy=2, interpolation=cv2.INTER_NEAREST)
    assert len(studio.enrol("Anna", [studio.photo("1.png", A, B), studio.photo("2.png", C, A)]).kept) == 2
    cv2.imwrite(str(studio.folder / "large.png"), cv2.cvtColor(large, cv2.COLOR_RGB2BGR))
    assert len(studio.enrol("Anna", studio.folder / "large.png").kept) == 1, "it is alike, or it would be refused"


# ---- What is refused


def test_two_people_who_take_turns_are_refused_and_nothing_is_made(studio: Studio) -> None:
    path = studio.film("a.mp4", ([A] * 5 + [B] * 5) * 3)
    with pytest.raises(
        InputError, match=r"two people take turns at being the largest face.*a\.mp4 \(0\.\d to 2\.\d s\)"
    ):
        studio.enrol("Anna", path)
    assert not studio.gallery.exists()


def test_somebody_who_is_there_for_a_moment_is_left_out(studio: Studio) -> None:
    result = studio.enrol("Anna", studio.film("a.mp4", [A] * 12 + [B] * 6 + [A] * 12))
    assert result.looked == 30
    assert not {round((one.time or 0) * RATE) for one in result.kept} & set(range(12, 18))
    vectors = studio.known.people[0].vectors
    assert float((vectors @ vectors.T).min()) > 0.9


def test_three_photos_of_one_and_one_of_another_are_those_of_the_one(studio: Studio) -> None:
    paths = [studio.photo(f"{number}.png", person) for number, person in enumerate([A, A, B, A])]
    result = studio.enrol("Anna", paths)
    assert [one.source for one in result.kept] == [str(paths[place]) for place in (0, 1, 3)]
    assert result.notes == (f"{paths[2]} was not used: it shows somebody else",)
    with pytest.raises(InputError, match="two people take turns"):
        studio.enrol("Berta", paths[1:3])


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"min_face": 97}, "in 10 of 10 pictures the largest face is too small"),
        ({"embedder": "silent"}, "the embedder gave no numbers for it"),
    ],
    ids=["small", "no numbers"],
)
def test_nothing_usable_is_refused_with_the_reason(studio: Studio, options: dict[str, Any], reason: str) -> None:
    if "embedder" in options:
        options = {"embedder": studio.networks.silent}
    path = studio.film("a.mp4", [A] * 10)
    with pytest.raises(InputError, match=rf"nothing that could be used was found in .*a\.mp4: {reason}$"):
        studio.enrol("Anna", path, **({"threshold": 0.4} | options))
    with pytest.raises(InputError, match=r"b\.mp4: in 5 of 5 pictures no face was found$"):
        studio.enrol("Anna", studio.film("b.mp4", [None] * 5))
    assert not studio.gallery.exists()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "the name is empty"), ("  ", "name is empty"), ("a\0b", "cannot be shown"), ("Unknown", "nobody can be"),
        ("x" * 201, "has 201 characters"), ("\u202eannA", "cannot be shown"),
    ],
)  # fmt: skip
def test_bad_names_are_refused_before_any_work(studio: Studio, name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        studio.enrol(name, studio.folder / "missing.mp4")


@pytest.mark.parametrize("name", ["../../etc/passwd", "CON", "a/b\\c", "Zoë 李", "'; rm -rf *", "[red]x", "-", "NaN"])
def test_odd_names_are_only_names(studio: Studio, name: str) -> None:
    result = studio.enrol(name, studio.photo("a.png", A))
    assert studio.known.names == (name,)
    assert result.picture.resolve().is_relative_to(studio.gallery.resolve())
    assert sorted(path.name for path in studio.folder.iterdir()) == ["a.png", "gallery"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"faces": 0}, "faces is 0; it must be more than 0"),
        ({"video_step": 0}, "video_step is 0"),
        ({"video_step": float("nan")}, "video_step is nan"),
        ({"min_face": 0}, "min_face is 0"),
        ({"threshold": 40}, "the threshold is 40"),
    ],
    ids=str,
)
def test_options_out_of_range_are_refused(studio: Studio, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        studio.enrol("Anna", studio.photo("a.png", A), **options)


def test_media_that_is_not_there_or_of_no_use_is_refused_by_name(studio: Studio) -> None:
    (studio.folder / "empty").mkdir()
    (studio.folder / "text.jpg").write_text("not a photo")
    for media, message in (
        ([], "no photos or videos to enrol somebody with"),
        (studio.folder / "empty", "no photos or videos to enrol somebody with"),
        (f"{studio.folder}/*.gif", r"no photos or videos .*\n  skipped .*\*\.gif: nothing matches this pattern"),
        (studio.folder / "missing.jpg", r"no such file or folder: .*missing\.jpg"),
        (studio.folder / "text.jpg", r"text\.jpg: not a photo but a text file"),
        ([studio.folder / "text.jpg"] * 2, r"text\.jpg: not a photo but a text file"),
        ([np.zeros((9, 9, 3), np.uint8)], "give the paths of photos or videos"),
    ):
        with pytest.raises(InputError, match=message):
            studio.enrol("Anna", media)
    assert not studio.gallery.exists()


def test_a_folder_that_holds_other_things_is_refused(studio: Studio) -> None:
    studio.gallery.mkdir()
    (studio.gallery / "diary.txt").write_text("mine")
    with pytest.raises(InputError, match="gallery is not empty and holds no gallery; choose another folder"):
        studio.enrol("Anna", studio.folder / "missing.mp4")  # said before any work
    assert [path.name for path in studio.gallery.iterdir()] == ["diary.txt"]
    with pytest.raises(InputError, match=r"is not a folder|is a file"):
        studio.enrol("Anna", studio.photo("a.png", A), gallery=studio.gallery / "diary.txt")


# ---- Who is known already


def test_more_faces_are_added_to_somebody_known(studio: Studio) -> None:
    first = studio.enrol("Anna", studio.photo("a.png", A))
    studio.enrol("Berta", studio.photo("b.png", B))
    second = studio.enrol(" Anna ", studio.film("c.mp4", [A] * 10))
    assert (len(second.kept), second.known) == (10, 11)
    assert "10 faces kept (11 with those of before)" in str(second)
    assert studio.known.names == ("Anna", "Berta"), "in the order in which they came"
    person = studio.known.person("Anna")
    assert person.prototypes == (*first.kept, *second.kept)
    assert first.picture.exists()
    assert second.picture != first.picture


def test_the_same_file_twice_is_kept_once(studio: Studio) -> None:
    path = studio.film("a.mp4", [A] * 10)
    assert studio.enrol("Anna", path).known == 10
    assert studio.enrol("Anna", path).known == 10
    assert len(studio.known.person("Anna").prototypes) == 10
    copy = studio.folder / "copy.png"
    copy.write_bytes(studio.photo("b.png", A).read_bytes())
    assert len(studio.enrol("Anna", [studio.folder / "b.png", copy], again=True).kept) == 1


def test_of_too_many_faces_the_oldest_go(studio: Studio) -> None:
    films = [studio.film(f"{number}.mp4", [None] * number + [A] * 20) for number in range(4)]
    kept = [len(studio.enrol("Anna", path, faces=17).kept) for path in films]
    known = studio.known.person("Anna").prototypes
    assert len(known) == 50
    assert Counter(Path(one.source).name for one in known) == Counter(
        {"0.mp4": 50 - sum(kept[1:]), "1.mp4": kept[1], "2.mp4": kept[2], "3.mp4": kept[3]}
    )


def test_another_face_under_a_known_name_is_refused(studio: Studio) -> None:
    studio.enrol("Anna", studio.photo("a.png", A))
    before = studio.contents()
    with pytest.raises(InputError, match=r"Anna is in the gallery already, and these faces are not alike \(similarity"):
        studio.enrol("Anna", studio.photo("b.png", B))
    assert studio.contents() == before


def test_again_replaces_faces_and_pictures(studio: Studio) -> None:
    old = studio.enrol("Anna", studio.photo("a.png", A))
    studio.enrol("Berta", studio.photo("b.png", C))
    new = studio.enrol("Anna", studio.photo("c.png", B), again=True)
    assert (new.known, studio.known.names) == (1, ("Anna", "Berta"))
    assert studio.known.person("Anna").prototypes == new.kept
    assert not old.picture.exists()
    assert new.picture.exists()
    stored = b"".join(studio.contents().values())
    assert old.kept[0].id.encode() not in stored


def test_the_same_person_under_a_second_name_is_noted(studio: Studio) -> None:
    studio.enrol("Anna", studio.photo("a.png", A))
    result = studio.enrol("Berta", studio.photo("b.png", A))
    assert [note.partition(" (")[0] for note in result.notes] == ["Anna is as alike as one and the same person"]
    assert studio.enrol("Clara", studio.photo("c.png", C)).notes == ()


def test_a_gallery_of_another_embedder_is_refused(studio: Studio) -> None:
    studio.enrol("Anna", studio.photo("a.png", A))
    before = studio.contents()
    with pytest.raises(InputError, match=r"the gallery was made with embedder\.onnx .*, not with other\.onnx"):
        studio.enrol("Berta", studio.photo("b.png", B), embedder=studio.networks.other)
    with pytest.raises(InputError, match=r"made by embedder\.onnx, a file given by its path: give it again"):
        studio.enrol("Berta", studio.photo("b.png", B), embedder=None)
    assert studio.contents() == before


# ---- What goes wrong on the way


def test_what_cannot_be_read_leaves_the_gallery_as_it_was(studio: Studio) -> None:
    studio.enrol("Anna", studio.photo("a.png", A))
    before = studio.contents()
    whole = studio.film("b.mp4", [B] * 10)
    whole.write_bytes(whole.read_bytes()[:2000])  # what tells where the pictures are is at the end
    with pytest.raises(MediaError, match=r"b\.mp4: "):
        studio.enrol("Berta", whole)
    assert studio.contents() == before


def test_of_several_files_those_that_cannot_be_read_are_listed(studio: Studio) -> None:
    (studio.folder / "text.jpg").write_text("not a photo")
    result = studio.enrol(
        "Anna", [studio.folder / "text.jpg", studio.photo("a.png", A), studio.film("a.mp4", [A] * 10)]
    )
    assert [error.source for error in result.errors] == [str(studio.folder / "text.jpg")]
    assert {Path(one.source).name for one in result.kept} == {"a.png", "a.mp4"}


def test_the_same_files_again_change_nothing(studio: Studio) -> None:
    first = studio.enrol("Anna", studio.photo("a.png", A))
    before = studio.contents()
    again = studio.enrol("Anna", studio.photo("a.png", A))
    assert again.picture == first.picture
    assert again.notes == ("all of these faces are known of Anna already; nothing was changed",)
    assert studio.contents() == before


def test_a_photo_of_somebody_else_may_be_added_to_a_person_who_has_some(studio: Studio) -> None:
    """What is known of others does not count as known of the person."""
    studio.enrol("Anna", studio.photo("a.png", A))
    studio.enrol("Twin", studio.photo("b.png", A))
    added = studio.enrol("Twin", studio.folder / "a.png")
    assert (added.known, len(studio.known.person("Twin").prototypes)) == (2, 2)


def test_two_who_are_about_as_large_are_a_remark(studio: Studio) -> None:
    alone = studio.enrol("Anna", studio.photo("a.png", A))
    assert alone.notes == ()
    pair = studio.enrol("Anna", studio.photo("two.png", A, B), gallery=studio.folder / "other")
    assert "in 1 of 1 picture with a face another one is about as large" in pair.notes[0]


@pytest.mark.parametrize("at", [1, 5, 20])
def test_an_interruption_leaves_the_gallery_as_it_was(studio: Studio, at: int) -> None:
    studio.enrol("Anna", studio.photo("a.png", A))
    before, running = studio.contents(), threading.active_count()

    def interrupt(done: int, total: int | None) -> None:
        if done >= at:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        studio.enrol("Berta", studio.film("b.mp4", [B] * 20), progress=interrupt)
    assert studio.contents() == before
    assert threading.active_count() == running


@linux
@root
def test_a_full_disk_leaves_the_gallery_as_it_was(studio: Studio) -> None:
    with small_disk(studio.folder / "disk", "300k") as disk:
        studio.gallery = disk / "gallery"
        studio.enrol("Anna", studio.photo("a.png", A))
        before = studio.contents()
        (disk / "other").write_bytes(bytes(300 * 1024 - 4096 - sum(map(len, before.values())) - 30_000))
        with pytest.raises(DeviceError, match="the disk is full"):
            studio.enrol("Berta", studio.film("b.mp4", [B] * 20))
        assert studio.contents() == before


@linux
@root
def test_a_disk_that_is_full_from_the_start_leaves_nothing_in_the_way(studio: Studio) -> None:
    with small_disk(studio.folder / "disk", "300k") as disk:
        studio.gallery = disk / "gallery"
        (disk / "other").write_bytes(bytes(280_000))
        with pytest.raises(DeviceError, match="the disk is full"):
            studio.enrol("Anna", studio.photo("a.png", A))
        (disk / "other").unlink()
        assert studio.enrol("Anna", studio.photo("a.png", A)).known == 1


def test_progress_never_goes_back_and_ends_at_the_total(studio: Studio) -> None:
    said: list[tuple[int, int | None]] = []
    media = [studio.photo("a.png", A), studio.film("b.mp4", [A] * 7), studio.photo("c.png", A)]
    cut = studio.folder / "d.ts"  # says nothing of its length
    write_video(studio.folder / "d.mp4", [seen(A)] * 5)
    cut.write_bytes((studio.folder / "d.mp4").read_bytes())
    studio.enrol("Anna", [*media, cut], progress=lambda done, total: said.append((done, total)))
    done = [each for each, _ in said]
    assert done == sorted(done)
    assert said[-1][0] == said[-1][1]
    assert all(total is not None and each <= total for each, total in said)


@linux
def test_the_same_input_gives_the_same_gallery_on_any_number_of_cpus(studio: Studio) -> None:
    path = studio.film("a.mp4", [A] * 20)
    first = studio.enrol("Anna", path)
    vectors = studio.known.person("Anna").vectors
    studio.gallery = studio.folder / "second"
    cpus = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cpus)})
    try:
        second = studio.enrol("Anna", path)
    finally:
        os.sched_setaffinity(0, cpus)
    assert first.kept == second.kept
    np.testing.assert_array_equal(vectors, studio.known.person("Anna").vectors)


def test_the_gallery_says_what_was_kept_and_no_more(studio: Studio) -> None:
    result = studio.enrol("Anna", studio.photo("a.png", A))
    document = json.loads((studio.gallery / "gallery.json").read_text(encoding="utf-8"))
    (person,) = document["people"]
    assert [face["id"] for face in person["prototypes"]] == [one.id for one in result.kept]
    assert document["model"] == "embedder.onnx"
    assert defaults.SCAN_FACES == 10
