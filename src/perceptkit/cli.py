"""The command line: `perceptkit VERB ...`. Every command parses, calls the library once, and prints."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import __version__, limits, terminal
from .errors import InputError
from .face import defaults
from .foley import defaults as foley_defaults
from .gaze import defaults as gaze_defaults
from .models import DEVICES, PRECISIONS, PRESETS
from .output import count, dumps
from .video import defaults as video_defaults

if TYPE_CHECKING:
    from .face import Extraction
    from .foley import Detection
    from .gaze import Annotation

app = typer.Typer(
    cls=terminal.ReportingGroup,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Perception data from photos, video and sound.",
)
faces = typer.Typer(no_args_is_help=True, help="Find the unique people in photos and videos; compare and search faces.")
foley_app = typer.Typer(no_args_is_help=True, help="Find the footsteps in a video.")
models = typer.Typer(no_args_is_help=True, help="The weights: what there is, what is on this machine, fetch, verify.")
app.add_typer(faces, name="faces")
app.add_typer(foley_app, name="foley")
app.add_typer(models, name="models")

_ITEMS_FAILED, _LACKING = 3, 4  # exit codes

_MODELS = "Models"
_WHICH = "What counts as a face, and as the same person"
_OUTPUT = "Output"
_HOW = "How frames are read and judged"
_VIDEOS = "Videos"
_STEPS = "What counts as a footstep"
_SHOWN_TRACKS = 20

Preset = Annotated[
    str | None,
    typer.Option(
        help=f"Which models to use: {', '.join(PRESETS)}. Without it: PERCEPTKIT_PRESET, else default.",
        rich_help_panel=_MODELS,
        show_default=False,
    ),
]
DetectorName = Annotated[
    str | None,
    typer.Option("--detector", help="A detector by name (see: perceptkit models list), or the path of its file.",
                 rich_help_panel=_MODELS),
]  # fmt: skip
EmbedderName = Annotated[
    str | None,
    typer.Option("--embedder", help="An embedder by name, or the path of its file.", rich_help_panel=_MODELS),
]
Device = Annotated[str, typer.Option(help=f"What to run on: {', '.join(DEVICES)}.", rich_help_panel=_MODELS)]
Threshold = Annotated[
    float | None,
    typer.Option(
        help="Cosine similarity (-1..1) from which two faces are the same person; higher is stricter. "
        "Without it: the embedder's own, 0.36 to 0.40.",
        rich_help_panel=_WHICH,
        show_default=False,
    ),
]
Mode = Annotated[
    str,
    typer.Option(help="How faces are grouped: people (by mean similarity) or first (greedy, first face kept).",
                 rich_help_panel=_WHICH),
]  # fmt: skip
MinScore = Annotated[float, typer.Option(help="Drop detections with a lower score (0..1).", rich_help_panel=_WHICH)]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.", rich_help_panel=_OUTPUT)]


def main() -> None:
    """The entry point of the program."""
    terminal.accept_any_text()
    app()


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"perceptkit {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and stop.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Perception data from photos, video and sound."""
    terminal.show_log()


