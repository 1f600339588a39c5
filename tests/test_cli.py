"""The program as a user starts it: what it prints, where, with which exit code, and how it complains."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest
import typer.main
from PIL import Image

from perceptkit import __version__
from perceptkit.cli import app
from perceptkit.face import DETECTORS, EMBEDDERS, defaults
from perceptkit.foley import PERSON_DETECTORS, POSE_MODELS
from perceptkit.gaze import GAZE_MODELS
from perceptkit.models import PRESETS
from perceptkit.video import Limits
from shared_data import MODELS, faces_file, model_file, people_photos
from systems import linux
from tiny_networks import blank, paint, write_embedder, write_photo, write_scrfd

HEAVY = {
    "numpy",
    "cv2",
    "onnxruntime",
    "PIL",
    "scipy",
    "av",
    "soundfile",
    "openvino",
    "pyarrow",
    "mediapipe",
    "librosa",
}
NOWHERE = "http://127.0.0.1:9"  # a port on which nothing listens
NAMES = [*DETECTORS, *EMBEDDERS, *GAZE_MODELS, *PERSON_DETECTORS, *POSE_MODELS]


@dataclass
class Done:
    """How a run of the program ended."""

    code: int
    stdout: str
    stderr: str

    @property
    def error(self) -> str:
        """The first line of the complaint."""
        return next((line for line in self.stderr.splitlines() if line.startswith("error: ")), "")

    def json(self) -> Any:
        return json.loads(self.stdout)


class Program:
    """The program in a folder of its own, with empty folders for weights and no network."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.start = ["-m", "perceptkit"]
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("PERCEPTKIT_")} | {
            "PERCEPTKIT_CACHE": str(folder / "cache"),
            "PERCEPTKIT_MIRROR": NOWHERE,
            "https_proxy": NOWHERE,
            "http_proxy": NOWHERE,
            "no_proxy": "127.0.0.1",
            "COLUMNS": "160",
            "NO_COLOR": "1",
            "PYTHONIOENCODING": "utf-8",
        }

    def __call__(self, *arguments: str | Path) -> Done:
        done = subprocess.run(
            [sys.executable, *self.start, *map(str, arguments)],
            cwd=self.folder, env=self.environment, capture_output=True, encoding="utf-8", timeout=60, check=False,
        )  # fmt: skip
        assert "Traceback" not in done.stderr
        return Done(done.returncode, done.stdout, done.stderr)

    def extract(self, *arguments: str | Path) -> Done:
        return self("faces", "extract", *arguments, "-o", "out", *TINY)


TINY = ("--detector", "detector.onnx", "--embedder", "embedder.onnx", "--device", "cpu")


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """With photos/ (two people in three photos) and tiny networks in its folder."""
    photos = tmp_path / "photos"
    photos.mkdir()
    for name, person in (("a", 1), ("b", 2), ("c", 1)):
        write_photo(photos / f"{name}.png", (96, 64, person), noise=ord(name))
    write_scrfd(tmp_path / "detector.onnx")
    write_embedder(tmp_path / "embedder.onnx")
    return Program(tmp_path)


def commands() -> list[tuple[str, ...]]:
    """Every command there is, as one would type it."""
    groups: Any = typer.main.get_command(app)
    return [(), *((name,) for name in groups.commands)] + [
        (name, command) for name, group in groups.commands.items() for command in getattr(group, "commands", ())
    ]


# ---- Help, version, start


@pytest.mark.parametrize("command", commands(), ids=" ".join)
def test_every_command_has_help(program: Program, command: tuple[str, ...]) -> None:
    done = program(*command, "--help")
    assert (done.code, done.stderr) == (0, "")
    assert " ".join(("Usage: python -m perceptkit", *command)) in done.stdout


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (
            "extract",
            {
                "output": defaults.FOLDER,
                "mode": defaults.MODE,
                "min-score": defaults.MIN_SCORE,
                "min-face": defaults.MIN_FACE,
                "max-faces": defaults.MAX_FACES,
                "max-pixels": defaults.MAX_PIXELS,
                "video-step": defaults.VIDEO_STEP,
                "track-faces": defaults.TRACK_FACES,
                "headshot-size": defaults.HEADSHOT_SIDE,
                "embeddings": defaults.EMBEDDINGS,
            },
        ),
        ("dedupe", {"mode": defaults.MODE}),
        ("compare", {"min-score": defaults.MIN_SCORE}),
        ("search", {"min-score": defaults.MIN_SCORE, "top": defaults.TOP}),
    ],
)
def test_help_shows_the_defaults_of_the_library(program: Program, command: str, expected: dict[str, Any]) -> None:
    shown = program("faces", command, "--help").stdout
    for option, default in expected.items():
        assert re.search(rf"--{option}\b(?:(?!--).)*\[default: {re.escape(str(default))}\]", shown, re.DOTALL), option


