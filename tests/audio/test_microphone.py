from __future__ import annotations

import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile

from perceptkit import audio
from perceptkit.errors import DeviceError, MissingExtraError

BLOCK = np.arange(160, dtype=np.int16)[:, np.newaxis]


class Sounddevice:
    """What sounddevice is to us: a microphone that hears the blocks that a test gives it."""

    class PortAudioError(Exception):
        pass

    def __init__(self, *blocks: tuple[float, np.ndarray[Any, Any], bool], refuses: str | None = None) -> None:
        self.blocks, self.refuses, self.options = blocks, refuses, dict[str, Any]()

    def query_devices(self) -> list[dict[str, Any]]:
        return [
            {"name": "Loudspeaker", "max_input_channels": 0, "default_samplerate": 44100.0},
            {"name": "Array", "max_input_channels": 4, "default_samplerate": 48000.0},
        ]

    def check_input_settings(self, **options: Any) -> None:
        if self.refuses:
            raise self.PortAudioError(self.refuses)
        self.options = options

    def InputStream(self, **options: Any) -> Sounddevice:  # noqa: N802 - their name
        self.callback = options["callback"]
        return self

    def __enter__(self) -> Sounddevice:
        self.thread = threading.Thread(target=self.hear)
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.thread.join()

    def hear(self) -> None:
        for moment, block, overflowed in self.blocks:
            status = SimpleNamespace(input_overflow=overflowed)
            self.callback(block, len(block), SimpleNamespace(inputBufferAdcTime=moment), status)


def test_what_the_microphone_hears_is_recorded(tmp_path: Path) -> None:
    device = Sounddevice(*[(n * 0.01, BLOCK, False) for n in range(10)])
    with audio.Recorder(tmp_path / "a.wav", overflow="gap", max_duration=0.075) as recorder:
        recorder.set_angle(30)
        audio.record_microphone(recorder, device="Array", load=lambda: device)
    heard, rate = soundfile.read(tmp_path / "a.wav", dtype="int16")
    assert (heard == np.tile(BLOCK[:, 0], 8)[:1200]).all()
    assert rate == 16000
    assert device.options == {"device": "Array", "samplerate": 16000, "channels": 1, "dtype": "int16"}
    recording = recorder.close()
    assert recording.state == "complete"
    assert list(recording.angles.azimuth) == [30]


def test_sound_that_the_system_lost_is_a_gap_of_the_right_length(tmp_path: Path) -> None:
    late = 5.02 + 0.35  # the third block comes 350 ms after it was due
    device = Sounddevice((5.0, BLOCK, False), (5.01, BLOCK, False), (late, BLOCK, True), (late + 0.01, BLOCK, False))
    with audio.Recorder(tmp_path / "a.wav", max_duration=0.39) as recorder:
        audio.record_microphone(recorder, load=lambda: device)
    recording = recorder.close()
    assert recording.gaps == (audio.Gap(0.02, 5600, "overflow"),)
    heard = recording.read()[:, 0] * 32768
    assert (heard[:320] == np.tile(BLOCK[:, 0], 2)).all()
    assert (heard[320:5920] == 0).all()
    assert (heard[5920:6240] == np.tile(BLOCK[:, 0], 2)).all()


def test_an_overflow_at_the_very_beginning_has_no_length_but_is_noted(tmp_path: Path) -> None:
    device = Sounddevice((5.0, BLOCK, True))
    with audio.Recorder(tmp_path / "a.wav", max_duration=0.01) as recorder:
        audio.record_microphone(recorder, load=lambda: device)
    assert recorder.close().gaps == (audio.Gap(0.0, 0, "overflow"),)


def test_a_microphone_that_is_unplugged_ends_the_recording_with_what_was_heard(tmp_path: Path) -> None:
    device = Sounddevice((0.0, BLOCK, False))
    recorder = audio.Recorder(tmp_path / "a.wav")
    with pytest.raises(DeviceError, match=r"no sound has come for 0\.2 s: the microphone was unplugged"), recorder:
        audio.record_microphone(recorder, load=lambda: device, patience=0.2)
    recording = audio.read(tmp_path / "a.wav")
    assert recording.samples == 160
    assert recording.state == "interrupted"


def test_a_microphone_that_cannot_do_it_says_what_to_change(tmp_path: Path) -> None:
    device = Sounddevice(refuses="Invalid sample rate")
    recorder = audio.Recorder(tmp_path / "a.wav", 12345, 7)
    with (
        pytest.raises(DeviceError, match="cannot record 7 channels at 12345 Hz here: Invalid sample rate; choose"),
        recorder,
    ):
        audio.record_microphone(recorder, load=lambda: device)


def test_the_microphones_of_the_machine() -> None:
    assert audio.list_microphones(load=Sounddevice) == [audio.Microphone(1, "Array", 4, 48000.0)]


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            ImportError("no module"),
            r"recording from a microphone needs an optional package: pip install 'perceptkit\[mic",
        ),
        (OSError("PortAudio library not found"), r"needs PortAudio.*apt-get install -y libportaudio2"),
    ],
)
def test_without_the_library_or_portaudio(error: Exception, message: str) -> None:
    def load() -> Any:
        raise error

    with pytest.raises(MissingExtraError, match=message):
        audio.list_microphones(load=load)
