"""Live footsteps: painted people, a pose model that knows them, and lists for a screen and a loudspeaker."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from painted_walks import RATE, WALK, Truth, find, middle, painted
from perceptkit import foley
from perceptkit.arrays import Floats, Picture
from perceptkit.errors import DeviceError, InputError, MissingExtraError
from perceptkit.foley import Footstep
from perceptkit.foley.live import in_real_time, perform
from perceptkit.foley.pursuit import pursue_people
from perceptkit.foley.rendering import Style
from perceptkit.foley.sound.loudspeaker import Mixer, loudspeaker, recorder
from perceptkit.video import Frame
from shared_data import model_file, video_file
from systems import linux
from tiny_networks import write_video
from walker import Walk

SAMPLES = 48_000
OPTIONS: dict[str, Any] = {"search_step": 0.2, "min_person": 20, "max_people": 12}


class Click:
    """A voice whose steps are clicks, so that it is heard when each begins."""

    def __init__(self) -> None:
        self.contacts: list[float | None] = []

    def restart(self) -> None:
        self.contacts.clear()

    def __call__(self, step: Footstep, contact: float | None, random: np.random.Generator) -> Floats:
        self.contacts.append(contact)
        return np.linspace(1, 0.5, 480, dtype=np.float32)


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pictures = [painted(number / RATE, WALK) for number in range(round(WALK.length * RATE))]
    return write_video(tmp_path_factory.mktemp("live") / "walk.mp4", pictures)


def models(*walks: Walk) -> dict[str, Any]:
    return {"people": find, "pose": Truth(*(walks or (WALK,)))}


def onsets(path: Path) -> list[float]:
    sound, rate = soundfile.read(path)
    assert (rate, sound.shape[1]) == (SAMPLES, 2)
    loud = np.flatnonzero(np.abs(sound).max(axis=1) > 1e-3)
    return [float(each) / rate for each in loud[np.diff(loud, prepend=-9999) > 100]]


# ---- The whole


def test_each_step_is_written_when_it_would_have_been_heard(walked: Path, tmp_path: Path) -> None:
    voice, target = Click(), tmp_path / "new" / "steps.wav"
    done = perform(walked, target, style=Style(voice=voice), window=False, **models())
    strikes = [step for step in done.steps if step.event == "heel_strike"]
    assert done.output == target
    assert done.frames == WALK.length * RATE
    assert len(strikes) == len(done.delays) == len(onsets(target))
    heard = [step.time + delay for step, delay in zip(strikes, done.delays, strict=True)]
    np.testing.assert_allclose(onsets(target), heard, atol=0.002)
    assert max(done.delays) <= 0.13 + 1 / RATE + 1e-6
    found = [any(step.foot == foot and abs(step.time - time) < 0.1 for step in strikes) for time, foot in WALK.strikes]
    assert sum(found) >= len(found) - 1
    assert len(strikes) <= len(WALK.strikes)
    contact = WALK.stance * WALK.stride
    assert voice.contacts[0] is None, "nobody knows yet"
    assert all(each is None or abs(each - contact) < 0.15 for each in voice.contacts)
    assert voice.contacts[-1] is not None
    sound, _ = soundfile.read(target)
    assert sound[round(onsets(target)[0] * SAMPLES), 0] > sound[round(onsets(target)[0] * SAMPLES), 1], "from the left"
    assert len(sound) >= (WALK.length - 0.1) * SAMPLES


def test_the_same_input_gives_the_same_sound(walked: Path, tmp_path: Path) -> None:
    written = []
    for name in ("one.wav", "other.wav"):
        perform(walked, tmp_path / name, style=Style(surface="gravel", seed=3), window=False, **models())
        written.append((tmp_path / name).read_bytes())
    assert written[0] == written[1]
    sound, _ = soundfile.read(tmp_path / "one.wav")
    assert 0.02 < np.abs(sound).max() < 1


def test_a_video_is_played_at_its_own_pace(walked: Path) -> None:
    played: list[Floats] = []
    counted: list[tuple[int, int | None]] = []
    done = perform(walked, play=played.append, window=False, progress=lambda *each: counted.append(each), **models())
    assert len(played) == len(done.delays) > 3
    assert all(sound.shape[1] == 2 and sound.dtype == np.float32 for sound in played)
    assert all(0.025 < delay < 1 for delay in done.delays)
    assert counted[-1][0] == done.frames
    assert done.output is None


def test_no_more_is_shown_than_is_wanted_and_steps_are_drawn(walked: Path, tmp_path: Path) -> None:
    shown: list[Picture] = []

    def show(picture: Picture) -> bool:
        shown.append(picture)
        return len(shown) < 60

    done = perform(walked, tmp_path / "steps.wav", show=show, **models())
    assert done.frames == len(shown) == 60
    assert {picture.shape for picture in shown} == {(360, 640, 3)}
    assert (shown[10] != painted(10 / RATE, WALK)).any()
    assert not [one.name for one in threading.enumerate() if one.name.startswith("perceptkit")]


def test_ctrl_c_leaves_a_whole_file(walked: Path, tmp_path: Path) -> None:
    shown: list[Picture] = []

    def show(picture: Picture) -> bool:
        shown.append(picture)
        if len(shown) == 75:
            raise KeyboardInterrupt
        return True

    known = models()
    with pytest.raises(KeyboardInterrupt):
        perform(walked, tmp_path / "steps.wav", style=Style(voice=Click()), show=show, **known)
    whole = perform(walked, tmp_path / "whole.wav", style=Style(voice=Click()), window=False, **models())
    before = [each for each in onsets(tmp_path / "whole.wav") if each <= 74 / RATE]
    assert onsets(tmp_path / "steps.wav") == before
    assert before
    assert len(before) < len(whole.delays)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["steps.wav", "whole.wav"]
    assert not known["pose"].open


def test_nobody_is_silence(tmp_path: Path) -> None:
    video = write_video(tmp_path / "empty.mp4", [painted(0)] * 10)
    done = perform(video, tmp_path / "steps.wav", window=False, **models())
    assert (done.frames, done.steps, onsets(tmp_path / "steps.wav")) == (10, (), [])
    assert done.warnings == (f"{video}: nobody was found in the picture, so there were no footsteps",)


def test_who_stands_makes_no_sound(tmp_path: Path) -> None:
    still = Walk(length=2, start=9, stop=9, scale=150, origin=(200, 330))
    video = write_video(tmp_path / "still.mp4", [painted(0, still)] * 50)
    done = perform(video, tmp_path / "steps.wav", window=False, **models(still))
    assert (done.steps, onsets(tmp_path / "steps.wav")) == ((), [])
    assert done.warnings == (f"{video}: nobody took a step, or no feet were to be seen",)


def test_a_camera_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="camera 99 gives no picture"):
        perform(99, tmp_path / "steps.wav", window=False, **models())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"output": "steps.mp3"}, r"cannot write steps\.mp3: the sound is written as \.wav; give OUT\.wav"),
        ({"detector": "magic"}, "unknown footstep detector 'magic'"),
        ({"search_step": -1}, "search_step is -1"),
        ({"max_people": 0}, "max_people is 0"),
    ],
)
def test_values_that_make_no_sense(walked: Path, tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        perform(walked, **{"output": tmp_path / "steps.wav", "window": False, **models(), **options})
    assert list(tmp_path.iterdir()) == []


@linux
def test_without_a_screen_it_says_what_to_do_instead(
    walked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(DeviceError, match="a window cannot be opened here; go without one"):
        perform(walked, tmp_path / "steps.wav", **models())


def test_frames_that_are_late_are_left_out() -> None:
    now = [100.0]
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    frames = [Frame(number, number / 10, np.zeros((2, 2, 3), np.uint8)) for number in range(30)]
    taken = []
    for frame in in_real_time(frames, clock=lambda: now[0], sleep=sleep):
        taken.append(frame.index)
        now[0] += 2.0 if frame.index == 0 else 0.55 if frame.index == 10 else 0.02
    assert taken[:11] == list(range(11)), "the first frame may take as long as it likes"
    assert taken[11:] == [13, *range(15, 30)], "11, 12 and 14 were over long ago"
    assert abs(now[0] - (102 + 2.8 + 0.02)) < 1e-6


# ---- Frames that are handed over one by one


def handed(session: foley.LiveSession, count: int = 100) -> list[Footstep]:
    return [
        step
        for number in range(count)
        for step in session(Frame(number, number / RATE, painted(number / RATE, WALK)))[1]
    ]


def test_frames_handed_over_give_the_steps_that_are_performed(walked: Path, tmp_path: Path) -> None:
    done = perform(walked, tmp_path / "steps.wav", window=False, **models())
    with foley.LiveSession(find, Truth(WALK)) as session:
        steps = handed(session, round(WALK.length * RATE))
        sound = session.sound(steps)
    # The video is compressed, the painted frames are not.
    assert [(step.foot, step.event) for step in steps] == [(step.foot, step.event) for step in done.steps]
    np.testing.assert_allclose([step.time for step in steps], [step.time for step in done.steps], atol=0.03)
    assert 0.02 < np.abs(sound).max() < 1


def test_their_sound_is_as_far_apart_as_they_happened() -> None:
    known = Truth(WALK)
    with foley.LiveSession(find, known, style=Style(voice=Click())) as session:
        steps = handed(session)
        assert known.open == {1}
        strikes = [step for step in steps if step.event == "heel_strike"]
        sound = session.sound(steps)
        assert len(session.sound([])) == 0
    assert not known.open
    loud = np.flatnonzero(np.abs(sound).max(axis=1) > 1e-3)
    heard = loud[np.diff(loud, prepend=-9999) > 100] / SAMPLES
    assert len(strikes) > 2
    np.testing.assert_allclose(heard, [step.time - strikes[0].time for step in strikes], atol=0.002)


def test_a_frame_that_does_not_fit_is_refused_and_the_next_one_is_taken() -> None:
    with foley.LiveSession(find, Truth(WALK)) as session:
        session(Frame(0, 1.0, painted(0, WALK)))
        with pytest.raises(InputError, match=r"the time of a frame is 1\.0 s, after one at 1\.0 s"):
            session(Frame(1, 1.0, painted(0, WALK)))
        with pytest.raises(InputError, match="a frame is 320 x 180, after others of 640 x 360"):
            session(Frame(1, 1.1, np.zeros((180, 320, 3), np.uint8)))
        assert session(Frame(1, 1.1, painted(0.1, WALK)))[0].frame.time == 1.1
    with pytest.raises(InputError, match="the session is closed; begin another"):
        session(Frame(2, 1.2, painted(0.2, WALK)))
    with pytest.raises(InputError, match="unknown sensitivity 'huge'; choose one of: low, medium, high"):
        foley.LiveSession(find, Truth(WALK), sensitivity="huge")


# ---- People, at once


def stream(pulled: list[int], *walks: Walk, count: int = 60, cut: int | None = None) -> Iterator[Frame]:
    for number in range(count):
        pulled.append(number)
        grey = 90 if cut is None or number < cut else 160
        yield Frame(number, number / RATE, painted(number / RATE, *walks, grey=grey))


def test_every_frame_is_given_back_before_the_next_one_comes() -> None:
    pulled: list[int] = []
    other = Walk(length=5, start=0, stop=5, speed=0.3, scale=120, origin=(420, 330))
    model = Truth(WALK, other)
    for seen in pursue_people(stream(pulled, WALK, other), find, model, **OPTIONS):
        assert pulled[-1] == seen.frame.index
        assert sorted(pose.person for pose in seen.poses) == [1, 2]
        for pose in seen.poses:
            walk = {1: WALK, 2: other}[pose.person]  # the higher one is the first
            assert abs(middle(walk.landmarks([pose.time])[0])[0] - middle(pose.keypoints)[0]) < 10
    assert not model.open


def test_after_a_cut_everybody_is_somebody_new() -> None:
    seen = list(pursue_people(stream([], WALK, cut=30), find, Truth(WALK), **OPTIONS))
    assert {pose.person for each in seen[:30] for pose in each.poses} == {1}
    assert {pose.person for each in seen[30:] for pose in each.poses} == {2}
    assert [each.motion.cut for each in seen] == [number == 30 for number in range(60)]


def test_who_leaves_is_not_followed_any_more_and_who_comes_is() -> None:
    late = Walk(length=5, start=0, stop=5, speed=0.1, scale=120, origin=(500, 330))

    def shown() -> Iterator[Frame]:
        for number in range(75):
            there = (WALK,) if number < 25 else (WALK, late) if number < 40 else (late,)
            yield Frame(number, number / RATE, painted(number / RATE, *there))

    seen = list(pursue_people(shown(), find, Truth(WALK, late), **OPTIONS))
    assert {pose.person for pose in seen[24].poses} == {1}
    assert {pose.person for pose in seen[38].poses} == {1, 2}
    assert {pose.person for pose in seen[-1].poses} == {2}


def test_stopping_early_closes_everything() -> None:
    model = Truth(WALK)
    following = pursue_people(stream([], WALK), find, model, **OPTIONS)
    next(following)
    following.close()
    assert not model.open
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("perceptkit")]


# ---- The loudspeaker


def test_sounds_are_summed_and_never_too_loud() -> None:
    mixer = Mixer()
    mixer.add(np.full((300, 2), 0.25, np.float32))
    block = np.ones((200, 2), np.float32)
    mixer.fill(block)
    assert (block == 0.25).all()
    mixer.add(np.full((150, 2), 0.5, np.float32))
    assert mixer.remaining == 150
    mixer.fill(block)
    assert (block[:100] == 0.75).all()
    assert (block[100:150] == 0.5).all()
    assert (block[150:] == 0).all()
    for _ in range(9):
        mixer.add(np.tile(np.array([[0.3, -0.3]], np.float32), (200, 1)))
    mixer.fill(block)
    assert (np.abs(block) > 0.9).all()
    assert (np.abs(block) <= 1).all()
    assert (block[:, 0] == -block[:, 1]).all()
    assert mixer.remaining == 0


class Device:
    """What sounddevice is to us."""

    class PortAudioError(Exception):
        pass

    def __init__(self, error: str | None = None) -> None:
        self.error, self.calls, self.options = error, list[str](), dict[str, Any]()

    def OutputStream(self, **options: Any) -> Device:  # noqa: N802 - their name
        if self.error:
            raise self.PortAudioError(self.error)
        self.options = options
        return self

    def start(self) -> None:
        self.calls.append("start")

    def close(self) -> None:
        self.calls.append("close")


def test_what_is_played_comes_out_of_the_device() -> None:
    device = Device()
    with loudspeaker(lambda: device) as play:
        assert device.calls == ["start"]
        play(np.full((100, 2), 0.5, np.float32))
        block = np.ones((256, 2), np.float32)
        device.options["callback"](block, 256, None, None)
        assert (block[:100] == 0.5).all()
        assert (block[100:] == 0).all()
    assert device.calls == ["start", "close"]
    assert (device.options["samplerate"], device.options["channels"], device.options["dtype"]) == (
        SAMPLES,
        2,
        "float32",
    )


def test_without_the_library() -> None:
    def load() -> Any:
        raise ImportError("no module named sounddevice")

    with pytest.raises(MissingExtraError, match=r"pip install 'perceptkit\[mic\]'"), loudspeaker(load):
        pass


def test_without_portaudio() -> None:
    def load() -> Any:
        raise OSError("PortAudio library not found")

    with (
        pytest.raises(MissingExtraError, match=r"PortAudio library not found.*apt-get install -y libportaudio2"),
        loudspeaker(load),
    ):
        pass


def test_without_a_loudspeaker() -> None:
    with (
        pytest.raises(DeviceError, match=r"Error querying device -1; plug in .* \(-o FILE\.wav\)"),
        loudspeaker(lambda: Device("Error querying device -1")),
    ):
        pass


def test_an_error_while_it_records_leaves_what_was_heard(tmp_path: Path) -> None:
    def record(name: str, error: Exception) -> None:
        with recorder(tmp_path / name) as recording:
            recording.wait(0.5)
            recording.play(np.full((4800, 2), 0.5, np.float32))
            raise error

    with pytest.raises(DeviceError, match="unplugged"):
        record("steps.wav", DeviceError("unplugged"))
    assert soundfile.info(tmp_path / "steps.wav").frames == 24000 + 4800
    with pytest.raises(RuntimeError):
        record("other.wav", RuntimeError("a mistake of ours"))
    assert [path.name for path in tmp_path.iterdir()] == ["steps.wav"]


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot write"), recorder(tmp_path / "none" / "steps.wav"):
        pass


# ---- Real video


@pytest.mark.weights
@pytest.mark.slow
def test_a_woman_on_grass_is_heard(tmp_path: Path) -> None:
    people = foley.load_people(model_file("yolox-nano.onnx"), device="cpu", threads=1)
    pose = foley.load_pose(model_file("pose-landmarker-lite.task"))
    target = tmp_path / "steps.wav"
    done = perform(video_file("walk-grass-side.mp4"), target, people=people, pose=pose, window=False)
    true = [(40, "left"), (60, "right"), (79.5, "left"), (98, "right"), (116, "left"), (134, "right"), (152, "left")]
    true += [(171, "right"), (189, "left")]
    by_person: dict[int, list[Footstep]] = {}
    for step in done.steps:
        if step.event == "heel_strike":
            by_person.setdefault(step.person, []).append(step)
    woman = max(by_person.values(), key=len)
    hit = [any(step.foot == foot and abs(step.time - at / 30) <= 0.1 for step in woman) for at, foot in true]
    assert sum(hit) >= 7
    assert len([step for step in woman if 1.2 < step.time < 6.5]) <= 11
    assert max(done.delays) <= 0.13 + 2 / 30
    assert np.median(done.delays) < 0.09
    assert soundfile.info(target).duration > 7