def test_the_version_is_printed(program: Program) -> None:
    done = program("--version")
    assert (done.code, done.stdout, done.stderr) == (0, f"perceptkit {__version__}\n", "")


@pytest.mark.parametrize("arguments", [(), ("faces",), ("models",)], ids=["program", "faces", "models"])
def test_without_a_command_the_help_is_shown(program: Program, arguments: tuple[str, ...]) -> None:
    done = program(*arguments)
    assert done.code == 2
    assert "Commands" in done.stdout + done.stderr


@pytest.mark.parametrize(
    "start",
    [
        "import perceptkit",
        "import perceptkit.cli",
        *(f"import sys; sys.argv[1:] = {arguments!r}; from perceptkit.cli import main; main()"
          for arguments in (["--help"], ["--version"], ["faces", "extract", "--help"], ["models", "--help"])),
    ],
)  # fmt: skip
def test_starting_loads_no_heavy_library(program: Program, start: str) -> None:
    code = f"import atexit, sys\natexit.register(lambda: print(*sys.modules, file=sys.stderr))\n{start}"
    program.start = ["-c", code]
    loaded = set(program().stderr.split())
    assert "perceptkit" in loaded
    assert not loaded & HEAVY


# ---- Results


def test_extract_says_what_was_found_and_where_to_look(program: Program) -> None:
    done = program.extract("photos")
    assert (done.code, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "3 photos, 3 faces, 2 people",
        f"look at {Path('out', 'people.html')}; the data is in {Path('out', 'faces.jsonl')}",
    ]
    assert (program.folder / "out" / "run.json").exists()


def test_extract_as_json_is_the_summary_and_nothing_else(program: Program) -> None:
    (program.folder / "photos" / "broken.jpg").write_text("not a photo")
    done = program.extract("photos", "--json")
    assert done.code == 3
    summary = done.json()
    assert (summary["photos"], summary["faces"], summary["people"]) == (4, 3, 2)
    assert [error["error"] for error in summary["errors"]] == ["MediaError"]
    assert summary["settings"]["threshold"] == 0.4
    assert done.stderr == ""


def test_the_options_reach_the_library(program: Program) -> None:
    done = program.extract(
        "photos", "--json", "--threshold", "0.7", "--mode", "first", "--min-score", "0.25", "--min-face", "97",
        "--max-faces", "7", "--max-pixels", "1000000", "--allow-truncated", "--headshot-size", "64",
        "--embeddings", "parquet", "--video-step", "0.5", "--track-faces", "3",
    )  # fmt: skip
    assert done.code == 0
    summary = done.json()
    assert summary["faces"] == 0
    settings = summary["settings"]
    assert {name: settings[name] for name in settings if name not in ("detector", "embedder", "perceptkit")} == {
        "threshold": 0.7,
        "mode": "first",
        "min_score": 0.25,
        "min_face": 97,
        "max_faces": 7,
        "max_pixels": 1_000_000,
        "headshot_side": 64,
        "allow_truncated": True,
        "video_step": 0.5,
        "track_faces": 3,
        "limits": asdict(Limits()),
    }
    assert (program.folder / "out" / "embeddings.parquet").exists()


def test_dedupe_prints_a_line_a_person(program: Program) -> None:
    program.extract("photos")
    rows = [json.loads(line) for line in (program.folder / "out" / "faces.jsonl").read_text().splitlines()]
    ids = {Path(row["source"]).stem: row["face_id"] for row in rows}
    done = program("faces", "dedupe", "out", "--threshold", "0.4", "--mode", "first")
    assert (done.code, done.stdout) == (0, f"0\t{ids['a']} {ids['c']}\n1\t{ids['b']}\n")
    done = program("faces", "dedupe", Path("out", "embeddings.npz"), "--threshold", "0.4", "--mode", "first", "--json")
    assert done.json() == [{"person": 0, "faces": [ids["a"], ids["c"]]}, {"person": 1, "faces": [ids["b"]]}]


