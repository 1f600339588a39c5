"""Folders of photos, single photos and cameras give frames as videos do."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from PIL import Image

from clips import number_of, painted, plain, write_clip
from perceptkit import video
from perceptkit.errors import DeviceError, InputError, MediaError


def photo(path: Path, number: int = 0, size: tuple[int, int] = (160, 96)) -> Path:
    Image.fromarray(painted(number, size)).save(path, quality=95)
    return path


def test_photos_come_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    order = [
        "1.jpg",
        "2.png",
        "10.jpg",
        "Img2.jpg",
        "img10.JPG",
        "img-9a.jpg",
        "img²3.jpg",
        "x.jpg",
        "²",
        "写真 7.webp",
    ]
    order = ["1.jpg", "2.png", "10.jpg", "a-9.jpg", "Img2.jpg", "img10.JPG", "img10b.jpg", "x²3.jpg", "写真 7.webp"]
    for number, name in enumerate(order):
        photo(tmp_path / name, number)
    photo(tmp_path / ".hidden.jpg", 99)
    (tmp_path / "notes.txt").write_text("not a photo")
    (tmp_path / "folder.jpg").mkdir()
    with video.open_source(tmp_path) as frames:
        found = [(frame.index, frame.time, number_of(frame.image)) for frame in frames]
    assert found == [(number, number / 25, number) for number in range(len(order))]
    assert frames.warnings == []
    info = frames.info
    assert (info.width, info.height, info.rate, info.frames) == (160, 96, Fraction(25), len(order))
    assert info.duration == pytest.approx(len(order) / 25)
    assert not info.has_sound


def test_names_that_differ_only_in_zeros_have_an_order(tmp_path: Path) -> None:
    names = [f"{'0' * zeros}1.jpg" for zeros in range(9, -1, -1)]
    for number, name in enumerate(names):
        photo(tmp_path / name, number)
    with video.read_folder(tmp_path) as frames:
        assert [number_of(frame.image) for frame in frames] == list(range(10))


@pytest.mark.parametrize("name", ["²", "1²2.jpg", "①.jpg", "٣.jpg"])
def test_digits_of_other_kinds_are_no_error(tmp_path: Path, name: str) -> None:
    photo(tmp_path / "a.jpg")
    Image.fromarray(painted(1)).save(tmp_path / name, "JPEG")
    with video.read_folder(tmp_path) as frames:
        assert len(list(frames)) == 1 + name.endswith(".jpg")


@pytest.mark.parametrize("broken", [0, 1, 3])
def test_broken_photo_is_left_out_with_a_warning(tmp_path: Path, broken: int) -> None:
    for number in range(4):
        photo(tmp_path / f"{number}.jpg", number)
    (tmp_path / f"{broken}.jpg").write_bytes(b"\xff\xd8\xff\xe0 not a photo")
    with video.read_folder(tmp_path) as frames:
        found = [(frame.index, frame.time, number_of(frame.image)) for frame in frames]
    assert found == [(number, number / 25, number) for number in range(4) if number != broken]
    (warning,) = frames.warnings
    assert f"{broken}.jpg: " in warning


def test_photos_none_of_which_can_be_read(tmp_path: Path) -> None:
    for number in range(7):
        (tmp_path / f"{number}.jpg").write_bytes(b"")
    with pytest.raises(MediaError, match=r"(?s)0\.jpg: .*empty.*1\.jpg") as raised:
        video.read_folder(tmp_path)
    assert "6.jpg" not in str(raised.value)


def test_photos_of_different_sizes_are_fitted_into_a_video(tmp_path: Path) -> None:
    for number, size in enumerate([(160, 96), (320, 192), (96, 160), (161, 97)]):
        Image.fromarray(plain((200, 200, 200), size)).save(tmp_path / f"{number}.png")
    target = tmp_path / "out.mp4"
    with video.open_source(tmp_path, rate=10) as frames, video.Writer(target, frames.info) as writer:
        for frame in frames:
            writer.write(frame)
    with video.read(target) as written:
        images = [frame.image for frame in written]
    assert [image.shape for image in images] == [(96, 160, 3)] * 4
    assert [bool(image[48, 5, 0] > 100) for image in images] == [True, True, False, True]
    assert written.info.rate == Fraction(10)
    assert written.info.duration == 0.4


@pytest.mark.parametrize("rate", [0.001, 0.5, 10, 23.976, 25, 29.97, 60, 240, 1000])
def test_rate_of_a_folder(tmp_path: Path, rate: float) -> None:
    for number in range(5):
        photo(tmp_path / f"{number}.jpg", number)
    target = tmp_path / "out.mp4"
    with video.open_source(tmp_path, rate=rate) as frames, video.Writer(target, frames.info) as writer:
        for frame in frames:
            assert frame.time == pytest.approx(frame.index / rate, rel=1e-4)
            writer.write(frame)
    assert float(frames.info.rate) == pytest.approx(rate, rel=1e-4)
    info = video.info(target, limits=video.Limits(rate=1000))
    assert info.frames == 5
    assert info.duration == pytest.approx(5 / rate, rel=1e-4)


@pytest.mark.parametrize("rate", [0, -1, 0.0005, 1001, float("nan"), float("inf")])
def test_rates_that_make_no_video(tmp_path: Path, rate: float) -> None:
    photo(tmp_path / "a.jpg")
    for source in (tmp_path, tmp_path / "a.jpg"):
        with pytest.raises(InputError, match=rf"a rate of {rate} photos a second makes no video; give 0.001 to 1000"):
            video.open_source(source, rate=rate)


def test_every_nth_photo(tmp_path: Path) -> None:
    for number in range(7):
        photo(tmp_path / f"{number}.jpg", number)
    with video.open_source(tmp_path, every=3) as frames:
        assert [(frame.index, number_of(frame.image)) for frame in frames] == [(0, 0), (3, 3), (6, 6)]
    assert frames.info.frames == 3
    for source in (tmp_path, write_clip(tmp_path / "a.mp4")):
        with pytest.raises(InputError, match=r"every is 0"):
            video.open_source(source, every=0)


def test_one_photo(tmp_path: Path) -> None:
    path = photo(tmp_path / "a.jpg", 5, (320, 240))
    with video.open_source(path) as frames:
        (frame,) = frames
    assert (frame.index, frame.time, number_of(frame.image)) == (0, 0.0, 5)
    assert (frames.info.width, frames.info.height, frames.info.frames) == (320, 240, 1)


def test_videos_and_animations_are_read_as_such(tmp_path: Path) -> None:
    for path in (write_clip(tmp_path / "a.mp4"), write_clip(tmp_path / "a.gif", codec="gif", pix_fmt="rgb8")):
        with video.open_source(str(path), every=5) as frames:
            assert [number_of(frame.image) for frame in frames] == [0, 5, 10, 15, 20]


def test_sources_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no photos in .*; looked for .*\.jpg"):
        video.open_source(tmp_path)
    for name in ("missing.mp4", "missing.jpg", "missing", "x" * 5000, "~nobody-of-this-name/a.mp4", "a\0b.mp4"):
        with pytest.raises(InputError, match="no such file or folder: "):
            video.open_source(tmp_path / name)
        with pytest.raises(InputError, match="no such file or folder: "):
            video.open_source(name)
    with pytest.raises(InputError, match="the folder cannot be read: "):
        video.read_folder(tmp_path / "missing")
    (tmp_path / "broken.jpg").symlink_to("nowhere.jpg")
    with pytest.raises(MediaError, match=r"broken\.jpg"):
        video.open_source(tmp_path / "broken.jpg")


def test_camera_that_is_not_there() -> None:
    with pytest.raises(DeviceError, match="camera 97 gives no picture; is it plugged in, allowed"):
        video.read_camera(97)


def test_batches() -> None:
    assert list(video.batched(range(7), 3)) == [[0, 1, 2], [3, 4, 5], [6]]
    assert list(video.batched([], 3)) == []


def test_photos_are_read_when_they_are_asked_for(tmp_path: Path) -> None:
    for number in range(3):
        photo(tmp_path / f"{number}.jpg", number)
    with video.read_photos(sorted(tmp_path.iterdir()), rate=1) as frames:
        stream = iter(frames)
        assert number_of(next(stream).image) == 0
        (tmp_path / "1.jpg").unlink()
        assert number_of(next(stream).image) == 2
    assert len(frames.warnings) == 1
    assert frames.info.time_base == Fraction(1, 1000)
