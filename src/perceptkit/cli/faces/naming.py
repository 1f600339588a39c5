"""`perceptkit faces enrol`, `identify` and `track`: people known by name, found and followed again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ... import limits, terminal
from ...errors import InputError
from ...face import defaults
from ...output import count, dumps
from ..options import ITEMS_FAILED, OUTPUT, AsJson, DetectorName, Device, Preset, end_batch
from .options import VIDEOS, EmbedderName, GalleryFolder, MinFace, MinScore, Threshold

if TYPE_CHECKING:
    from ...face import Enrolment, Identification, Tracking
    from ...face.gallery import Identity

__all__ = ["enrol", "identify", "track"]

_SHOWN_TRACKS = 30

MaxDuration = Annotated[float, typer.Option(help="Refuse videos longer than this (seconds).", rich_help_panel=VIDEOS)]


def enrol(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The name of the person.")],
    media: Annotated[
        list[str],
        typer.Argument(
            metavar="MEDIA", help="A video in which the head turns, or photos: files, folders, 'globs', @list.txt."
        ),
    ],
    gallery: GalleryFolder,
    again: Annotated[
        bool, typer.Option("--again", help="Replace what is known of the person, instead of adding to it.")
    ] = False,
    preset: Preset = None,
    detector: DetectorName = None,
    embedder: EmbedderName = None,
    device: Device = "auto",
    threshold: Threshold = None,
    min_score: MinScore = defaults.MIN_SCORE,
    min_face: MinFace = defaults.SCAN_FACE,
    faces: Annotated[
        int, typer.Option(help="Parts of a video; the best face of each is kept.", rich_help_panel=VIDEOS)
    ] = defaults.SCAN_FACES,
    video_step: Annotated[
        float, typer.Option(help="Seconds from one frame that is looked at to the next.", rich_help_panel=VIDEOS)
    ] = defaults.SCAN_STEP,
    max_duration: MaxDuration = limits.MAX_DURATION,
    as_json: AsJson = False,
) -> None:
    """Make somebody known by name: with a video in which the head turns, or with photos.

    The largest face counts. Who is in the gallery already gets more faces. It is refused when no face is good enough,
    or when it is not clear who is meant. Embeddings and pictures of faces are biometric data: see faces gallery erase.
    """
    from ... import face, video

    with terminal.progress("pictures") as progress:
        result = face.enrol(
            name,
            media,
            gallery=gallery,
            again=again,
            preset=preset,
            detector=detector,
            embedder=embedder,
            device=device,
            threshold=threshold,
            min_score=min_score,
            min_face=min_face,
            faces=faces,
            video_step=video_step,
            limits=video.Limits(duration=max_duration),
            progress=progress,
        )
    if as_json:
        typer.echo(dumps(result.summary(), indent=2))
    else:
        _print_enrolment(result)
    end_batch((error.error for error in result.errors), empty=False)


def identify(
    media: Annotated[
        list[str],
        typer.Argument(metavar="MEDIA", help="Photos, videos, folders, 'globs/*.jpg' and @list.txt, mixed."),
    ],
    gallery: GalleryFolder,
    preset: Preset = None,
    detector: DetectorName = None,
    embedder: EmbedderName = None,
    device: Device = "auto",
    threshold: Threshold = None,
    min_score: MinScore = defaults.MIN_SCORE,
    min_face: MinFace = defaults.MIN_FACE,
    video_step: Annotated[
        float,
        typer.Option(help="Seconds from one frame that is looked at to the next; 0: all.", rich_help_panel=VIDEOS),
    ] = defaults.VIDEO_STEP,
    max_duration: MaxDuration = limits.MAX_DURATION,
    as_json: AsJson = False,
) -> None:
    """Say whose faces are in photos and videos.

    Prints a line a face: the name or unknown, the similarity, the margin to the next person, and where. The faces of a
    video are followed, a line a track. Exit code 3: finished, but some files could not be used.
    """
    from ... import face, video

    with terminal.progress("pictures") as progress:
        result = face.identify(
            media,
            gallery=gallery,
            preset=preset,
            detector=detector,
            embedder=embedder,
            device=device,
            threshold=threshold,
            min_score=min_score,
            min_face=min_face,
            video_step=video_step,
            limits=video.Limits(duration=max_duration),
            progress=progress,
        )
    if as_json:
        typer.echo(dumps(result.summary(), indent=2))
    else:
        _print_identification(result)
    end_batch((error.error for error in result.errors), empty=not result.faces)


def track(
    source: Annotated[str, typer.Argument(metavar="VIDEO", help="A video, or (--live) a camera: 0.")],
    gallery: Annotated[
        Path | None,
        typer.Option(
            "--gallery",
            "-g",
            metavar="FOLDER",
            help="The people to recognise. Without it faces are only followed.",
            show_default=False,
        ),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Look for this person of the gallery: found and lost.", show_default=False),
    ] = None,
    crop: Annotated[
        bool, typer.Option("--crop", help="Write crop.mp4 too: a 16:9 picture that follows the target, or everybody.")
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Folder to write to. Without it: VIDEO-tracks.",
            rich_help_panel=OUTPUT,
            show_default=False,
        ),
    ] = None,
    preset: Preset = None,
    detector: DetectorName = None,
    embedder: EmbedderName = None,
    device: Device = "auto",
    threshold: Threshold = None,
    min_score: MinScore = defaults.MIN_SCORE,
    min_face: MinFace = defaults.MIN_FACE,
    detect_every: Annotated[
        int,
        typer.Option(help="Search for faces on every n-th frame and follow them in between.", rich_help_panel=VIDEOS),
    ] = 1,
    max_duration: MaxDuration = limits.MAX_DURATION,
    live: Annotated[
        bool, typer.Option("--live", help="Show it in a window as it happens; nothing is written.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Follow the faces of a video, and name those whom the gallery knows.

    Writes the video with boxes, names and its sound, tracks.jsonl (a line a frame), summary.json and tracks.png, which
    shows all tracks. Each track is named by its best faces together. Exit code 3: finished, but some frames could not
    be used.
    """
    from ... import face, video

    if live:
        if gallery is None:
            raise InputError("who is to be recognised? give the gallery too (--gallery)")
        shown = face.watch(
            int(source) if source.isdecimal() else source,
            gallery=gallery,
            target=target,
            crop=crop,
            preset=preset,
            detector=detector,
            embedder=embedder,
            device=device,
            threshold=threshold,
            min_score=min_score,
            min_face=min_face,
        )
        typer.echo(f"{shown:,} frames")
        return
    with terminal.progress("frames, read twice") as progress:
        result = face.track(
            source,
            output,
            gallery=gallery,
            target=target,
            crop=crop,
            preset=preset,
            detector=detector,
            embedder=embedder,
            device=device,
            threshold=threshold,
            min_score=min_score,
            min_face=min_face,
            detect_every=detect_every,
            limits=video.Limits(duration=max_duration),
            progress=progress,
        )
    if as_json:
        typer.echo(dumps(result.summary, indent=2))
    else:
        _print_tracking(result)
    if result.warnings:
        raise typer.Exit(ITEMS_FAILED)