def test_compare_prints_the_verdict(program: Program) -> None:
    a, b, c = (Path("photos", f"{name}.png") for name in "abc")
    alike, unlike = program("faces", "compare", a, c, *TINY), program("faces", "compare", a, b, *TINY)
    assert (alike.code, unlike.code) == (0, 0)
    assert re.fullmatch(r"the same person: similarity (0\.9\d\d|1\.000), threshold 0\.400\n", alike.stdout)
    assert re.fullmatch(r"different people: similarity 0\.[01]\d\d, threshold 0\.400\n", unlike.stdout)
    result = program("faces", "compare", a, c, "--json", *TINY).json()
    assert result.keys() == {"similarity", "threshold", "same"}
    assert result["same"] is True


def test_search_prints_the_nearest_faces(program: Program) -> None:
    program.extract("photos")
    photo = Path("photos", "a.png")
    done = program("faces", "search", "out", photo, "--top", "2", *TINY)
    assert done.code == 0
    heading, first, second = done.stdout.splitlines()
    assert heading == "face at 96, 64, 192, 160"
    assert re.fullmatch(rf"   1\.000  same  {re.escape(str(photo))}  [0-9a-f]{{16}}", first)
    assert "same" in second
    assert str(Path("photos", "c.png")) in second
    (query,) = program("faces", "search", "out", photo, "--json", *TINY).json()
    assert query["box"] == [96, 64, 192, 160]
    assert [match["same"] for match in query["matches"]] == [True, True, False]


def test_what_looks_like_markup_in_a_name_is_printed_as_it_is(program: Program) -> None:
    shutil.copy(program.folder / "photos" / "a.png", program.folder / "[red]a:smile:.png")
    done = program("faces", "extract", "[red]a:smile:.png", "-o", "[bold]out", *TINY)
    assert done.code == 0
    assert f"look at {Path('[bold]out', 'people.html')};" in done.stdout
    found = program("faces", "search", "[bold]out", Path("photos", "a.png"), *TINY)
    assert "[red]a:smile:.png" in found.stdout


@linux
def test_names_that_cannot_be_printed_are_escaped(program: Program) -> None:
    name = "caf\udce9[/b] \x1b[31m.png"
    shutil.copy(program.folder / "photos" / "a.png", program.folder / name.replace("/", "_"))
    assert program.extract(program.folder / name.replace("/", "_")).code == 0
    found = program("faces", "search", "out", Path("photos", "a.png"), *TINY)
    assert found.code == 0
    assert r"caf\udce9[_b]" in found.stdout
    broken = program.folder / "b\udce9.jpg"
    broken.write_text("not a photo")
    assert program.extract(broken).error == rf"error: {program.folder}/b\udce9.jpg: not a photo but a text file"


