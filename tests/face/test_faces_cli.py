"""The commands about people known by name, as a user types them: what they print, as JSON too, and exit codes."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from command_line import run, within
from perceptkit.face import (
    defaults,
    enrol,
    load_detector,
    load_embedder,
    load_embeddings_cache,
    load_gallery,
    save_embeddings_cache,
)
from tiny_networks import blank, paint, write_embedder, write_photo, write_scrfd, write_video

A, B, D = 1, 3, 7  # people; A and B are in the gallery
TINY = ("--detector", "detector.onnx", "--embedder", "embedder.onnx", "--device", "cpu")
KNOWN = ("--gallery", "gallery", *TINY)
COMMANDS = [("enrol",), ("identify",), ("track",), ("calibrate",), ("search",), ("gallery",)] + [
    ("gallery", name) for name in ("list", "show", "rename", "remove", "erase", "import")
]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Networks, photos, a video, and a gallery of Anna (A) and Berta (B)."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "photos").mkdir()
    write_scrfd(folder / "detector.onnx")
    write_embedder(folder / "embedder.onnx")
    for name, person in (("anna", A), ("berta", B), ("dora", D)):
        write_photo(folder / "photos" / f"{name}.png", (96, 64, person), noise=person)
    pictures = [paint(blank(), 96, 64, person=A, noise=number + 1) for number in range(12)]
    write_video(folder / "anna.mp4", pictures, times=[number / 10 for number in range(12)])
    models = {
        "detector": load_detector(folder / "detector.onnx", device="cpu", threads=1),
        "embedder": load_embedder(folder / "embedder.onnx", device="cpu", threads=1),
    }
    for name in ("Anna", "Berta"):
        photo = folder / "photos" / f"{name.lower()}.png"
        enrol(name, photo, gallery=folder / "gallery", **models)  # type: ignore[arg-type]
    return folder


@pytest.fixture
def place(made: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(made, tmp_path / "place"))


def error(done: Result) -> str:
    """The first line of the complaint."""
    return next((line for line in done.stderr.splitlines() if line.startswith("error: ")), "")


def data(done: Result) -> Any:
    """What was printed as JSON: standard JSON, and nothing else."""
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    return json.loads(done.stdout, parse_constant=refuse)


# ---- Help


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_says_what_it_is_for(tmp_path: Path, command: tuple[str, ...]) -> None:
    done = within(tmp_path, "faces", *command, "--help")
    assert (done.exit_code, done.stderr) == (0, "")
    words = " ".join(done.stdout.split())
    assert re.search(rf"Usage: \S+ faces {' '.join(command)} ", words)
    assert not re.search(r"\bNone\b|TODO|<class|lambda", words)


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (
            "enrol",
            {
                "faces": defaults.SCAN_FACES,
                "video-step": defaults.SCAN_STEP,
                "min-face": defaults.SCAN_FACE,
                "min-score": defaults.MIN_SCORE,
            },
        ),
        ("identify", {"video-step": defaults.VIDEO_STEP, "min-face": defaults.MIN_FACE}),
        ("track", {"min-face": defaults.MIN_FACE, "detect-every": 1}),
        ("search", {"top": defaults.TOP, "index": defaults.INDEX}),
        ("calibrate", {"output": defaults.CALIBRATION_FOLDER, "min-quality": defaults.CALIBRATION_QUALITY}),
    ],
)
def test_help_shows_the_defaults_of_the_library(tmp_path: Path, command: str, expected: dict[str, Any]) -> None:
    shown = within(tmp_path, "faces", command, "--help").stdout
    for option, default in expected.items():
        assert re.search(rf"--{option}\b(?:(?!--).)*\[default: {re.escape(str(default))}\]", shown, re.DOTALL), option


# ---- Enrol


def test_enrol_says_what_was_kept_and_what_is_missing(place: Path) -> None:
    done = within(place, "faces", "enrol", "Anna", "anna.mp4", "--gallery", "new", *TINY)
    assert (done.exit_code, done.stderr) == (0, "")
    report, views, look = done.stdout.splitlines()
    assert re.fullmatch(
        r"Anna: 10 faces kept of 12 pictures looked at, 12 with a face; mean quality 0\.\d\d; "
        r"the head is turned 0 degrees",
        report,
    )
    assert views == "views of the head: nothing beyond 15° to image-left, nothing to image-right."
    assert re.fullmatch(r"look at new/pictures/[0-9a-f]{32}-1\.png", look)
    assert (place / look.removeprefix("look at ")).exists()


def test_enrol_as_json_is_the_summary(place: Path) -> None:
    done = within(place, "faces", "enrol", "Clara", "photos/dora.png", "anna.mp4", "-g", "gallery", "--json", *TINY)
    assert done.exit_code == 0
    summary = data(done)
    assert (summary["name"], summary["known"], summary["looked"]) == ("Clara", 10, 13)
    assert [note.partition(" (")[0] for note in summary["notes"]] == [
        "photos/dora.png was not used: it shows somebody else",
        "Anna is as alike as one and the same person",
    ]
    assert summary["kept"][0].keys() == {"id", "source", "time", "quality", "yaw"}
    assert done.stderr == ""


def test_enrol_again_replaces_and_notes_are_on_stderr(place: Path) -> None:
    done = within(place, "faces", "enrol", "Anna", "photos/dora.png", *KNOWN)
    assert done.exit_code == 2
    assert error(done).startswith("error: Anna is in the gallery already, and these faces are not alike (similarity ")
    done = within(place, "faces", "enrol", "Anna", "photos/berta.png", "--again", *KNOWN)
    assert done.exit_code == 0
    assert done.stderr.startswith("note: Berta is as alike as one and the same person (similarity 1.00); they will be")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("Anna", "missing.mp4", *KNOWN), 2, "no such file or folder: missing.mp4"),
        (("", "anna.mp4", *KNOWN), 2, "the name is empty; give the name of the person"),
        (("unknown", "anna.mp4", *KNOWN), 2, "nobody can be called"),
        (("Anna", "detector.onnx", *KNOWN), 2, "detector.onnx: not a photo"),
        (("Anna", "anna.mp4", "-g", "photos", *TINY), 2, "photos is not empty and holds no gallery"),
        (("Anna", "anna.mp4", "-g", "new", *TINY, "--min-face", "200"), 2, "nothing that could be used was found in"),
        (("Anna", "anna.mp4", "-g", "new", *TINY, "--faces", "0"), 2, "faces is 0; it must be more than 0"),
        (("Anna", "anna.mp4", "-g", "new", *TINY, "--max-duration", "1"), 2, "anna.mp4: 1 seconds is over the limit"),
        (("Anna", "anna.mp4", "-g", "new", *TINY, "--threshold", "calibrated"), 2, ""),
        (("Anna", "anna.mp4", "-g", "new", "--preset", "permissive"), 4, "cannot get the weights"),
        (("Anna", "anna.mp4", *KNOWN, "--embedder", "detector.onnx"), 4, "is not a face embedder"),
        (("Anna", "anna.mp4", "-g", "gallery"), 2, "the gallery was made by embedder.onnx, a file given by its path"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_enrol_cannot_do_is_one_error(place: Path, arguments: tuple[str, ...], code: int, message: str) -> None:
    done = within(place, "faces", "enrol", *arguments)
    assert (done.exit_code, done.stdout) == (code, "")
    assert message in error(done)
    assert not (place / "new").exists()


# ---- Identify


def test_identify_prints_a_line_a_face(place: Path) -> None:
    done = within(place, "faces", "identify", "photos", "anna.mp4", *KNOWN)
    assert (done.exit_code, done.stderr) == (0, "")
    anna, berta, dora, video, whole = done.stdout.splitlines()
    assert re.fullmatch(r"Anna\t1\.00 \(\+\d\.\d\d to Berta\)\tphotos/anna\.png, at 96, 64, 192, 160", anna)
    assert re.fullmatch(r"Berta\t1\.00 \(\+\d\.\d\d to Anna\)\tphotos/berta\.png, at 96, 64, 192, 160", berta)
    assert re.fullmatch(r"unknown\t-?0\.[0-3]\d to (Anna|Berta)\tphotos/dora\.png, at .*", dora)
    assert re.fullmatch(r"Anna\t\d\.\d\d \(\+\d\.\d\d to Berta\)\tanna\.mp4, 0\.0 to 1\.[01] s", video)
    assert whole == "4 files, 4 faces: 2 people of the gallery, 1 unknown"


def test_identify_goes_on_after_a_broken_file(place: Path) -> None:
    (place / "photos" / "aa.jpg").write_text("not a photo")
    done = within(place, "faces", "identify", "photos", *KNOWN)
    assert done.exit_code == 3
    assert error(done) == "error: photos/aa.jpg: not a photo but a text file"
    last = done.stdout.splitlines()[-1]
    assert last == "4 files, 3 faces: 2 people of the gallery, 1 unknown; 1 file could not be used"
    done = within(place, "faces", "identify", "photos", "--json", *KNOWN)
    assert (done.exit_code, done.stderr) == (3, "")
    summary = data(done)
    assert [(each["source"], each["identity"]["name"]) for each in summary["faces"]] == [
        ("photos/anna.png", "Anna"), ("photos/berta.png", "Berta"), ("photos/dora.png", None)
    ]  # fmt: skip
    assert [each["error"] for each in summary["errors"]] == ["MediaError"]


def test_identify_says_what_it_cannot_do(place: Path) -> None:
    (place / "empty").mkdir()
    for arguments, message in (
        (("photos", "-g", "photos", *TINY), "photos holds no gallery (gallery.json)"),
        (("empty", *KNOWN), "no photos or videos to identify anybody in; give some"),
        (("photos", *KNOWN, "--video-step", "-1"), "video_step is -1.0"),
        (("photos", *KNOWN, "--threshold", "2"), "the threshold is 2;"),
    ):
        done = within(place, "faces", "identify", *arguments)
        assert (done.exit_code, done.stdout) == (2, ""), arguments
        assert message in error(done)
    (place / "gallery" / "gallery.json").write_text("{")
    done = within(place, "faces", "identify", "photos", *KNOWN)
    assert done.exit_code == 2
    assert "gallery.json" in error(done)


# ---- Track


def test_track_prints_tracks_names_and_where_to_look(place: Path) -> None:
    done = within(place, "faces", "track", "anna.mp4", "-g", "gallery", "--target", "Anna", "--crop", *TINY)
    assert (done.exit_code, done.stderr) == (0, "")
    track, target, *rest = done.stdout.splitlines()
    assert re.fullmatch(r"  track 1\tAnna\t\d\.\d\d \(\+\d\.\d\d to Berta\)\t0\.0 to 1\.\d s", track)
    assert re.fullmatch(r"Anna is in sight from 0\.0 to 1\.\d s", target)
    assert rest[0] == "12 frames, 1 track, 1 person recognised"
    for name in ("annotated.mp4", "crop.mp4", "tracks.jsonl", "summary.json", "tracks.png"):
        assert (place / "anna-tracks" / name).exists(), name
    summary = data(within(place, "faces", "track", "anna.mp4", "-o", "other", "--json", *TINY))
    assert [each["name"] for each in summary["tracks"]] == [None]
    for line in (place / "anna-tracks" / "tracks.jsonl").read_text().splitlines():
        json.loads(line)


def test_track_says_what_it_cannot_do(place: Path) -> None:
    for arguments, message in (
        (("missing.mp4", *TINY), "missing.mp4"),
        (("photos/anna.png", *TINY), "photos/anna.png: not a video but a PNG image"),
        (("anna.mp4", "--target", "Zoe", *KNOWN), "nobody in the gallery is called 'Zoe'; it knows: Anna, Berta"),
        (("anna.mp4", "--target", "Anna", *TINY), "who is 'Anna'? give the gallery too"),
        (("anna.mp4", "--live", *TINY), "who is to be recognised? give the gallery too (--gallery)"),
        (("anna.mp4", "--detect-every", "0", *TINY), "detect_every is 0"),
    ):
        done = within(place, "faces", "track", *arguments)
        assert (done.exit_code, done.stdout) == (2, ""), arguments
        assert message in error(done)
    assert not (place / "anna-tracks").exists()


# ---- The gallery


def test_a_gallery_is_listed_shown_and_changed(place: Path) -> None:
    listed = within(place, "faces", "gallery", "list", "gallery")
    rows = [line.split("\t") for line in listed.stdout.splitlines()]
    assert [row[:2] for row in rows] == [["Anna", "1 face"], ["Berta", "1 face"]]
    shown = within(place, "faces", "gallery", "show", "gallery", "Anna").stdout.splitlines()
    assert re.match(r"Anna: 1 face, enrolled \d{4}-\d\d-\d\dT", shown[0])
    assert re.fullmatch(r"  \S*photos/anna\.png, quality 0\.\d\d, turned 0 degrees to image-(left|right)", shown[1])
    assert re.fullmatch(r"look at gallery/pictures/[0-9a-f]{32}-1\.png", shown[2])
    assert data(within(place, "faces", "gallery", "show", "gallery", "Anna", "--json"))["name"] == "Anna"

    renamed = within(place, "faces", "gallery", "rename", "gallery", "Anna", "Zoë 李")
    assert (renamed.exit_code, renamed.stdout) == (0, "Anna is now called Zoë 李\n")
    removed = within(place, "faces", "gallery", "remove", "gallery", "Berta")
    assert (removed.exit_code, removed.stdout) == (0, "Berta is not in gallery any more; 1 person is left\n")
    assert [each["name"] for each in data(within(place, "faces", "gallery", "list", "gallery", "--json"))] == ["Zoë 李"]
    erased = within(place, "faces", "gallery", "erase", "gallery", "Zoë 李")
    assert (erased.exit_code, erased.stdout) == (0, "every trace of Zoë 李 in gallery is erased\n")
    nobody = within(place, "faces", "gallery", "list", "gallery")
    assert (nobody.exit_code, nobody.stdout, nobody.stderr) == (0, "", "note: nobody is in gallery\n")
    erased = within(place, "faces", "gallery", "erase", "gallery", "--all")
    assert (erased.exit_code, erased.stdout) == (0, "gallery is erased\n")
    assert not (place / "gallery").exists()


def test_people_of_an_earlier_cache_are_imported(place: Path) -> None:
    known = load_gallery(place / "gallery")
    cache = {"Old Anna": known.person("Anna").vectors, "Old Berta": known.person("Berta").vectors}
    save_embeddings_cache(place / "cache.npz", cache, model=known.model, model_sha256=known.model_sha256)
    assert set(load_embeddings_cache(place / "cache.npz")) == set(cache)
    done = within(place, "faces", "gallery", "import", "gallery", "cache.npz", "--embedder", "embedder.onnx")
    assert (done.exit_code, done.stdout) == (0, "2 people imported: Old Anna, Old Berta\n")
    shown = within(place, "faces", "gallery", "show", "gallery", "Old Anna")
    assert shown.exit_code == 0
    assert "quality" not in shown.stdout
    done = within(place, "faces", "identify", "photos/anna.png", *KNOWN)
    assert done.exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("list", "photos"), "photos holds no gallery (gallery.json); make one with: perceptkit faces enrol"),
        (("show", "gallery", "Zoe"), "nobody in the gallery is called 'Zoe'; it knows: Anna, Berta"),
        (("rename", "gallery", "Anna", "Berta"), "'Berta' is in the gallery already"),
        (("rename", "gallery", "Anna", "unknown"), "nobody can be called"),
        (("remove", "gallery", "../Anna"), "nobody in the gallery is called '../Anna'"),
        (("erase", "gallery"), "say who is to be erased: a NAME, or --all for the whole gallery"),
        (("erase", "gallery", "Anna", "--all"), "say who is to be erased: a NAME, or --all for the whole gallery"),
        (("erase", "photos", "--all"), "photos holds no gallery"),
        (("import", "gallery", "missing.pkl", "--embedder", "embedder.onnx"), "missing.pkl"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_cannot_be_done_with_a_gallery_is_one_error(place: Path, arguments: tuple[str, ...], message: str) -> None:
    done = within(place, "faces", "gallery", *arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert message in error(done)
    assert [each["name"] for each in data(within(place, "faces", "gallery", "list", "gallery", "--json"))] == [
        "Anna", "Berta"
    ]  # fmt: skip


# ---- Search and calibrate


def test_search_takes_an_index(place: Path) -> None:
    within(place, "faces", "extract", "photos", "-o", "out", *TINY)
    exact = data(within(place, "faces", "search", "out", "photos/anna.png", "--json", *TINY))
    assert [match["same"] for match in exact[0]["matches"]] == [True, False, False]
    found = within(place, "faces", "search", "out", "photos/anna.png", "--index", "faiss", "--json", *TINY)
    assert data(found)[0]["matches"][0]["face_id"] == exact[0]["matches"][0]["face_id"]


def test_search_refuses_another_index(place: Path) -> None:
    within(place, "faces", "extract", "photos", "-o", "out", *TINY)
    done = within(place, "faces", "search", "out", "photos/anna.png", "--index", "tree", *TINY)
    assert (done.exit_code, error(done)) == (2, "error: unknown index 'tree'; choose from: exact, faiss")


def test_calibrate_reports_and_lists_what_could_not_be_used(place: Path) -> None:
    (place / "labelled").mkdir()
    for person in (0, 1, 3, 5, 7):
        for number in (1, 2, 3):
            write_photo(place / "labelled" / f"p{person}_{number}.png", (96, 64, person), noise=number)
    (place / "labelled" / "p0_4.jpg").write_text("not a photo")
    done = within(place, "faces", "calibrate", "labelled", "-o", "out", "--json", *TINY)
    assert done.exit_code == 3
    summary = data(done)
    assert summary["errors"]
    assert (place / "out" / "roc.png").exists()
    done = within(place, "faces", "calibrate", "labelled", "-o", "out", *TINY)
    assert "error: labelled/p0_4.jpg: not a photo but a text file" in done.stderr
    assert "look at out/roc.png and out/scores.png" in done.stdout
    done = within(place, "faces", "calibrate", "photos/anna.png", "-o", "other", *TINY)
    assert (done.exit_code, done.stdout) == (2, "")
    assert not (place / "other").exists()


# ---- Names


@pytest.mark.parametrize("name", ["[red]A[/red]", "Zoë 李 😀", "-- Anna", "a\tb", "NaN"])
def test_an_odd_name_is_printed_as_it_is_or_refused(place: Path, name: str) -> None:
    done = within(place, "faces", "enrol", *KNOWN, "--", name, "photos/dora.png")
    if "\t" in name:
        assert (done.exit_code, "cannot be shown" in error(done)) == (2, True)
    else:
        assert done.exit_code == 0
        assert done.stdout.startswith(f"{name}: 1 face kept of 1 picture")
        assert f"{name}\t1 face\t" in within(place, "faces", "gallery", "list", "gallery").stdout


def test_the_program_from_a_scan_to_a_name(place: Path) -> None:
    """Started as a user starts it, with a name of a file that is not Unicode."""
    odd = os.fsdecode(b"caf\xe9.png")
    shutil.copy(place / "photos" / "anna.png", place / odd)
    done = run(place, "faces", "enrol", "Anna", odd, "--gallery", "new", *TINY)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Anna: 1 face kept of 1 picture looked at, 1 with a face; mean quality 0.")
    identified = data(within(place, "faces", "identify", odd, "--gallery", "new", "--json", *TINY))
    assert [(each["source"], each["identity"]["name"]) for each in identified["faces"]] == [(odd, "Anna")]
