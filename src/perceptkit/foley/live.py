"""Footsteps that are heard while somebody walks before a camera: `perform`."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError
from ..files import check_folder, make_folder
from ..video import Frame, Frames, Show, open_source, open_window, prefetch, read_camera
from . import defaults
from .annotation import Overlay
from .following import Find, PoseModel, Seen
from .footsteps import FootstepDetector, choose_detector
from .people import load_people
from .pose import load_pose
from .rendering import Style
from .session import LiveSession
from .sound.loudspeaker import Play, Recorder, loudspeaker, recorder
from .types import Footstep

__all__ = ["Performance", "in_real_time", "perform"]

_SELDOM = 0.25  # seconds of a video of which at least one frame is shown, however late it is
_INSTEAD = "go without one (--no-window)"
_TITLE = "perceptkit foley (q to quit)"


@dataclass(frozen=True, slots=True)
class Performance:
    """What was seen and heard: how many `frames` there were, the `steps`, and the `delays` of those that were heard
    (heel strikes), in seconds from the strike to the sound; `output` is the WAV, where one was wanted."""

    frames: int
    steps: tuple[Footstep, ...]
    delays: tuple[float, ...]
    output: Path | None
    warnings: tuple[str, ...]


def perform(
    source: int | str | Path = 0,
    output: str | Path | None = None,
    *,
    style: Style | None = None,
    people: str | Path | Find | None = None,
    pose: str | Path | PoseModel | None = None,
    preset: str | None = None,
    device: str = "auto",
    detector: str | FootstepDetector = defaults.DETECTOR,
    sensitivity: str = defaults.SENSITIVITY,
    search_step: float = defaults.SEARCH_STEP,
    min_person: float = defaults.MIN_PERSON,
    max_people: int = defaults.MAX_PEOPLE,
    window: bool = True,
    show: Show | None = None,
    play: Play | None = None,
    progress: Callable[[int, int | None], None] | None = None,
) -> Performance:
    """Play the footsteps of the people before a camera (by its index), or in a video, while they walk.

    With `output` (WAV, 48 kHz stereo) nothing is played: the file holds what would have been heard, in time with the
    frames. Without it, `play` takes the place of the loudspeaker. `show` is called with each annotated picture, by
    default a window on the screen, unless `window` is False; q, Escape or Ctrl-C ends it, and leaves a whole file. The
    other arguments are those of `detect` and of `Style`, whose room and loudness are not used: the room is the one that
    listens, and the level is fixed.

    A step is heard 30 to 130 ms after it, and a frame at the most; half of them within 60 ms. To that comes what the
    camera, the landmarks (15 ms a person), the sound (10 ms) and the audio device (5 to 20 ms) take. A video is played
    at its own pace unless it is only written; frames that come while the last one is worked on are left out.

    Raises DeviceError where there is no camera, screen or loudspeaker, MissingExtraError without the audio library,
    InputError, MediaError and ModelError as `detect` does.
    """
    target = None if output is None else _checked(output)
    with ExitStack() as opened:
        frames = opened.enter_context(read_camera(source) if isinstance(source, int) else open_source(source))
        choose_detector(detector, sensitivity)  # before the models are loaded, not after it
        out: Recorder | Play
        if target is not None:
            out = opened.enter_context(recorder(target))
        else:
            out = play or opened.enter_context(loudspeaker())
        if window and show is None:
            show = opened.enter_context(open_window(_TITLE, _INSTEAD))
        if people is None or isinstance(people, (str, Path)):
            people = load_people(people, preset=preset, device=device, threads=1)
        if pose is None or isinstance(pose, (str, Path)):
            pose = load_pose(pose, preset=preset)
        session = LiveSession(
            people,
            pose,
            style=style,
            detector=detector,
            sensitivity=sensitivity,
            search_step=search_step,
            min_person=min_person,
            max_people=max_people,
        )
        stage = _Stage(opened.enter_context(session), Overlay(frames.info.rate), out)
        for frame in stage.noted(_paced(opened, source, frames, live=target is None)):
            seen = stage.on(frame)
            if progress:
                progress(stage.frames, frames.info.expected_frames)
            if show and not show(stage.overlay.on(seen.frame, seen.poses)):
                break
    warnings = [*frames.warnings, *([] if stage.steps else [f"{source}: {stage.why_nothing}"])]
    return Performance(stage.frames, tuple(stage.steps), tuple(stage.delays), target, tuple(warnings))


def _checked(output: str | Path) -> Path:
    """The path to write to; InputError for one that is no .wav or cannot be written to."""
    target = Path(output).expanduser()
    if target.suffix.lower() != ".wav":
        raise InputError(f"cannot write {target}: the sound is written as .wav; give OUT.wav")
    check_folder(target.parent)
    make_folder(target.parent)
    return target


class _Stage:
    """What happens with a frame: its steps are found, heard or written, and drawn from then on."""

    def __init__(self, session: LiveSession, overlay: Overlay, out: Recorder | Play) -> None:
        self._session, self.overlay = session, overlay
        self._recording = out if isinstance(out, Recorder) else None
        self._play = out.play if isinstance(out, Recorder) else out
        self._came = 0.0
        self._somebody = False
        self.frames = 0
        self.steps: list[Footstep] = []
        self.delays: list[float] = []

    def noted(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """The same frames, and when the last one came is kept."""
        last = -math.inf
        for frame in frames:
            self._came = time.monotonic()
            if frame.time > last:  # the clock of some systems is too coarse to tell two frames of a camera apart
                last = frame.time
                yield frame

    def on(self, frame: Frame) -> Seen:
        """A frame; who is in it."""
        seen, steps = self._session(frame)
        self.frames += 1
        self._somebody = self._somebody or bool(seen.poses)
        if self._recording:
            self._recording.wait(frame.time)
        for step in steps:
            self.steps.append(step)
            self.overlay.add(step)
            if step.event == "heel_strike":
                self._play(self._session.sound_of(step))
                worked = 0.0 if self._recording else time.monotonic() - self._came
                self.delays.append(frame.time - step.time + worked)
        return seen

    @property
    def why_nothing(self) -> str:
        """What to say when there were no steps."""
        if not self._somebody:
            return "nobody was found in the picture, so there were no footsteps"
        return "nobody took a step, or no feet were to be seen"


def _paced(opened: ExitStack, source: int | str | Path, frames: Frames, *, live: bool) -> Iterable[Frame]:
    """The frames as they come: a camera has its own pace."""
    if isinstance(source, int):
        return frames
    ahead = opened.enter_context(closing(prefetch(frames)))
    return in_real_time(ahead) if live else ahead


def in_real_time(
    frames: Iterable[Frame],
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Frame]:
    """Frames when they are due. Those that are too late are left out, but for one now and then.

    The time begins when the first one has been worked on, which takes longer.
    """
    begun: float | None = None
    shown = before = -math.inf
    for frame in frames:
        if shown > -math.inf:
            if begun is None:
                begun = clock() - frame.time
            late = clock() - begun - frame.time
            if late > frame.time - before and frame.time - shown < _SELDOM:
                before = frame.time
                continue
            sleep(max(-late, 0.0))
        shown = before = frame.time
        yield frame