@faces.command("extract")
def faces_extract(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH", help="Photos, videos, folders (searched recursively), 'globs/*.jpg' and @list.txt, mixed."
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write to.", rich_help_panel=_OUTPUT)] = Path(
        defaults.FOLDER
    ),
    preset: Preset = None,
    detector: DetectorName = None,
    embedder: EmbedderName = None,
    device: Device = "auto",
    threshold: Threshold = None,
    mode: Mode = defaults.MODE,
    min_score: MinScore = defaults.MIN_SCORE,
    min_face: Annotated[
        int,
        typer.Option(
            help="Drop faces smaller than this (pixels). Found are those of about 1/40 of the long side and more.",
            rich_help_panel=_WHICH,
        ),
    ] = defaults.MIN_FACE,
    max_faces: Annotated[
        int, typer.Option(help="Keep at most this many faces of a photo or frame.", rich_help_panel=_WHICH)
    ] = defaults.MAX_FACES,
    video_step: Annotated[
        float,
        typer.Option(help="Seconds from one frame that is looked at to the next; 0: all.", rich_help_panel=_VIDEOS),
    ] = defaults.VIDEO_STEP,
    track_faces: Annotated[
        int, typer.Option(help="Keep the best so many faces of each track.", rich_help_panel=_VIDEOS)
    ] = defaults.TRACK_FACES,
    max_duration: Annotated[
        float, typer.Option(help="Refuse videos longer than this (seconds).", rich_help_panel=_VIDEOS)
    ] = limits.MAX_DURATION,
    max_pixels: Annotated[int, typer.Option(help="Refuse photos with more pixels.")] = defaults.MAX_PIXELS,
    allow_truncated: Annotated[
        bool, typer.Option("--allow-truncated", help="Use what is left of photos that were cut short.")
    ] = False,
    headshot_size: Annotated[
        int, typer.Option(help="Side of the headshots (pixels).", rich_help_panel=_OUTPUT)
    ] = defaults.HEADSHOT_SIDE,
    embeddings: Annotated[
        str, typer.Option(help="Format of the embeddings: npz or parquet.", rich_help_panel=_OUTPUT)
    ] = defaults.EMBEDDINGS,
    as_json: AsJson = False,
) -> None:
    """Find every face in photos and videos and group them by person.

    The faces of a video are followed; of each track the best are kept, with their times.

    Writes faces.jsonl, embeddings, headshots and people.html, a contact sheet. A run that was stopped goes on when
    the same command is run again. Exit code 3: finished, but some files could not be used.
    """
    from . import face, video

    with terminal.progress("pictures") as progress:
        result = face.extract(
            paths,
            output,
            preset=preset,
            detector=detector,
            embedder=embedder,
            device=device,
            threshold=threshold,
            mode=mode,
            min_score=min_score,
            min_face=min_face,
            max_faces=max_faces,
            max_pixels=max_pixels,
            video_step=video_step,
            track_faces=track_faces,
            limits=video.Limits(duration=max_duration),
            allow_truncated=allow_truncated,
            headshot_side=headshot_size,
            embeddings=embeddings,
            progress=progress,
        )
    if as_json:
        typer.echo(dumps(result.summary(), indent=2))
    else:
        _print_extraction(result)
    if result.errors:
        lacking = all(error.error == "MissingExtraError" for error in result.errors) and not result.sightings
        raise typer.Exit(_LACKING if lacking else _ITEMS_FAILED)


@faces.command("dedupe")
def faces_dedupe(
    embeddings: Annotated[Path, typer.Argument(help="embeddings.npz, or the folder that faces extract wrote.")],
    threshold: Threshold = None,
    mode: Mode = defaults.MODE,
    as_json: AsJson = False,
) -> None:
    """Group the faces of an earlier extraction again, with another threshold or mode.

    Prints a line a person: the number, and the ids of its faces, the best first.
    """
    from . import face

    people = face.dedupe(embeddings, threshold=threshold, mode=mode)
    if as_json:
        typer.echo(dumps([{"person": number, "faces": ids} for number, ids in enumerate(people)], indent=2))
    else:
        for number, ids in enumerate(people):
            typer.echo(f"{number}\t{' '.join(ids)}")


@faces.command("compare")
def faces_compare(
    first: Annotated[Path, typer.Argument(help="A photo.")],
    second: Annotated[Path, typer.Argument(help="Another photo.")],
    preset: Preset = None,
    detector: DetectorName = None,
    embedder: EmbedderName = None,
    device: Device = "auto",
    threshold: Threshold = None,
    min_score: MinScore = defaults.MIN_SCORE,
    as_json: AsJson = False,
) -> None:
    """Say whether two photos show the same person, by the largest face of each."""
    from . import face

    result = face.compare(
        first,
        second,
        preset=preset,
        detector=detector,
        embedder=embedder,
        device=device,
        threshold=threshold,
        min_score=min_score,
    )
    if as_json:
        typer.echo(dumps({"similarity": result.similarity, "threshold": result.threshold, "same": result.same}))
    else:
        verdict = "the same person" if result.same else "different people"
        typer.echo(f"{verdict}: similarity {result.similarity:.3f}, threshold {result.threshold:.3f}")