# ---- Complaints about what was typed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--threshold", "40"), "the threshold is 40; a cosine similarity lies between -1 and 1"),
        (("--mode", "persons"), "unknown mode 'persons'; choose one of: people, first"),
        (("--embeddings", "csv"), "unknown format of embeddings 'csv'; choose one of: npz, parquet"),
        (("--headshot-size", "1"), "headshots of 1 pixels cannot be made; choose 16 to 2048"),
        (("--max-faces", "0"), "max_faces is 0; it must be at least 1"),
        (("--min-score", "50"), "min_score is 50.0; it must lie between 0 and 1"),
        (("--detector", "scrfd-500"), "unknown detector 'scrfd-500'; did you mean 'scrfd-500m'?"),
        (("--detector", "mtcnn"), "unknown detector 'mtcnn'; what does its work here: scrfd-500m (faster)"),
        (("--embedder", "facenet512"), "unknown embedder 'facenet512'; what does its work here: arcface-r50"),
        (("--embedder", "detector.onnx"), "is not a face embedder"),
        (("--detector", "embedder.onnx"), "is not a face detector of a known kind"),
        (("--device", "tpu"), "unknown device 'tpu'; choose one of: auto, cuda"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_bad_options_are_one_error_that_says_what_would_do(
    program: Program, arguments: tuple[str, ...], message: str
) -> None:
    done = program("faces", "extract", "photos", "-o", "out", *TINY, *arguments)
    assert message in done.error
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert done.code == (4 if "is not a face" in message else 1 if "device" in message else 2)
    assert not (program.folder / "out").exists()


@pytest.mark.parametrize(
    ("preset", "message"),
    [
        (("--preset", "fast"), "error: unknown preset 'fast'; choose one of: default, accurate, permissive"),
        ((), "error: unknown preset 'quick' (from PERCEPTKIT_PRESET); choose one of: default, accurate, permissive"),
    ],
    ids=["as an option", "in the environment"],
)
def test_an_unknown_preset_is_an_error(program: Program, preset: tuple[str, ...], message: str) -> None:
    program.environment["PERCEPTKIT_PRESET"] = "quick"
    done = program("faces", "extract", "photos", *preset)
    assert (done.code, done.error) == (2, message)


@pytest.mark.parametrize(
    "arguments",
    [("faces", "extract", "photos", "--min-score", "high"), ("faces", "extract"), ("faces", "find"), ("--colour",)],
    ids=" ".join,
)
def test_what_cannot_be_parsed_shows_the_usage(program: Program, arguments: tuple[str, ...]) -> None:
    done = program(*arguments)
    assert (done.code, done.stdout) == (2, "")
    assert done.stderr.startswith("Usage: python -m perceptkit")


def test_nothing_to_do_and_nowhere_to_write_are_errors(program: Program) -> None:
    for name in ("empty", "theirs"):
        (program.folder / name).mkdir()
    (program.folder / "theirs" / "diary.txt").write_text("mine")
    for paths, output, message in (
        (("empty",), "out", "error: no photos in empty; looked for .avif, .bmp"),
        (("missing",), "out", "error: no such file or folder: missing"),
        (("@missing.txt",), "out", "error: cannot read the list missing.txt: No such file or directory"),
        (("photos",), "theirs", "error: theirs is not empty and holds no earlier result; choose another output folder"),
        (("photos",), "detector.onnx", "error: detector.onnx is a file; choose a folder to write to"),
    ):
        done = program("faces", "extract", *paths, "-o", output, *TINY)
        assert (done.code, done.stdout) == (2, "")
        assert done.error.startswith(message)
    assert [path.name for path in (program.folder / "theirs").iterdir()] == ["diary.txt"]


def test_the_other_commands_complain_as_clearly(program: Program) -> None:
    program.extract("photos")
    nobody = write_photo(program.folder / "nobody.png")
    photo = Path("photos", "a.png")
    other = write_embedder(program.folder / "other.onnx", batch=1)
    for arguments, message in (
        (("compare", photo, nobody, *TINY), f"error: {nobody}: no face was found"),
        (("compare", photo, "missing.jpg", *TINY), "error: missing.jpg: cannot be read: No such file or directory"),
        (("compare", photo, photo, "--threshold", "40", *TINY), "error: the threshold is 40"),
        (("search", "out", nobody, *TINY), f"error: {nobody}: no face was found"),
        (("search", "out", photo, "--top", "0", *TINY), "error: top is 0; it must be at least 1"),
        (("search", "photos", photo, *TINY), "error: photos has no embeddings.npz; give a folder written by"),
        (
            ("search", "out", photo, *TINY, "--embedder", other),
            "error: the embeddings were made by embedder.onnx (sha256",
        ),
        (("dedupe", "out"), "error: the embeddings were made by embedder.onnx, which has no usual threshold: give one"),
        (("dedupe", "detector.onnx"), "error: detector.onnx is not a file of embeddings"),
        (("dedupe", "missing"), "error: cannot read missing: No such file or directory"),
    ):
        done = program("faces", *arguments)
        assert (done.code, done.stdout) == (2, ""), arguments
        assert done.error.startswith(message)


# ---- Complaints about photos


def png_header(width: int, height: int) -> bytes:
    """A PNG file that claims a size, and has almost nothing in it."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4) + kind + data + zlib.crc32(kind + data).to_bytes(4)

    header = width.to_bytes(4) + height.to_bytes(4) + bytes([1, 0, 0, 0, 0])
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


def test_bad_photos_are_listed_and_the_exit_code_says_so(program: Program) -> None:
    photos = program.folder / "photos"
    (photos / "empty.jpg").touch()
    (photos / "text.jpg").write_text("not a photo")
    (photos / "page.png").write_text("<!DOCTYPE html><html></html>")
    (photos / "bomb.png").write_bytes(png_header(50_000, 50_000))
    Image.fromarray(paint(blank(), 96, 64, person=1)).save(photos / "whole.jpg", quality=95)
    (photos / "cut.jpg").write_bytes((photos / "whole.jpg").read_bytes()[:5000])
    (photos / "moving.gif").write_bytes(b"GIF89a")
    done = program.extract("photos")
    assert done.code == 3
    assert done.stdout.splitlines()[0] == "10 photos, 4 faces, 2 people; 6 files could not be used"
    said = dict(line.removeprefix("error: ").split(": ", 1) for line in done.stderr.splitlines())
    assert said[str(Path("photos", "empty.jpg"))] == "empty file"
    assert said[str(Path("photos", "text.jpg"))] == "not a photo but a text file"
    assert said[str(Path("photos", "page.png"))] == "not a photo but an HTML page"
    assert said[str(Path("photos", "bomb.png"))].startswith(
        "50000 x 50000 pixels is over the limit of 100,000,000 pixels"
    )
    assert said[str(Path("photos", "cut.jpg"))].endswith("where truncated files are allowed (allow_truncated)")
    assert said[str(Path("photos", "moving.gif"))].startswith("the GIF header is damaged")
    assert len(said) == 6


def test_heic_without_the_extra_says_what_to_install(program: Program) -> None:
    (program.folder / "phone.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100))
    # What Python makes of a package that is not installed.
    program.start = ["-c", "import sys; sys.modules['pi_heif'] = None; from perceptkit.cli import main; main()"]
    done = program.extract("phone.heic")
    assert done.code == 4
    assert done.error == ("error: phone.heic: reading HEIC needs an optional package: pip install 'perceptkit[heic]'")
    done = program.extract("phone.heic", "photos")
    assert (done.code, done.stdout.splitlines()[0]) == (
        3,
        "4 photos, 3 faces, 2 people; 1 file could not be used",
    )


def test_notes_and_what_was_skipped_are_said(program: Program) -> None:
    crowd = write_photo(program.folder / "photos" / "crowd.png", (0, 0, 1), (128, 128, 2), (256, 256, 3))
    done = program.extract("photos", "nothing-*.jpg", "--max-faces", "2")
    assert done.code == 0
    assert done.stderr.splitlines() == [
        f"note: {Path('photos', crowd.name)}: 1 face was left out, the least certain (--max-faces)",
        "skipped: nothing-*.jpg: nothing matches this pattern",
    ]


# ---- Weights


def test_without_weights_and_network_it_says_soon_where_to_put_them(program: Program) -> None:
    begun = time.monotonic()
    done = program("faces", "extract", "photos")
    assert time.monotonic() - begun < 10
    assert (done.code, done.stdout) == (4, "")
    assert done.error == "error: cannot get the weights scrfd-500m.onnx (2.5 MB)"
    assert str(program.folder / "cache" / "models" / "scrfd-500m.onnx") in done.stderr
    assert "set PERCEPTKIT_MODELS to that folder" in done.stderr
    assert f"Its sha256 must be {DETECTORS['scrfd-500m'].files[0].sha256}." in done.stderr
    assert not (program.folder / defaults.FOLDER).exists()


def test_weights_that_are_not_what_they_should_be_are_refused(program: Program) -> None:
    models = program.folder / "models"
    models.mkdir()
    (models / "yunet.onnx").write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:8f23\nsize 232589\n")
    program.environment["PERCEPTKIT_MODELS"] = str(models)
    done = program("faces", "extract", "photos", "--preset", "permissive")
    assert done.code == 4
    assert done.error.startswith(f"error: {models / 'yunet.onnx'} is a Git LFS pointer")
    done = program("models", "verify")
    assert done.code == 4
    assert done.stdout.startswith(f"wrong    yunet                {models / 'yunet.onnx'} is a Git LFS pointer")


def test_models_are_listed_with_size_and_terms(program: Program) -> None:
    done = program("models", "list")
    assert (done.code, done.stderr) == (0, "")
    heading, *rows = done.stdout.splitlines()
    assert heading.split() == ["name", "role", "size", "commercial", "on", "disk", "licence"]
    assert [row.split()[0] for row in rows] == NAMES
    (yunet,) = (row for row in rows if row.startswith("yunet "))
    assert yunet.split() == ["yunet", "face", "detector", "0.2", "MB", "yes", "no", "MIT"]
    listed = program("models", "list", "--json").json()
    assert [row["name"] for row in listed] == NAMES
    assert listed[0].keys() == {"name", "role", "bytes", "licence", "commercial", "source", "paths"}
    assert {row["commercial"] for row in listed} == {"yes", "no", "unclear"}


def test_where_weights_are_looked_for_is_printed_in_order(program: Program) -> None:
    program.environment["PERCEPTKIT_MODELS"] = str(program.folder)
    done = program("models", "where")
    assert (done.code, done.stdout.splitlines()) == (
        0,
        [
            f"your folder (PERCEPTKIT_MODELS): {program.folder}",
            f"cache (PERCEPTKIT_CACHE): {program.folder / 'cache' / 'models'}",
        ],
    )


def test_verify_of_what_is_not_there(program: Program) -> None:
    done = program("models", "verify")
    assert (done.code, done.stdout.startswith("no weights on this machine")) == (0, True)
    done = program("models", "verify", "yunet")
    assert (done.code, done.stdout) == (4, "missing  yunet\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "error: name some models (see: perceptkit models list) or a preset (--preset permissive)"),
        (("nope",), "error: unknown model 'nope'; choose from: scrfd-500m, "),
        (("--preset", "fast"), "error: unknown preset 'fast'; choose one of: default, accurate, permissive"),
    ],
    ids=["nothing", "a model", "a preset"],
)
def test_pull_of_what_there_is_not_is_refused(program: Program, arguments: tuple[str, ...], message: str) -> None:
    done = program("models", "pull", *arguments)
    assert (done.code, done.stdout) == (2, "")
    assert done.error.startswith(message)


def test_pull_without_a_network_fails(program: Program) -> None:
    done = program("models", "pull", "yunet")
    assert (done.code, done.stdout, done.error) == (4, "", "error: cannot get the weights yunet.onnx (0.2 MB)")


@pytest.mark.weights
def test_pull_and_verify_of_what_is_there(program: Program) -> None:
    model_file("yunet.onnx")
    program.environment["PERCEPTKIT_MODELS"] = str(MODELS)
    gaze_files = [file.name for file in GAZE_MODELS["adas"].files]
    body_files = [PERSON_DETECTORS["yolox-nano"].files[0].name, POSE_MODELS["lite"].files[0].name]
    done = program("models", "pull", "yunet", "--preset", "permissive")
    assert (done.code, done.stdout.splitlines()) == (
        0,
        [str(MODELS / name) for name in ("yunet.onnx", "mobilefacenet.onnx", *gaze_files, *body_files)],
    )
    done = program("models", "verify", *PRESETS["permissive"].values())
    assert (done.code, [row.split()[:2] for row in done.stdout.splitlines()]) == (
        0,
        [
            *(["ok", "yunet"], ["ok", "mobilefacenet"], *[["ok", "adas"]] * len(gaze_files)),
            *(["ok", "yolox-nano"], ["ok", "lite"]),
        ],
    )
    listed = {row["name"]: row["paths"] for row in program("models", "list", "--json").json()}
    assert listed["yunet"] == [str(MODELS / "yunet.onnx")]
    assert listed["arcface-r100"] is None


@pytest.mark.weights
def test_real_photos_from_the_command_to_the_verdict(program: Program) -> None:
    one, two = people_photos()[:2]
    program.environment["PERCEPTKIT_MODELS"] = str(MODELS)
    done = program("faces", "extract", one, two, faces_file("group6.jpg"), "-o", "out", "--preset", "permissive")
    assert (done.code, done.stderr) == (0, "")
    assert done.stdout.startswith("3 photos, ")
    # The embedder is that of the folder; the detector is the preset's.
    found = program("faces", "search", "out", two, "--detector", "yunet", "--top", "1")
    assert found.code == 0
    assert "1.000  same" in found.stdout
    verdict = program("faces", "compare", one, two, "--preset", "permissive")
    assert verdict.stdout.startswith("the same person: similarity 0.")
