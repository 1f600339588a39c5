"""`perceptkit gaze`: where everybody in a video looks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .. import limits, terminal
from ..errors import InputError
from ..gaze import defaults
from ..models import PRECISIONS
from ..output import count, dumps
from ..video import defaults as video_defaults
from .options import HOW, ITEMS_FAILED, MODELS, OUTPUT, AsJson, DetectorName, Device, Preset

if TYPE_CHECKING:
    from ..gaze import Annotation

__all__ = ["gaze_video"]

WHICH = "What counts as a face"
_SHOWN_TRACKS = 20


def gaze_video(
    source: Annotated[
        str, typer.Argument(metavar="VIDEO", help="A video, a folder of photos, one photo, or (--live) a camera: 0.")
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="OUT.mp4, with the data in the folder OUT-gaze; or a folder for everything. Without it: VIDEO-gaze.",
            rich_help_panel=OUTPUT,
            show_default=False,
        ),
    ] = None,
    preset: Preset = None,
    model: Annotated[
        str | None,
        typer.Option("--gaze", help="A gaze model by name, or the path of its file.", rich_help_panel=MODELS),
    ] = None,
    detector: DetectorName = None,
    device: Device = "auto",
    precision: Annotated[
        str,
        typer.Option(
            help=f"What the gaze network computes with: {', '.join(PRECISIONS)} (bf16 with --device openvino).",
            rich_help_panel=MODELS,
        ),
    ] = defaults.PRECISION,
    every: Annotated[
        int, typer.Option(help="Estimate gaze on every n-th frame only.", rich_help_panel=HOW)
    ] = defaults.EVERY,
    detect_every: Annotated[
        int,
        typer.Option(
            help="Search for faces on every n-th of these frames and follow them in between.", rich_help_panel=HOW
        ),
    ] = defaults.DETECT_EVERY,
    smooth: Annotated[
        str, typer.Option(help="Smooth the directions over time: on or off.", rich_help_panel=HOW)
    ] = "on",
    camera_angle: Annotated[
        float,
        typer.Option(help="Looking at the camera: within this angle of the lens (degrees).", rich_help_panel=HOW),
    ] = defaults.CAMERA_ANGLE,
    max_sigma: Annotated[
        float,
        typer.Option(help="A gaze with a standard deviation above this (degrees) is unknown.", rich_help_panel=HOW),
    ] = defaults.MAX_SIGMA,
    roi: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME:X1,Y1,X2,Y2",
            help="A region of the picture (pixels) that may be looked at. May be given several times.",
            rich_help_panel=HOW,
        ),
    ] = None,
    min_score: Annotated[
        float | None,
        typer.Option(
            help="Detections with this score (0..1) begin a track. Without it: what the detector is certain of.",
            rich_help_panel=WHICH,
            show_default=False,
        ),
    ] = None,
    min_face: Annotated[
        float, typer.Option(help="Leave out smaller faces (pixels).", rich_help_panel=WHICH)
    ] = defaults.MIN_FACE,
    rate: Annotated[
        float, typer.Option(help="Photos a second, for a folder of photos.", rich_help_panel=HOW)
    ] = video_defaults.FOLDER_RATE,
    max_duration: Annotated[
        float, typer.Option(help="Refuse videos longer than this (seconds).", rich_help_panel=HOW)
    ] = limits.MAX_DURATION,
    live: Annotated[
        bool, typer.Option("--live", help="Show it in a window as it happens; nothing is written.")
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where a stopped run of the same command was.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Find where every face in a video looks; write the annotated video, the data and the statistics.

    Writes the video with its sound, gaze.jsonl, gaze.csv, summary.json, timeline.png (who looked at the camera when)
    and heatmap.png (where people looked). Exit code 3: finished, but some frames could not be used.
    """
    from .. import gaze, video

    if smooth not in ("on", "off"):
        raise InputError(f"--smooth is {smooth!r}; choose on or off")
    if live:
        shown = gaze.watch(
            int(source) if source.isdecimal() else source,
            gaze=model,
            detector=detector,
            preset=preset,
            device=device,
            precision=precision,
            smooth=smooth == "on",
            camera_angle=camera_angle,
        )
        typer.echo(count(shown, "frame", "frames"))
        return
    with terminal.progress("frames") as progress:
        result = gaze.annotate_video(
            source,
            output,
            gaze=model,
            detector=detector,
            preset=preset,
            device=device,
            precision=precision,
            every=every,
            detect_every=detect_every,
            smooth=smooth == "on",
            camera_angle=camera_angle,
            max_sigma=max_sigma,
            regions=[gaze.parse_region(text) for text in roi or ()],
            min_score=min_score,
            min_face=min_face,
            rate=rate,
            limits=video.Limits(duration=max_duration),
            resume=resume,
            progress=progress,
        )
    if as_json:
        typer.echo(dumps(result.summary, indent=2))
    else:
        _print_annotation(result)
    if result.warnings:
        raise typer.Exit(ITEMS_FAILED)


def _print_annotation(result: Annotation) -> None:
    """Who was seen and looked at the camera, and where to look."""
    for warning in result.warnings:
        terminal.complain(warning, label="warning")
    attention = result.summary["attention"]
    tracks = attention["tracks"]
    typer.echo(f"{count(result.frames, 'frame', 'frames')}, {count(len(tracks), 'track', 'tracks')}")
    for track in tracks[:_SHOWN_TRACKS]:
        typer.echo(
            f"  track {track['track']}: seen {track['seconds_visible']:.1f} s, "
            f"at the camera {track['seconds_at_camera']:.1f} s ({track['rate']:.0%})"
        )
    if len(tracks) > _SHOWN_TRACKS:
        typer.echo(f"  and {len(tracks) - _SHOWN_TRACKS:,} more in summary.json")
    typer.echo(f"look at {result.picture} and {result.folder / 'timeline.png'}; the data is in {result.folder}")
