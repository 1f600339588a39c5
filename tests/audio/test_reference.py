"""The functions of the earlier system, called as its programs call them."""

from __future__ import annotations

from pathlib import Path

import soundfile

from perceptkit.audio import close_audio_stream, create_audio_stream, get_audio_files, write_audio_chunk


def test_a_program_of_the_earlier_system_still_records(tmp_path: Path) -> None:
    stream = create_audio_stream(str(tmp_path / "recording.wav"), sample_rate=16000, channels=1)
    for angle in (45.5, 46.2, 47.0):
        write_audio_chunk(stream, b"\x01\x00" * 1024, angle)
    write_audio_chunk(stream, b"\x02\x00" * 1024)
    path = close_audio_stream(stream)
    assert get_audio_files(tmp_path) == [path]
    samples, rate = soundfile.read(path, dtype="int16")
    assert (rate, list(samples)) == (16000, [1] * 3072 + [2] * 1024)
    assert path.with_suffix(".csv").read_bytes() == b"timestamp,angle\n0.000,45.50\n0.064,46.20\n0.128,47.00\n"
