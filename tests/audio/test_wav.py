"""WAV files that we write, read by five programs that do not know how."""

from __future__ import annotations

import io
import os
import struct
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import IO, Any

import numpy as np
import pytest
from readers import READERS, chapters, endings, heard_by_all, tags

from perceptkit import audio
from perceptkit.audio.riff import examine
from perceptkit.audio.sound import Form
from perceptkit.audio.wav import RIFF_LIMIT, WavWriter, bext_chunk, cue_chunks

MORNING = datetime(2026, 3, 29, 7, 30, 15, 250_000, tzinfo=UTC)
BITS = {"PCM_16": 16, "PCM_24": 24, "FLOAT": 24}


def noise(frames: int, form: Form, seed: int = 5) -> np.ndarray[Any, np.dtype[np.int32]]:
    """Samples that every form can hold: int32, of which only the upper bits are used; the loudest are among them."""
    bits = BITS[form.subtype]
    most = 1 << (bits - 1)
    found = np.random.default_rng(seed).integers(-most, most, (frames, form.channels), dtype=np.int32)
    found.flat[: min(found.size, 4)] = [most - 1, -most, 0, -1][: found.size]
    return found << (32 - bits)


def as_written(samples: np.ndarray[Any, Any], form: Form) -> np.ndarray[Any, Any]:
    return samples / np.float32(1 << 31) if form.subtype == "FLOAT" else samples


def write_wav(path: Path, form: Form, data: bytes, *, marks: Any = (), **options: Any) -> Path:
    with path.open("xb", buffering=0) as file:
        writer = WavWriter(file, form, **options)
        writer.write(data)
        writer.finish(cue_chunks(marks))
    return path


def check_readers(path: Path, form: Form, samples: np.ndarray[Any, Any]) -> set[str]:
    """Every reader finds these samples; which ones read the file."""
    found = heard_by_all(path)
    for name, heard in found.items():
        assert (heard.rate, heard.channels) == (form.sample_rate, form.channels), name
        assert heard.samples.shape == samples.shape, name
        got = heard.samples
        if got.dtype == np.float32:
            got = (got.astype(np.float64) * (1 << 31)).astype(np.int32)
        np.testing.assert_array_equal(got, samples, err_msg=name)
    return set(found)


