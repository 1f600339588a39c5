"""`perceptkit audio record` and `devices`."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ... import terminal
from ...audio import defaults
from ...errors import InputError
from ...output import dumps
from ..options import OUTPUT, AsJson
from .options import ANGLES, Heading, Meant, Microphones, Spacing, finish

if TYPE_CHECKING:
    from ...audio import AngleTrack

__all__ = ["devices", "record"]

SOURCE = "Where the sound comes from"
SOUND = "What is recorded"


def record(
    output: Annotated[Path, typer.Argument(metavar="NAME.wav", help="The recording to make.")],
    device: Annotated[
        str | None,
        typer.Option(
            help="A microphone, by number or name (see: perceptkit audio devices). The system's own without it.",
            rich_help_panel=SOURCE,
            show_default=False,
        ),
    ] = None,
    stdin: Annotated[
        bool, typer.Option("--stdin", help="Raw samples from standard input.", rich_help_panel=SOURCE)
    ] = False,
    source: Annotated[
        Path | None,
        typer.Option("--from", metavar="FILE", help="A sound file.", rich_help_panel=SOURCE, show_default=False),
    ] = None,
    seconds: Annotated[
        float | None,
        typer.Option(
            help="Stop after this time. Without it: at the end, or with Ctrl-C.",
            rich_help_panel=SOUND,
            show_default=False,
        ),
    ] = None,
    rate: Annotated[
        int | None,
        typer.Option(
            help=f"Samples a second. Without it: {defaults.SAMPLE_RATE}.", rich_help_panel=SOUND, show_default=False
        ),
    ] = None,
    channels: Annotated[
        int | None,
        typer.Option(help=f"Channels. Without it: {defaults.CHANNELS}.", rich_help_panel=SOUND, show_default=False),
    ] = None,
    subtype: Annotated[
        str | None,
        typer.Option(
            help=f"How samples are written: PCM_16, PCM_24 or FLOAT. Without it: {defaults.SUBTYPE}.",
            rich_help_panel=SOUND,
            show_default=False,
        ),
    ] = None,
    angle: Annotated[
        float | None,
        typer.Option(help="The direction of all of it (degrees).", rich_help_panel=ANGLES, show_default=False),
    ] = None,
    angles: Annotated[
        str | None,
        typer.Option(
            metavar="CSV|estimate",
            help="With --from: a list with timestamp,angle; or estimate: from what two or more microphones heard.",
            rich_help_panel=ANGLES,
            show_default=False,
        ),
    ] = None,
    convention: Meant = None,
    heading: Heading = None,
    spacing: Spacing = defaults.SPACING,
    microphones: Microphones = None,
    min_free: Annotated[
        int, typer.Option(help="Leave so many bytes of the disk free.", rich_help_panel=OUTPUT)
    ] = defaults.MIN_FREE,
) -> None:
    """Record from a microphone, a pipe or a file. Ctrl-C ends it, and what was recorded is kept.

    Writes NAME.wav, NAME.csv (the angles) and NAME.json (the facts). Until it ends they are called NAME.wav.part and so
    on, and can be opened at any moment. A microphone needs perceptkit[mic]. Exit code 3: recorded, but something was
    missing or could not be used.
    """
    from ... import audio

    if (device is not None) + stdin + (source is not None) > 1:
        raise InputError("choose one of --device, --stdin and --from")
    if angles is not None and source is None:
        raise InputError("--angles goes with --from FILE: record first, then record --from what was recorded")
    if source is not None:
        if (rate, channels, subtype) != (None, None, None):
            raise InputError("a file is recorded as it is; --rate, --channels and --subtype go with other sources")
        track = _track(source, angle, angles, convention, spacing, microphones)
        made = audio.record_file(
            source, output, angles=track, convention=convention, heading=heading, seconds=seconds, min_free=min_free
        )
        finish(made)
        return
    recorder = audio.Recorder(
        output,
        defaults.SAMPLE_RATE if rate is None else rate,
        defaults.CHANNELS if channels is None else channels,
        subtype or defaults.SUBTYPE,
        convention=convention or defaults.CONVENTION,
        heading=heading,
        overflow="wait" if stdin else "gap",
        max_duration=seconds,
        min_free=min_free,
    )
    try:
        with _stoppable(), recorder, terminal.progress("seconds") as progress:
            if angle is not None:
                recorder.set_angle(angle)
            if stdin:
                audio.record_stream(sys.stdin.buffer, recorder, progress=progress)
            else:
                chosen = int(device) if device is not None and device.isdecimal() else device
                audio.record_microphone(recorder, device=chosen, progress=progress)
    except KeyboardInterrupt:
        terminal.complain("stopped", label="record")
    finish(recorder.close())


def _track(
    source: Path,
    angle: float | None,
    angles: str | None,
    convention: str | None,
    spacing: float,
    microphones: str | None,
) -> str | AngleTrack | None:
    """The angles that a file is recorded with; None for those beside it."""
    from ... import audio

    if angle is not None and angles is not None:
        raise InputError("--angle and --angles are two ways to say the same; give one of them")
    if angles == "estimate":
        if convention is not None:
            raise InputError("estimated angles count counter-clockwise from the front; leave out --convention")
        track = audio.estimate_file(source, spacing=spacing, microphones=microphones).track
        if not len(track):
            terminal.complain("no direction was heard", label="warning")
        return track
    return angles if angle is None else audio.steady_track(angle, convention=convention)


@contextmanager
def _stoppable() -> Iterator[None]:
    """Ctrl-C and SIGTERM, with which services are stopped, end the recording: once, so that who is impatient does not
    end what comes then, which is to finish the files."""
    kinds = (signal.SIGINT, signal.SIGTERM)

    def stop(*_: object) -> None:
        for kind in kinds:
            signal.signal(kind, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = [signal.signal(kind, stop) for kind in kinds]
    try:
        yield
    finally:
        for kind, handler in zip(kinds, before, strict=True):
            signal.signal(kind, handler)


def devices(as_json: AsJson = False) -> None:
    """List the microphones of this machine. Needs perceptkit[mic]."""
    from ... import audio

    found = audio.list_microphones()
    if as_json:
        typer.echo(dumps(found, indent=2))
        return
    if not found:
        typer.echo("there is no microphone")
    for each in found:
        typer.echo(f"{each.number:3}  {each.name}  ({each.channels} channels, {each.sample_rate:.0f} Hz)")
