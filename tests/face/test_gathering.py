"""The faces in a photo or video that are good enough to know somebody by, and what is wrong with the others."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pytest

from clips import Sound, turn, write_clip
from perceptkit.arrays import Picture
from perceptkit.errors import MediaError
from perceptkit.face import Detector, Embedder, load_detector, load_embedder
from perceptkit.face.enrolling.gathering import Gathered, gather_photo, gather_video
from perceptkit.video import Limits
from tiny_networks import blank, paint, write_embedder, write_photo, write_scrfd, write_video

RATE = 10


class Networks(NamedTuple):
    detect: Detector
    embed: Embedder
    silent: Embedder


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> Networks:
    """With an embedder that gives no numbers."""
    folder = tmp_path_factory.mktemp("networks")
    return Networks(
        load_detector(write_scrfd(folder / "detector.onnx"), device="cpu", threads=1),
        load_embedder(write_embedder(folder / "embedder.onnx"), device="cpu", threads=1),
        load_embedder(write_embedder(folder / "nan.onnx", nan=True), device="cpu", threads=1),
    )


def photo_of(networks: Networks, path: Path, *, min_face: float = 48) -> Gathered:
    return gather_photo(path, networks.detect, networks.embed, part=3, min_face=min_face, max_pixels=10**7)


def video_of(
    networks: Networks,
    path: Path,
    *,
    parts: int = 10,
    step: float = 0.1,
    min_face: float = 48,
    limits: Limits | None = None,
    said: list[int] | None = None,
) -> Gathered:
    return gather_video(
        path, networks.detect, networks.embed, first_part=20, parts=parts, step=step, min_face=min_face,
        limits=limits, advance=(said if said is not None else []).append,
    )  # fmt: skip


def film(path: Path, people: Sequence[int | None], *, times: Sequence[float] | None = None) -> Path:
    """A video with the face of a person in each frame, or nobody."""
    return write_video(path, [seen(person) for person in people], times=times or at(len(people)))


def seen(person: int | None, *, noise: int = 1) -> Picture:
    return blank() if person is None else paint(blank(), 96, 64, person=person, noise=noise)


def at(count: int) -> list[float]:
    return [number / RATE for number in range(count)]


def blurred(image: Picture, radius: float) -> Picture:
    return np.asarray(cv2.GaussianBlur(image, (0, 0), radius), np.uint8)


def write(path: Path, image: Picture) -> Path:
    assert cv2.imwrite(str(path), cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    return path


# ---- Photos


def test_a_photo_gives_its_faces_with_their_embeddings(networks: Networks, tmp_path: Path) -> None:
    path = write_photo(tmp_path / "a.png", (96, 64, 1), (320, 256, 3), noise=3)
    found = photo_of(networks, path)
    assert (found.source, found.looked, len(found.looks), found.notes) == (str(path), 1, 1, ())
    assert (found.looks[0].part, found.looks[0].track, found.looks[0].fault) == (3, None, "")
    assert found.looks[0].side == pytest.approx(96, abs=0.5)
    assert len(found.candidates) == 2
    for one in found.candidates:
        assert (one.source, one.part, one.time, one.track) == (str(path), 3, None, None)
        assert one.headshot.shape == (160, 160, 3)
        assert 0.5 <= one.worth <= 1
        assert one.yaw == pytest.approx(0, abs=1)
        assert np.linalg.norm(one.embedding) == pytest.approx(1, abs=1e-5)
    assert len({one.id for one in found.candidates}) == 2
    assert [one.id for one in photo_of(networks, path).candidates] == [one.id for one in found.candidates]


def test_a_large_photo_is_measured_at_full_size(networks: Networks, tmp_path: Path) -> None:
    """A face of 96 pixels in a photo decoded at half its size has 192."""
    large = seen(1).repeat(4, axis=0).repeat(4, axis=1)
    path = write(tmp_path / "a.jpg", large)
    assert photo_of(networks, path).looks[0].side == pytest.approx(384, abs=4)
    assert photo_of(networks, path, min_face=385 + 4).looks[0].fault == "too small"


def test_what_is_wrong_with_a_face_is_said(networks: Networks, tmp_path: Path) -> None:
    image = seen(1)
    for picture, fault in (
        (image, ""),
        (blurred(image, 9), "blurred"),
        (np.roll(image, (-64, -96), (0, 1)), ""),
    ):
        found = photo_of(networks, write(tmp_path / "a.png", picture))
        assert [look.fault for look in found.looks] == [fault]
        assert len(found.candidates) == (fault == "")


def test_a_photo_without_anybody_has_no_look(networks: Networks, tmp_path: Path) -> None:
    found = photo_of(networks, write(tmp_path / "a.png", blank()))
    assert (found.looked, found.looks, found.candidates) == (1, (), ())


def test_a_face_without_numbers_is_no_candidate(networks: Networks, tmp_path: Path) -> None:
    path = write_photo(tmp_path / "a.png", (96, 64, 1))
    found = photo_of(networks._replace(embed=networks.silent), path)
    assert [look.fault for look in found.looks] == ["one that the embedder gave no numbers for"]
    assert found.candidates == ()


# ---- Videos


def test_each_part_of_a_video_gives_its_best_face(networks: Networks, tmp_path: Path) -> None:
    """In 4 s of a blurred face one frame of each of the ten parts is sharp."""
    sharp = {4 * part + part % 4 for part in range(10)}
    blur = blurred(seen(1), 3)
    path = write_video(tmp_path / "a.mp4", [seen(1) if n in sharp else blur for n in range(40)], times=at(40))
    said: list[int] = []
    found = video_of(networks, path, said=said)
    assert (found.looked, len(found.looks), found.notes) == (40, 40, ())
    assert [look.part for look in found.looks] == [20 + n // 4 for n in range(40)]
    assert said == list(range(1, 41))
    assert {one.part: round((one.time or 0) * RATE) for one in found.candidates} == {
        20 + n // 4: n for n in sorted(sharp)
    }
    assert {one.track for one in found.candidates} == {1}


def test_a_video_is_looked_at_by_time(networks: Networks, tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", [1] * 40)
    assert [look.time for look in video_of(networks, path, step=0.5).looks] == pytest.approx([n / 2 for n in range(8)])


def test_frames_without_anybody_are_looked_at_but_are_no_looks(networks: Networks, tmp_path: Path) -> None:
    found = video_of(networks, film(tmp_path / "a.mp4", [None] * 10 + [1] * 20))
    assert (found.looked, len(found.looks)) == (30, 20)
    assert {one.part for one in found.candidates} == set(range(23, 30))


def test_who_takes_the_place_of_another_is_kept_beside_that_one(networks: Networks, tmp_path: Path) -> None:
    found = video_of(networks, film(tmp_path / "a.mp4", [1] * 20 + [3] * 20))
    early = np.stack([one.embedding for one in found.candidates if (one.time or 0) < 2])
    late = np.stack([one.embedding for one in found.candidates if (one.time or 0) >= 2])
    assert (len(early), len(late)) == (5, 5)
    assert float((early @ late.T).max()) < 0.4


@pytest.mark.parametrize("count", [1, 4], ids=["one frame", "0.4 s"])
def test_a_very_short_video_gives_what_it_has(networks: Networks, tmp_path: Path, count: int) -> None:
    found = video_of(networks, film(tmp_path / "a.mp4", [1] * count))
    assert (found.looked, len(found.candidates)) == (count, count)
    assert {20 <= one.part < 30 for one in found.candidates} == {True}


@pytest.mark.parametrize("form", ["webm", "ts", "mkv"])
def test_a_video_whose_header_says_no_length_is_cut_into_parts_too(
    networks: Networks, tmp_path: Path, form: str
) -> None:
    codec, options = (
        ("libvpx", {"deadline": "realtime", "cpu-used": "8"})
        if form == "webm"
        else ("libx264", {"preset": "ultrafast"})
    )
    path = write_clip(
        tmp_path / f"a.{form}", count=10, rate=RATE, size=(640, 480), paint=lambda *_: seen(1), codec=codec,
        options=options, unit=Fraction(1, 1000) if form != "ts" else Fraction(1, 90_000),
        container={"live": "1"} if form != "ts" else None,
    )  # fmt: skip
    found = video_of(networks, path, parts=5)
    assert found.looked == 10
    assert sorted({one.part for one in found.candidates}) == [20, 21, 22, 23, 24]


def test_frames_that_come_when_they_like_are_put_into_parts_by_time(networks: Networks, tmp_path: Path) -> None:
    times = [0, 0.1, 0.2, 0.3, 0.4, 2.0, 3.9]
    found = video_of(networks, film(tmp_path / "a.mp4", [1] * 7, times=times), parts=4)
    assert [look.part for look in found.looks] == [20] * 5 + [22, 23]


def test_parts_begin_with_the_first_picture(networks: Networks, tmp_path: Path) -> None:
    """The sound of a video may begin long before."""
    times = [3 + Fraction(number, RATE) for number in range(10)]
    path = write_clip(
        tmp_path / "a.mp4", times=times, rate=RATE, size=(640, 480), paint=lambda *_: seen(1), sounds=[Sound(seconds=4)]
    )
    found = video_of(networks, path, parts=3)
    assert (found.looks[0].time or 0) > 2.9
    assert [look.part for look in found.looks] == [20] * 4 + [21] * 3 + [22] * 3


def test_many_people_who_pass_are_not_all_held(networks: Networks, tmp_path: Path) -> None:
    """A face that is somewhere else in every frame begins a track each time."""
    places = [(x, y) for x in range(0, 544, 128) for y in range(0, 384, 128)]
    pictures = [paint(blank(), *places[7 * number % len(places)], person=1, noise=number + 1) for number in range(70)]
    path = write_video(tmp_path / "a.mp4", pictures, times=[3.0 * number for number in range(70)])
    found = video_of(networks, path, parts=1, step=1)
    assert len({look.track for look in found.looks}) == 70
    assert len(found.candidates) == 64


def test_a_video_is_turned_upright(networks: Networks, tmp_path: Path) -> None:
    """A phone held upright: the pictures lie on their side in the file, and the header says so."""
    upright = np.ascontiguousarray(np.pad(seen(1), ((0, 160), (0, 0), (0, 0)), mode="edge"))
    path = write_clip(
        tmp_path / "a.mp4", count=5, rate=RATE, size=(640, 640), paint=lambda *_: np.rot90(upright), codec="libx264"
    )
    lying = video_of(networks, path)
    turned = video_of(networks, turn(path, (0, 1, -1, 0)))
    assert len(turned.candidates) == 5
    (expected,) = photo_of(networks, write(tmp_path / "a.png", upright)).candidates
    assert min(float(one.embedding @ expected.embedding) for one in turned.candidates) > 0.98
    assert all(float(one.embedding @ expected.embedding) < 0.9 for one in lying.candidates)


def test_a_video_that_is_cut_short_gives_what_is_left_and_a_note(networks: Networks, tmp_path: Path) -> None:
    path = write_clip(
        tmp_path / "a.mp4", count=60, rate=RATE, size=(640, 480), codec="libx264",
        paint=lambda number, _: seen(1, noise=number + 1), container={"movflags": "faststart"},
    )  # fmt: skip
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    found = video_of(networks, path)
    assert 10 < found.looked < 50
    assert found.candidates
    assert [note.startswith(f"{path}: decoded ") for note in found.notes] == [True]


@pytest.mark.parametrize(("content", "message"), [(b"", "empty file"), (b"not a video", "not a video but a text file")])
def test_what_is_no_video_is_refused_by_name(networks: Networks, tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "a.mp4").write_bytes(content)
    with pytest.raises(MediaError, match=rf"a\.mp4: {message}"):
        video_of(networks, tmp_path / "a.mp4")


def test_the_limits_of_a_video_are_the_callers(networks: Networks, tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", [1] * 20)
    with pytest.raises(MediaError, match="2 seconds is over the limit of 1 seconds"):
        video_of(networks, path, limits=Limits(duration=1))
    with pytest.raises(MediaError, match="20 frames is over the limit of 19 frames"):
        video_of(networks, path, limits=Limits(frames=19))
    nine_hours = write_clip(
        tmp_path / "b.mkv", times=[Fraction(0), Fraction(9 * 3600)], unit=Fraction(1, 1000), size=(640, 480),
        paint=lambda *_: seen(1),
    )  # fmt: skip
    found = video_of(networks, nine_hours, limits=Limits(duration=10 * 3600), step=1)
    assert [look.part for look in found.looks] == [20, 29]


def test_faces_without_numbers_leave_only_looks(networks: Networks, tmp_path: Path) -> None:
    found = video_of(networks._replace(embed=networks.silent), film(tmp_path / "a.mp4", [1] * 5))
    assert (len(found.looks), found.candidates) == (5, ())


def test_faces_that_are_too_small_are_said_to_be(networks: Networks, tmp_path: Path) -> None:
    found = video_of(networks, film(tmp_path / "a.mp4", [1] * 5), min_face=200)
    assert ({look.fault for look in found.looks}, found.candidates) == ({"too small"}, ())