@faces.command("search")
def faces_search(
    gallery: Annotated[Path, typer.Argument(help="A folder that faces extract wrote, or its embeddings.npz.")],
    photo: Annotated[Path, typer.Argument(help="The photo whose faces to look for.")],
    top: Annotated[int, typer.Option(help="Matches to show for a face.", rich_help_panel=_OUTPUT)] = defaults.TOP,
    preset: Preset = None,
    detector: DetectorName = None,
    embedder: EmbedderName = None,
    device: Device = "auto",
    threshold: Threshold = None,
    min_score: MinScore = defaults.MIN_SCORE,
    as_json: AsJson = False,
) -> None:
    """Find the faces of an earlier extraction that are nearest to each face of a photo."""
    from . import face

    queries = face.search(
        gallery,
        photo,
        top=top,
        preset=preset,
        detector=detector,
        embedder=embedder,
        device=device,
        threshold=threshold,
        min_score=min_score,
    )
    if as_json:
        typer.echo(dumps([{"box": query.face.face.box, "matches": query.matches} for query in queries], indent=2))
        return
    for query in queries:
        typer.echo(f"face at {', '.join(str(round(float(value))) for value in query.face.face.box)}")
        for match in query.matches:
            typer.echo(
                f"  {match.similarity:6.3f}  {'same' if match.same else '    '}  {match.source}  {match.face_id}"
            )