def _print_enrolment(result: Enrolment) -> None:
    for note in result.notes:
        terminal.complain(note, label="note")
    for error in result.errors:
        terminal.complain(error.message)
    typer.echo(str(result))
    typer.echo(f"views of the head: {result.missing.lower()}")
    typer.echo(f"look at {result.picture}")


def _print_identification(result: Identification) -> None:
    for source, note in result.notes:
        terminal.complain(f"{source}: {note}", label="note")
    for error in result.errors:
        terminal.complain(error.message)
    for seen in result.faces:
        where = seen.source
        if seen.start is not None and seen.end is not None:
            where += f", {seen.start:.1f} to {seen.end:.1f} s"
        else:
            where += f", at {', '.join(str(round(float(value))) for value in seen.box)}"
        typer.echo(f"{_named(seen.identity)}\t{where}")
    failed = len({error.source for error in result.errors})
    typer.echo(f"{result}; {count(failed, 'file', 'files')} could not be used" if failed else str(result))


def _named(identity: Identity) -> str:
    """The name, how alike, and how much more than the next: "Anna  0.71 (+0.52 to Berta)"."""
    name = identity.name or "unknown"
    if identity.similarity is None:
        return name
    nearest = "" if identity.name else f" to {identity.nearest}"
    margin = f" (+{identity.margin:.2f} to {identity.runner_up})" if identity.name and identity.runner_up else ""
    return f"{name}\t{identity.similarity:.2f}{nearest}{margin}"


def _print_tracking(result: Tracking) -> None:
    for warning in result.warnings:
        terminal.complain(warning, label="warning")
    for each in result.tracks[:_SHOWN_TRACKS]:
        who = "" if each.identity is None else f"{_named(each.identity)}\t"
        typer.echo(f"  track {each.id}\t{who}{each.start:.1f} to {each.end:.1f} s")
    if len(result.tracks) > _SHOWN_TRACKS:
        typer.echo(f"  and {len(result.tracks) - _SHOWN_TRACKS:,} more in summary.json")
    if result.target is not None:
        spans = result.people.get(result.target, ())
        seen = ", ".join(f"{start:.1f} to {end:.1f} s" for start, end in spans)
        typer.echo(f"{result.target} is in sight from {seen}" if spans else f"{result.target} was not found")
    typer.echo(str(result))
    typer.echo(f"look at {result.picture} and {result.folder / 'tracks.png'}; the data is in {result.folder}")
