"""`perceptkit foley add`, `render`, `mix`, `export`, `surfaces` and `suggest`: footsteps that are heard."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ... import terminal
from ...errors import InputError
from ...files import check_folder, check_not_over
from ...foley import defaults
from ...output import count, dumps
from ..options import OUTPUT, AsJson, Device, Preset
from .options import (
    STEPS,
    At,
    EventsFile,
    FoleyVideo,
    GroundName,
    Loudness,
    MaxPeople,
    MinPerson,
    OffsetMs,
    OneVideo,
    Original,
    People,
    PoseName,
    RoomName,
    Sample,
    Samples,
    SearchStep,
    Seed,
    Sensitivity,
    ShoeName,
    Stems,
    StepDetector,
    SurfaceName,
    choose_style,
    finish,
    named_after,
    print_people,
)

if TYPE_CHECKING:
    from ...foley import Footstep

__all__ = ["add", "export", "mix", "render", "suggest", "surfaces"]

WavFile = Annotated[
    Path, typer.Option("--output", "-o", metavar="OUT.wav", help="The WAV to write.", rich_help_panel=OUTPUT)
]


def add(
    source: OneVideo,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="OUT.mp4, with the data in the folder OUT-foley. Without it: VIDEO-footsteps.mp4.",
            rich_help_panel=OUTPUT,
            show_default=False,
        ),
    ] = None,
    surface: SurfaceName = defaults.SURFACE,
    shoe: ShoeName = defaults.SHOE,
    room: RoomName = None,
    original: Original = defaults.ORIGINAL,
    loudness: Loudness = defaults.LOUDNESS,
    seed: Seed = 0,
    samples: Samples = None,
    sample: Sample = None,
    at: At = None,
    events: Annotated[
        Path | None,
        typer.Option(
            help="Footsteps from an events.csv or events.json, edited or not; nothing is searched for.",
            rich_help_panel=STEPS,
        ),
    ] = None,
    offset_ms: OffsetMs = 0.0,
    annotate: Annotated[
        bool, typer.Option("--annotate", help="Draw what was found into the video.", rich_help_panel=OUTPUT)
    ] = False,
    stems: Stems = False,
    preset: Preset = None,
    people: People = None,
    pose: PoseName = None,
    device: Device = "auto",
    detector: StepDetector = defaults.DETECTOR,
    sensitivity: Sensitivity = defaults.SENSITIVITY,
    search_step: SearchStep = defaults.SEARCH_STEP,
    min_person: MinPerson = defaults.MIN_PERSON,
    max_people: MaxPeople = defaults.MAX_PEOPLE,
    as_json: AsJson = False,
) -> None:
    """Give the people in a video footsteps that are heard: find them, make their sound, put it under the pictures.

    `perceptkit foley VIDEO` is short for it. Writes the video (its pictures are copied unless --annotate draws into
    them), footsteps.wav, and what `foley detect` writes. Exit code 3: finished, but something was wrong, or nobody
    takes a step.
    """
    from ... import foley

    target, folder = foley.check_dub(  # before the work, not after it
        source, output or named_after(source, "footsteps.mp4"), original=original, drawn=annotate
    )
    style = choose_style(surface, shoe, room, loudness, seed, samples, sample, at)
    steps = None if events is None else foley.read_events(events)
    found = None
    with terminal.stages("frames", "footsteps", "frames drawn") as (searching, making, drawing):
        if steps is None or annotate:
            found = foley.detect(
                source,
                people=people,
                pose=pose,
                preset=preset,
                device=device,
                detector=detector,
                sensitivity=sensitivity,
                search_step=search_step,
                min_person=min_person,
                max_people=max_people,
                progress=searching,
            )
            steps = list(found.steps) if steps is None else steps
        edited = events is not None or offset_ms != 0
        steps = move(steps or [], offset_ms)
        clip = found.clip if found else foley.clip_of(source)
        if edited or found is None:
            foley.save_events(steps, clip, folder, kept=events)
        else:
            found.save(folder)
        if surface == foley.AUTO:
            surface = foley.suggest(source, steps=steps).surface
            style = choose_style(surface, shoe, room, loudness, seed, samples, sample, at)
        dub = foley.add_sound(
            source,
            steps,
            target,
            style,
            original=original,
            stems=stems,
            drawn=replace(found, steps=tuple(steps)) if found and annotate else None,
            progress=making,
            drawing=drawing,
        )
    foley.write_exports(steps, replace(clip, sounds=dub.sounds), folder, formats=["rpp"])
    warnings = [*(found.warnings if found else ()), *dub.warnings]
    if as_json:
        about = {"surface": surface, **asdict(dub), "warnings": warnings}
        typer.echo(dumps({"events": foley.rows(steps, clip), **about}, indent=2))
    else:
        if found and not edited:
            print_people(found)
        typer.echo(f"{count(dub.footsteps, 'footstep', 'footsteps')} on {surface}: {dub.video}")
        typer.echo(f"their sound and data: {dub.folder}")
    finish(warnings)


def move(steps: list[Footstep], offset_ms: float) -> list[Footstep]:
    """Footsteps moved by milliseconds; it is said when some of them fall before the beginning."""
    from ... import foley

    moved = foley.moved(steps, offset_ms / 1000)
    if lost := len(steps) - len(moved):
        what = count(lost, "event falls", "events fall")
        terminal.complain(f"{what} before the beginning and out", label="warning")
    return moved


def render(
    events: EventsFile,
    output: WavFile,
    duration: Annotated[
        float | None,
        typer.Option(help="How long (seconds). Without it: to 2 s after the last footstep.", show_default=False),
    ] = None,
    surface: GroundName = defaults.SURFACE,
    shoe: ShoeName = defaults.SHOE,
    room: RoomName = None,
    loudness: Loudness = defaults.LOUDNESS,
    seed: Seed = 0,
    samples: Samples = None,
    sample: Sample = None,
    at: At = None,
    offset_ms: OffsetMs = 0.0,
    stems: Stems = False,
) -> None:
    """Make the sound of footsteps from a list of them, edited or not: a WAV (48 kHz, 24 bit)."""
    from ... import foley

    if surface == foley.AUTO:
        raise InputError("there is no picture to ask about: name a surface")
    style = choose_style(surface, shoe, room, loudness, seed, samples, sample, at)
    check_not_over(output, *(path for path in (events, samples, sample) if path))
    steps = move(foley.read_events(events), offset_ms)
    with terminal.progress("footsteps") as progress:
        paths = foley.write_sound(steps, output, style, duration=duration, stems=stems, progress=progress)
    for path in paths:
        typer.echo(path)


def mix(
    source: OneVideo,
    sound: Annotated[Path, typer.Argument(metavar="SOUND", help="A WAV, as foley render writes it, or another sound.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="OUT.mp4", help="The video to write.", rich_help_panel=OUTPUT)
    ],
    original: Original = defaults.ORIGINAL,
) -> None:
    """Put a sound under a video; its pictures are copied, its own sound is kept, ducked or muted."""
    from ... import foley

    warnings = foley.mix(source, sound, output, original=original)
    typer.echo(output)
    finish(warnings)


def export(
    events: EventsFile,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FOLDER", help="Where to write.", rich_help_panel=OUTPUT)
    ],
    video: Annotated[
        str | None, typer.Option(help="The video that they belong to: its frame rate, its name and its length.")
    ] = None,
    rate: Annotated[float, typer.Option(help="Frames a second, where there is no --video.")] = 25.0,
    formats: Annotated[
        list[str] | None,
        typer.Option("--to", help="A format (csv, json, timecode, midi, edl, rpp, audacity). Without it: all of them."),
    ] = None,
    drop: Annotated[
        bool | None, typer.Option("--drop/--non-drop", help="Timecode. Without it: what is usual for the rate.")
    ] = None,
    offset_ms: OffsetMs = 0.0,
) -> None:
    """Write a list of footsteps, edited or not, for other programs: samplers, editors, spreadsheets."""
    from ... import foley

    steps = move(foley.read_events(events), offset_ms)
    clip = foley.clip_of(video, drop=drop) if video else foley.clip_at(rate, events.stem, drop=drop)
    for path in foley.write_exports(steps, clip, output, formats=formats):
        typer.echo(path)


def surfaces(
    audition: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Write a WAV and a picture of each: every shoe walks and runs on it."),
    ] = None,
    only: Annotated[list[str] | None, typer.Option("--only", help="A surface. May be given several times.")] = None,
    seed: Seed = 0,
) -> None:
    """Show the surfaces, or make them to be listened to."""
    from ... import foley

    if audition is None:
        if only:
            raise InputError("--only chooses what --audition writes; give both")
        for title, table in (("surfaces", foley.SURFACES), ("shoes", foley.SHOES), ("rooms", foley.ROOMS)):
            typer.echo(f"{title}:")
            for name, row in table.items():
                typer.echo(f"  {name:<10} {row.about if row else 'nothing around answers'}")
        return
    check_folder(audition)
    with terminal.progress("surfaces") as progress:
        foley.audition(audition, only or (), seed=seed, progress=progress)
    typer.echo(f"listen to and look at {audition}")


def suggest(
    source: FoleyVideo,
    endpoint: Annotated[
        str | None,
        typer.Option(help="An OpenAI-compatible server. Without it: PERCEPTKIT_VISION_ENDPOINT, else OpenRouter."),
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="A vision model of it. Without it: PERCEPTKIT_VISION_MODEL, else a usual one.")
    ] = None,
    frames: Annotated[int, typer.Option(help="How many pictures to show it.")] = defaults.ADVICE_FRAMES,
    timeout: Annotated[float, typer.Option(help="Seconds for an answer.")] = defaults.ADVICE_TIMEOUT,
    as_json: AsJson = False,
) -> None:
    """Ask a vision model what people walk on. Some frames of the video are sent to it.

    The key comes from PERCEPTKIT_VISION_KEY, OPENROUTER_API_KEY or OPENAI_API_KEY. Without a key or an answer the
    surface is guessed from colours, on this machine, and that is said.
    """
    from ... import foley

    advice = foley.suggest(source, endpoint=endpoint, model=model, frames=frames, timeout=timeout)
    if as_json:
        typer.echo(dumps(asdict(advice), indent=2))
        return
    typer.echo(f"{advice.surface}: {advice.reasoning}")
    typer.echo(f"environment: {advice.environment}; weather: {advice.weather}")
    for suggestion in advice.suggestions:
        typer.echo(f"also: {suggestion}")
    if advice.origin == "model":  # the others have been said already, as warnings
        typer.echo(advice.note)