@pytest.mark.parametrize("limit", [RIFF_LIMIT, 0], ids=["RIFF", "RF64"])
@pytest.mark.parametrize("channels", [1, 2, 4, 6])
@pytest.mark.parametrize("subtype", audio.SUBTYPES)
def test_five_readers_agree_on_every_sample(subtype: str, channels: int, limit: int, tmp_path: Path) -> None:
    form = Form(48_000, channels, subtype)
    for frames in (0, 1, 2, 999, 1000):
        samples = noise(frames, form)
        data, clipped = form.encode(as_written(samples, form))
        assert clipped == 0
        for marks in ([], [(0, "45.5 deg"), (frames // 2, "-46 deg, up 10 deg")]) if frames else ([],):
            path = write_wav(tmp_path / f"{frames}-{len(marks)}.wav", form, data, marks=marks, limit=limit)
            read = check_readers(path, form, samples)
            expected = set(READERS) - ({"wave"} if limit == 0 or subtype == "FLOAT" else set())
            assert read == expected
            assert path.read_bytes()[:4] == (b"RF64" if limit == 0 else b"RIFF")
            assert len(chapters(path)) == len(marks)
            if limit:
                assert struct.unpack("<I", path.read_bytes()[4:8])[0] + 8 == path.stat().st_size


def test_the_pad_byte_of_an_odd_number_of_24_bit_samples_is_counted_by_the_file_and_not_by_the_samples(
    tmp_path: Path,
) -> None:
    form = Form(8000, 1, "PCM_24")
    path = write_wav(tmp_path / "odd.wav", form, bytes(range(9)))
    data = path.read_bytes()
    assert data.endswith(b"data" + struct.pack("<I", 9) + bytes(range(9)) + b"\0")
    assert struct.unpack("<I", data[4:8])[0] + 8 == len(data)
    assert len(data) % 2 == 0


@pytest.mark.parametrize("rate", [1, 8000, 44_100, 192_000, 768_000])
def test_any_rate_can_be_written(rate: int, tmp_path: Path) -> None:
    form = Form(rate, 2, "PCM_16")
    samples = noise(100, form)
    check_readers(write_wav(tmp_path / "a.wav", form, form.encode(samples)[0]), form, samples)


def test_sixty_four_channels_are_kept_apart(tmp_path: Path) -> None:
    form = Form(16_000, 64, "PCM_16")
    samples = noise(100, form)
    path = write_wav(tmp_path / "a.wav", form, form.encode(samples)[0])
    assert "soundfile" in check_readers(path, form, samples)


def test_the_directions_are_the_marks_of_the_file_at_their_samples(tmp_path: Path) -> None:
    angles = [0.0, 45.5, -90.0, 179.99]
    with audio.Recorder(tmp_path / "walk.wav", 44_100) as recorder:
        for angle in angles:
            recorder.write(bytes(2 * 1023), angle)
    found = chapters(tmp_path / "walk.wav")
    assert [text for _, text in found] == ["0 deg", "45.5 deg", "-90 deg", "180 deg"]
    assert [round(time * 44_100) for time, _ in found] == [0, 1023, 2046, 3069]


def test_a_recording_without_a_sample_has_none_in_every_reader_though_a_direction_was_told(tmp_path: Path) -> None:
    with audio.Recorder(tmp_path / "empty.wav") as recorder:
        recorder.set_angle(45.5)
    form = Form(16_000, 1, "PCM_16")
    check_readers(tmp_path / "empty.wav", form, np.zeros((0, 1), np.int32))


def test_marks_are_few_enough_and_the_log_has_all_directions(tmp_path: Path) -> None:
    with audio.Recorder(tmp_path / "turning.wav", 8000) as recorder:
        for number in range(5000):
            recorder.write(bytes(16), angle=number * 47 % 360)
    found = chapters(tmp_path / "turning.wav")
    assert 250 <= len(found) <= 1000
    assert found[0] == (0, "0 deg")
    assert [time for time, _ in found] == sorted({time for time, _ in found})
    assert all(text == f"{(round(time * 8000 / 8) * 47 + 180) % 360 - 180} deg" for time, text in found)
    assert len(audio.read(tmp_path / "turning.wav").angles) == 5000


def test_a_direction_that_stays_is_marked_every_ten_seconds(tmp_path: Path) -> None:
    with audio.Recorder(tmp_path / "still.wav", 100) as recorder:
        for number in range(350):
            recorder.write(bytes(20), angle=30 + number % 2)
    assert chapters(tmp_path / "still.wav") == [(0.0, "30 deg"), (10.0, "30 deg"), (20.0, "30 deg"), (30.0, "30 deg")]


@pytest.mark.parametrize("rate", [16_000, 44_100])
def test_the_file_says_when_its_first_sample_was_recorded(rate: int, tmp_path: Path) -> None:
    for number, started in enumerate((MORNING, MORNING.astimezone(timezone(timedelta(hours=-9))))):
        path = tmp_path / f"{number}.wav"
        with audio.Recorder(path, rate, started=started) as recorder:
            recorder.write(bytes(20))
        found = tags(path)
        assert (found["date"], found["creation_time"]) == ("2026-03-29", "07:30:15")
        assert int(found["time_reference"]) == round((7 * 3600 + 30 * 60 + 15.25) * rate)
        assert examine(path).started == pytest.approx(MORNING, abs=timedelta(seconds=1 / rate))
        assert audio.read(path).started == MORNING


def test_a_file_of_floats_says_how_many_samples_it_has(tmp_path: Path) -> None:
    form = Form(16_000, 2, "FLOAT")
    data = write_wav(tmp_path / "a.wav", form, bytes(8 * 77)).read_bytes()
    assert b"fact" + struct.pack("<II", 4, 77) in data


def test_a_file_grows_from_riff_to_rf64_at_the_byte_that_the_sizes_cannot_count(tmp_path: Path) -> None:
    form = Form(16_000, 1, "PCM_16")
    sample = noise(1, form)
    for frames, kind in ((100, b"RIFF"), (101, b"RF64")):
        path = tmp_path / f"{frames}.wav"
        with path.open("xb", buffering=0) as file:
            offset = WavWriter(file, form).offset
        path.unlink()
        data = form.encode(np.repeat(sample, frames, axis=0))[0]
        write_wav(path, form, data, limit=offset - 8 + 200)
        assert path.read_bytes()[:4] == kind
        assert path.stat().st_size == offset + 2 * frames
        check_readers(path, form, np.repeat(sample, frames, axis=0))


def test_a_growing_file_is_right_at_every_checkpoint(tmp_path: Path) -> None:
    form = Form(16_000, 1, "PCM_24")
    samples = noise(21, form)
    data = form.encode(samples)[0]
    path = tmp_path / "grows.wav"
    with path.open("xb", buffering=0) as file:
        writer = WavWriter(file, form, before=bext_chunk(MORNING, form, "a", "b"), limit=720)
        kinds = set()
        for frame in range(21):
            writer.write(data[3 * frame : 3 * frame + 3])
            writer.checkpoint()
            if frame:  # one that is odd, and goes on, has its last sample counted with the next
                check_readers(path, form, samples[: (frame + 1) // 2 * 2])
            kinds.add(path.read_bytes()[:4])
        writer.finish()
    assert kinds == {b"RIFF", b"RF64"}
    check_readers(path, form, samples)


class Sparse(io.FileIO):
    """A file in which silence takes no room."""

    def write(self, data: Any) -> int:
        if len(data) > 1 << 16 and bytes(data) == bytes(len(data)):
            self.truncate(self.seek(len(data), os.SEEK_CUR))
            return len(data)
        return super().write(data)


@pytest.mark.slow
def test_a_file_of_more_than_4_gib_is_read_to_its_last_sample(tmp_path: Path) -> None:
    form = Form(48_000, 2, "FLOAT")
    path = tmp_path / "long.wav"
    block = bytes(1 << 23)
    file: IO[bytes]
    try:
        with Sparse(path, "x+") as file:
            number = path.stat().st_ino
            writer = WavWriter(file, form, before=bext_chunk(MORNING, form, "a", "b"))
            offset = writer.offset
            start = noise(1000, form, seed=1)
            writer.write(form.encode(as_written(start, form))[0])
            kinds = []
            while writer.samples * form.frame < 0x1_0800_0000:
                writer.write(block)
                writer.checkpoint()
                file.seek(0)
                kinds.append((file.read(4), path.stat().st_size <= RIFF_LIMIT + 8))
                file.seek(0, os.SEEK_END)
            assert set(kinds) == {(b"RIFF", True), (b"RF64", False)}  # it turned when it had to, in its place
            end = noise(5000, form, seed=2)
            writer.write(form.encode(as_written(end, form))[0])
            frames = writer.samples
            writer.finish(cue_chunks([(0, "first"), (frames - 7, "last")]))
        assert writer.offset == offset
        assert path.stat().st_ino == number
        assert path.stat().st_size > 1 << 32
        expected = as_written(end, form)
        for name, (counted, last) in endings(path, frames, 5000).items():
            assert counted == frames, name
            np.testing.assert_array_equal(last, expected, err_msg=name)
        recording = audio.read(path)
        assert (recording.samples, recording.state, recording.warnings) == (frames, "complete", ())
        np.testing.assert_array_equal(recording.read((frames - 5000) / 48_000), expected)
        np.testing.assert_array_equal(recording.read(0, 1000 / 48_000), as_written(start, form))
        assert examine(path).samples == frames
    finally:
        path.unlink(missing_ok=True)


def test_the_log_of_angles_is_as_the_reference_writes_it_to_the_byte(tmp_path: Path) -> None:
    with audio.Recorder(tmp_path / "walk.wav", sample_rate=16_000) as recorder:
        for angle in (45.50, 46.20, 47.00):
            recorder.write(np.zeros(1024, np.int16), angle=angle)
    expected = b"timestamp,angle\n0.000,45.50\n0.064,46.20\n0.128,47.00\n"
    assert (tmp_path / "walk.csv").read_bytes() == expected