@app.command("gaze")
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
            rich_help_panel=_OUTPUT,
            show_default=False,
        ),
    ] = None,
    preset: Preset = None,
    model: Annotated[
        str | None,
        typer.Option("--gaze", help="A gaze model by name, or the path of its file.", rich_help_panel=_MODELS),
    ] = None,
    detector: DetectorName = None,
    device: Device = "auto",
    precision: Annotated[
        str,
        typer.Option(
            help=f"What the gaze network computes with: {', '.join(PRECISIONS)} (bf16 with --device openvino).",
            rich_help_panel=_MODELS,
        ),
    ] = gaze_defaults.PRECISION,
    every: Annotated[
        int, typer.Option(help="Estimate gaze on every n-th frame only.", rich_help_panel=_HOW)
    ] = gaze_defaults.EVERY,
    detect_every: Annotated[
        int,
        typer.Option(
            help="Search for faces on every n-th of these frames and follow them in between.", rich_help_panel=_HOW
        ),
    ] = gaze_defaults.DETECT_EVERY,
    smooth: Annotated[
        str, typer.Option(help="Smooth the directions over time: on or off.", rich_help_panel=_HOW)
    ] = "on",
    camera_angle: Annotated[
        float,
        typer.Option(help="Looking at the camera: within this angle of the lens (degrees).", rich_help_panel=_HOW),
    ] = gaze_defaults.CAMERA_ANGLE,
    max_sigma: Annotated[
        float,
        typer.Option(help="A gaze with a standard deviation above this (degrees) is unknown.", rich_help_panel=_HOW),
    ] = gaze_defaults.MAX_SIGMA,
    roi: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME:X1,Y1,X2,Y2",
            help="A region of the picture (pixels) that may be looked at. May be given several times.",
            rich_help_panel=_HOW,
        ),
    ] = None,
    min_score: Annotated[
        float | None,
        typer.Option(
            help="Detections with this score (0..1) begin a track. Without it: what the detector is certain of.",
            rich_help_panel=_WHICH,
            show_default=False,
        ),
    ] = None,
    min_face: Annotated[
        float, typer.Option(help="Leave out smaller faces (pixels).", rich_help_panel=_WHICH)
    ] = gaze_defaults.MIN_FACE,
    rate: Annotated[
        float, typer.Option(help="Photos a second, for a folder of photos.", rich_help_panel=_HOW)
    ] = video_defaults.FOLDER_RATE,
    max_duration: Annotated[
        float, typer.Option(help="Refuse videos longer than this (seconds).", rich_help_panel=_HOW)
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
    from . import gaze, video

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
        raise typer.Exit(_ITEMS_FAILED)


FoleyVideo = Annotated[str, typer.Argument(metavar="VIDEO", help="A video, or a folder of photos.")]
People = Annotated[
    str | None,
    typer.Option(help="A person detector by name, or the path of its file.", rich_help_panel=_MODELS),
]
PoseName = Annotated[
    str | None,
    typer.Option("--pose", help="A pose model by name, or the path of its file.", rich_help_panel=_MODELS),
]
StepDetector = Annotated[
    str,
    typer.Option(
        "--detector",
        help="How footsteps are found: learned, or zeni (the classical one; walks seen from the side).",
        rich_help_panel=_STEPS,
    ),
]
Sensitivity = Annotated[
    str,
    typer.Option(help="low (few false footsteps), medium or high (few missed ones).", rich_help_panel=_STEPS),
]
SearchStep = Annotated[
    float,
    typer.Option(help="Search for people every so many seconds and follow them in between.", rich_help_panel=_HOW),
]
MinPerson = Annotated[float, typer.Option(help="Leave out people less high (pixels).", rich_help_panel=_HOW)]
MaxPeople = Annotated[
    int, typer.Option(help="In a crowd, follow so many of the highest in the picture.", rich_help_panel=_HOW)
]


@foley_app.command("detect")
def foley_detect(
    source: FoleyVideo,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="The folder for the results. Without it: VIDEO-foley.",
            rich_help_panel=_OUTPUT,
            show_default=False,
        ),
    ] = None,
    preset: Preset = None,
    people: People = None,
    pose: PoseName = None,
    device: Device = "auto",
    detector: StepDetector = foley_defaults.DETECTOR,
    sensitivity: Sensitivity = foley_defaults.SENSITIVITY,
    search_step: SearchStep = foley_defaults.SEARCH_STEP,
    min_person: MinPerson = foley_defaults.MIN_PERSON,
    max_people: MaxPeople = foley_defaults.MAX_PEOPLE,
    as_json: AsJson = False,
) -> None:
    """Find the footsteps of everybody in a video.

    Writes events.csv, events.json, timecode.txt, stats.json (steps, cadence, symmetry, walking, running and standing)
    and timeline.png. Exit code 3: finished, but something was wrong, or nothing was found.
    """
    with terminal.progress("frames") as progress:
        from . import foley

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
            progress=progress,
        )
    folder = found.save(output or f"{Path(source).stem or Path(source).resolve().name}-foley")
    _print_detection(found, folder, as_json)


@foley_app.command("annotate")
def foley_annotate(
    source: FoleyVideo,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="OUT.mp4, with the data in the folder OUT-foley. Without it: VIDEO-annotated.mp4.",
            rich_help_panel=_OUTPUT,
            show_default=False,
        ),
    ] = None,
    preset: Preset = None,
    people: People = None,
    pose: PoseName = None,
    device: Device = "auto",
    detector: StepDetector = foley_defaults.DETECTOR,
    sensitivity: Sensitivity = foley_defaults.SENSITIVITY,
    search_step: SearchStep = foley_defaults.SEARCH_STEP,
    min_person: MinPerson = foley_defaults.MIN_PERSON,
    max_people: MaxPeople = foley_defaults.MAX_PEOPLE,
    as_json: AsJson = False,
) -> None:
    """Find the footsteps, and write the video with skeletons, foot contacts, counters and timecode; sound kept.

    Also writes what `foley detect` does. Exit code 3: finished, but something was wrong, or nothing was found.
    """
    from . import foley

    target = output or Path(f"{Path(source).stem or Path(source).resolve().name}-annotated.mp4")
    foley.check_target(source, target)
    with terminal.progress("frames") as progress:
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
            progress=progress,
        )
    with terminal.progress("frames written") as progress:
        foley.annotate(found, target, progress=progress)
    _print_detection(found, found.save(target.with_name(f"{target.stem}-foley")), as_json, target)


