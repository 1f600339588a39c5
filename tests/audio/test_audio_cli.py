from __future__ import annotations

import json
import re
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from command_line import program, run, within
from perceptkit import audio
from systems import posix

RATE = 16_000
NOISE = np.random.default_rng(3).integers(-9000, 9000, RATE, dtype=np.int16)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a recording: walk.wav, a second that turns from 45 to 90 degrees."""
    with audio.Recorder(tmp_path / "walk.wav") as recorder:
        recorder.write(NOISE[:8000], angle=45)
        recorder.write(NOISE[8000:], angle=90)
    return tmp_path


def test_a_pipe_is_recorded_to_its_last_sample(tmp_path: Path) -> None:
    done = run(tmp_path, "audio", "record", "pipe", "--stdin", "--angle", "30", stdin=NOISE.tobytes())
    assert (done.returncode, done.stdout) == (0, "pipe.wav: 1.000 s, 16000 Hz, 1 channel, PCM_16, 1 angle\n")
    assert (soundfile.read(tmp_path / "pipe.wav", dtype="int16")[0] == NOISE).all()
    assert (tmp_path / "pipe.csv").read_text() == "timestamp,angle\n0.000,30.00\n"


def test_an_empty_pipe_is_said(tmp_path: Path) -> None:
    done = within(tmp_path, "audio", "record", "pipe", "--stdin")
    assert done.exit_code == 3
    assert "nothing was recorded: no sample came in" in done.stderr


def test_seconds_end_a_recording(tmp_path: Path) -> None:
    done = run(tmp_path, "audio", "record", "pipe.wav", "--stdin", "--seconds", "0.25", stdin=NOISE.tobytes())
    assert done.returncode == 0
    assert audio.read(tmp_path / "pipe.wav").samples == 4000


@posix
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_recording_which_is_whole_then(tmp_path: Path, sent: signal.Signals) -> None:
    command, environment = program(tmp_path, "audio", "record", "live.wav", "--stdin")
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stdin=pipe, stdout=pipe, stderr=pipe) as started:
        assert started.stdin is not None
        started.stdin.write(NOISE.tobytes())
        started.stdin.flush()
        part = tmp_path / "live.wav.part"
        while not part.exists() or part.stat().st_size < NOISE.nbytes:
            time.sleep(0.02)
        started.send_signal(sent)
        started.send_signal(sent)
        said, complaints = started.communicate(timeout=60)
    assert started.returncode == 0
    assert said.decode() == "live.wav: 1.000 s, 16000 Hz, 1 channel, PCM_16, 0 angles\n"
    assert complaints.decode() == "record: stopped\n"
    assert audio.read(tmp_path / "live.wav").state == "complete"


def test_a_file_is_recorded_with_its_list_of_angles(folder: Path) -> None:
    soundfile.write(folder / "field.flac", NOISE, RATE)
    (folder / "log.csv").write_text("timestamp,angle\n0.0,350\n0.5,10\n")
    command = ("audio", "record", "new.wav", "--from", "field.flac", "--angles", "log.csv", "--convention", "dial")
    done = within(folder, *command)
    assert done.exit_code == 0, done.stderr
    assert (soundfile.read(folder / "new.wav", dtype="int16")[0] == NOISE).all()
    assert list(audio.read(folder / "new.wav").angles.azimuth) == [10, -10]
    assert (folder / "new.csv").read_text() == "timestamp,angle\n0.000,350.00\n0.500,10.00\n"


def test_the_direction_of_a_stereo_file_is_estimated_and_kept(folder: Path) -> None:
    noise = np.random.default_rng(1).normal(0, 0.1, 2 * RATE)
    soundfile.write(folder / "stereo.wav", np.stack([noise, np.roll(noise, 4)], axis=1), RATE)  # 4 samples later
    wanted = -np.degrees(np.arcsin(4 / RATE * 343 / 0.2))  # towards the first microphone
    rows = json.loads(within(folder, "audio", "direction", "stereo.wav", "--json").stdout)
    assert len(rows) >= 10
    assert [row["azimuth"] for row in rows] == pytest.approx([wanted] * len(rows), abs=1)
    lines = within(folder, "audio", "direction", "stereo.wav").stdout.splitlines()
    assert lines[0] == "timestamp,angle,confidence"
    assert len(lines) == len(rows) + 1
    done = within(folder, "audio", "record", "kept.wav", "--from", "stereo.wav", "--angles", "estimate")
    assert done.exit_code == 0, done.stderr
    assert audio.read(folder / "kept.wav").angles.azimuth == pytest.approx([wanted] * len(rows), abs=1)
    left_first = ("--microphones", "0,0.1;0,-0.1")
    rows = json.loads(within(folder, "audio", "direction", "stereo.wav", "--json", *left_first).stdout)
    assert rows[3]["azimuth"] == pytest.approx(-wanted, abs=1)


def test_recordings_are_listed_and_what_cannot_be_read_is_said(folder: Path) -> None:
    assert within(folder, "audio", "list").stdout == "walk.wav: 1.000 s, 16000 Hz, 1 channel, PCM_16, 2 angles\n"
    (folder / "broken.wav").write_bytes(b"RIFF")
    done = within(folder, "audio", "list", folder, "--json")
    assert done.exit_code == 3
    assert "broken.wav" in done.stderr
    (facts,) = json.loads(done.stdout)
    assert (facts["duration"], facts["angles"], facts["state"]) == (1.0, 2, "complete")
    (folder / "empty").mkdir()
    assert within(folder, "audio", "list", "empty").stdout == "no recordings in empty\n"


def test_a_recording_is_shown_with_a_picture(folder: Path) -> None:
    done = within(folder, "audio", "show", "walk.wav")
    assert done.exit_code == 0
    assert re.search(r"^duration: +1\.0$", done.stdout, re.MULTILINE)
    assert (folder / "walk-picture.png").read_bytes().startswith(b"\x89PNG")
    facts = json.loads(within(folder, "audio", "show", "walk.wav", "-o", "seen.png", "--json").stdout)
    assert facts["picture"] == "seen.png"
    assert (folder / "seen.png").is_file()


def test_angles_are_printed_in_any_convention(folder: Path) -> None:
    assert within(folder, "audio", "angles", "walk.wav").stdout == "timestamp,angle\n0.000,45.00\n0.500,90.00\n"
    dial = within(folder, "audio", "angles", "walk.wav", "--to", "dial", "--every", "0.25").stdout
    assert dial == "timestamp,angle\n0.000,315.00\n0.250,292.50\n0.500,270.00\n0.750,270.00\n"
    rows = json.loads(within(folder, "audio", "angles", "walk.wav", "--json").stdout)
    assert rows == [{"time": 0.0, "azimuth": 45.0}, {"time": 0.5, "azimuth": 90.0}]


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("audacity", "walk-labels.txt"),
        ("dcase", "walk-dcase.csv"),
        ("adm", "walk-adm.wav"),
        ("json", "walk-angles.json"),
    ],
)
def test_a_recording_is_exported(folder: Path, kind: str, name: str) -> None:
    done = within(folder, "audio", "export", "walk.wav", "--to", kind)
    assert done.stdout == f"{name}\n"
    assert (folder / name).stat().st_size > 10


def test_a_piece_is_cut_out_with_its_angles(folder: Path) -> None:
    done = within(folder, "audio", "clip", "walk.wav", "--start", "0.25", "--end", "0.75")
    assert done.stdout == "walk-0.25-0.75.wav: 0.500 s, 16000 Hz, 1 channel, PCM_16, 2 angles\n"
    assert (folder / "walk-0.25-0.75.csv").read_text() == "timestamp,angle\n0.000,67.50\n0.250,90.00\n"
    assert (soundfile.read(folder / "walk-0.25-0.75.wav", dtype="int16")[0] == NOISE[4000:12000]).all()


def test_what_is_cut_off_is_repaired_and_the_rest_goes_on(folder: Path) -> None:
    (folder / "cut.wav").write_bytes((folder / "walk.wav").read_bytes()[:20001])
    (folder / "none.wav").write_bytes(b"no sound at all")
    done = within(folder, "audio", "repair", "cut.wav", "none.wav", "walk.wav")
    assert done.exit_code == 3
    assert "none.wav: not a WAV file" in done.stderr
    lines = done.stdout.splitlines()
    assert re.fullmatch(r"cut-repaired\.wav: 9,\d\d\d samples, 0 angles", lines[0])
    assert lines[1] == "walk.wav: whole, nothing to repair"


@pytest.mark.parametrize(
    ("command", "code", "message"),
    [
        ("record walk.wav --stdin", 2, "walk.csv is there already; choose another name"),
        ("record x.wav --stdin --from walk.wav", 2, "choose one of --device, --stdin and --from"),
        ("record x.wav --stdin --angles log.csv", 2, "--angles goes with --from FILE"),
        ("record x.wav --stdin --rate 0", 2, "sample_rate is 0; give a whole number from 1"),
        ("record x.wav --stdin --subtype MP3", 2, "unknown subtype 'MP3'; choose one of: PCM_16"),
        ("record x.wav --stdin --convention nautical", 2, "unknown convention of angles 'nautical'; choose one of"),
        ("record x.wav --stdin --seconds 0", 2, "max_duration is 0.0; give more than 0"),
        ("record x.wav --from walk.wav --rate 48000", 2, "a file is recorded as it is; --rate"),
        ("record x.wav --from walk.wav --angle 3 --angles log.csv", 2, "two ways to say the same"),
        ("record x.wav --from walk.wav --convention nautical", 2, "unknown convention of angles 'nautical'"),
        ("record x.wav --from walk.wav --seconds inf", 2, "seconds is inf; give more than 0"),
        ("record x.wav --from walk.wav --heading nan", 2, "heading is nan; give a finite number"),
        ("record x.flac --from walk.wav", 2, "a recording is a .wav file; give NAME.wav"),
        ("angles walk.wav --every 1e-12", 2, "give at least one sample"),
        ("show walk.wav -o walk.csv", 2, "walk.csv would be written over"),
        ("show walk.wav -o walk.csv.part", 2, "is a name of the recording's own files"),
        ("direction walk.wav --spacing 1e9", 2, "spacing is 1000000000.0; give the distance"),
        ("record x.wav --from nothing.wav", 2, "no such file: nothing.wav"),
        ("record x.wav --from walk.wav --angles nothing.csv", 2, "no such file: nothing.csv; give a list of angles"),
        ("list nowhere", 2, "no such folder: nowhere"),
        ("show nothing.wav", 2, "no such file: nothing.wav"),
        ("angles walk.wav --every 0", 2, "every is 0 s; give at least one sample"),
        ("angles walk.wav --to compass", 2, "give the heading"),
        ("export walk.wav --to mp3", 2, "unknown kind of export 'mp3'; choose one of: audacity, dcase, adm, json"),
        ("export walk.wav --to json -o walk.csv", 2, "walk.csv would be written over"),
        ("clip walk.wav --start 5", 2, "walk.wav is 1 s long"),
        ("direction walk.wav", 2, "two channels or more"),
        ("direction walk.wav --microphones left", 2, "microphones are 'left'; give metres"),
        ("repair nothing.wav", 2, "no such file: nothing.wav"),
        ("repair walk.wav other.wav -o new.wav", 2, "--output goes with one file"),
    ],
)
def test_complaints_say_what_to_change(folder: Path, command: str, code: int, message: str) -> None:
    before = sorted(folder.iterdir())
    done = within(folder, "audio", *command.split())
    assert done.exit_code == code
    assert message in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert sorted(folder.iterdir()) == before


def test_a_wav_in_a_pipe_is_not_taken_for_samples(tmp_path: Path) -> None:
    done = within(tmp_path, "audio", "record", "x.wav", "--stdin", stdin=b"RIFF" + bytes(100))
    assert done.exit_code == 2
    assert "a WAV file comes in, and raw samples are wanted" in done.stderr
    assert not list(tmp_path.iterdir())