@models.command("list")
def models_list(as_json: AsJson = False) -> None:
    """List all models: size, licence, commercial use, and whether the weights are on this machine."""
    from .catalogue import describe

    rows = describe()
    if as_json:
        typer.echo(dumps(rows, indent=2))
        return
    typer.echo(f"{'name':20} {'role':14} {'size':>9}  {'commercial':10}  {'on disk':7}  licence")
    for row in rows:
        size = f"{row['bytes'] / 1e6:.1f} MB" if row["bytes"] else "?"
        here = "yes" if row["paths"] else "no"
        typer.echo(f"{row['name']:20} {row['role']:14} {size:>9}  {row['commercial']:10}  {here:7}  {row['licence']}")


@models.command("pull")
def models_pull(
    names: Annotated[list[str] | None, typer.Argument(help="Names of models.", show_default=False)] = None,
    preset: Preset = None,
) -> None:
    """Fetch the weights of some models, or of a preset, so that later runs need no network."""
    from .catalogue import choose, fetch_all

    with terminal.progress("bytes") as progress:
        paths = fetch_all(choose(names or [], preset=preset), progress=progress)
    for path in paths:
        typer.echo(str(path))


@models.command("verify")
def models_verify(
    names: Annotated[list[str] | None, typer.Argument(help="Names of models; all on disk without.")] = None,
) -> None:
    """Hash the weights that are on this machine again and say whether they are the registered files."""
    from .catalogue import verify_all

    states = verify_all(names or [])
    if not states:
        typer.echo("no weights on this machine; fetch some with: perceptkit models pull --preset permissive")
    for name, state in states:
        typer.echo(f"{state.state:8} {name:20} {state.path or ''} {state.problem or ''}".rstrip())
    if any(state.state != "ok" for _, state in states):
        raise typer.Exit(_LACKING)


@models.command("where")
def models_where() -> None:
    """Print the folders in which weights are looked for, in order."""
    from .catalogue import folders

    for purpose, folder in folders().items():
        typer.echo(f"{purpose}: {folder}")


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


def _print_extraction(result: Extraction) -> None:
    """What was found, for a person: counts, what was left out and why, and where to look."""
    for source, note in result.notes:
        terminal.complain(f"{source}: {note}", label="note")
    for source, reason in result.skipped:
        terminal.complain(f"{source}: {reason}", label="skipped")
    for error in result.errors:
        terminal.complain(error.message)
    failed = len({error.source for error in result.errors})
    remark = f"; {count(failed, 'file', 'files')} could not be used" if failed else ""
    typer.echo(f"{result}{remark}")
    typer.echo(f"look at {result.folder / 'people.html'}; the data is in {result.folder / 'faces.jsonl'}")


def _print_detection(found: Detection, folder: Path, as_json: bool, video: Path | None = None) -> None:
    """What was found and where it lies. Exits with 3 when something was wrong."""
    if as_json:
        typer.echo(dumps({"events": found.rows(), **found.statistics, "warnings": found.warnings}, indent=2))
    else:
        for person, about in found.statistics["people"].items():
            steps = about["steps"]
            cadence = f", {about['cadence']:.0f} a minute" if about["cadence"] else ""
            doing = sorted({span["kind"] for span in about["spans"]})
            typer.echo(
                f"person {person}: {count(steps['left'] + steps['right'], 'step', 'steps')} "
                f"({steps['left']} left, {steps['right']} right){cadence}; {', '.join(doing)}"
            )
        if video:
            typer.echo(f"annotated video: {video}")
        typer.echo(f"events, statistics and timeline: {folder}")
    for warning in found.warnings:
        terminal.complain(warning, label="warning")
    if found.warnings:
        raise typer.Exit(_ITEMS_FAILED)
