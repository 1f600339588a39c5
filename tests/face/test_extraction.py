"""Photos become people: what is written, that it fits together, and that nothing stops or changes a run."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from perceptkit import face, images
from perceptkit.errors import InputError, ModelError
from perceptkit.face import Extraction, load_embeddings
from perceptkit.face.extracting.job import Job
from perceptkit.face.types import Face, Quality
from shared_data import faces_file, model_file, people_photos
from systems import posix
from tiny_networks import blank, face_box, face_landmarks, paint, write_embedder, write_photo, write_scrfd

FIELDS = [
    "face_id", "source", "time", "track", "box", "landmarks", "score", "quality", "quality_parts", "person", "best",
    "embedding_row", "headshot", "model", "model_sha256",
]  # fmt: skip
FILES = [
    "embeddings.npz", "errors.jsonl", "faces.jsonl", "headshots", "people.html", "run.json", "sources.jsonl",
]  # fmt: skip


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with detector.onnx, embedder.onnx and nan.onnx."""
    folder = tmp_path_factory.mktemp("networks")
    write_scrfd(folder / "detector.onnx")
    write_embedder(folder / "embedder.onnx")
    write_embedder(folder / "nan.onnx", nan=True)
    return folder


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Nine photos of three people, and one of nobody."""
    folder = tmp_path / "photos"
    (folder / "trip").mkdir(parents=True)
    write_photo(folder / "a.png", (96, 64, 1), (320, 256, 2))
    write_photo(folder / "b.png", (32, 32, 1), noise=1)
    write_photo(folder / "c.png")
    for number in range(7):
        write_photo(folder / "trip" / f"{number}.png", (64 * number, 96, 1 + number % 3), noise=10 + number)
    return folder


def run(networks: Path, paths: Any, folder: Path, *, embedder: str = "embedder.onnx", **options: Any) -> Extraction:
    return face.extract(
        paths, folder, detector=networks / "detector.onnx", embedder=networks / embedder, device="cpu", **options
    )


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def entries(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def contents(folder: Path) -> dict[str, bytes]:
    """What must be the same for the same input: all but the times in run.json, and the packing of the npz."""
    vectors = load_embeddings(folder).vectors.tobytes()
    files = [folder / name for name in ("faces.jsonl", "errors.jsonl", "people.html")]
    return {path.name: path.read_bytes() for path in (*files, *(folder / "headshots").iterdir())} | {"vectors": vectors}


# ---- What is written


def test_faces_are_where_they_were_painted_and_belong_to_who_was_painted(networks: Path, photos: Path) -> None:
    result = run(networks, photos, photos.parent / "out")
    rows = lines(photos.parent / "out" / "faces.jsonl")
    assert [Path(row["source"]).name for row in rows] == ["a.png", "a.png", "b.png", *(f"{n}.png" for n in range(7))]
    expected = [(96, 64), (320, 256), (32, 32), *((64 * number, 96) for number in range(7))]
    assert [row["box"] for row in rows] == [face_box(x, y) for x, y in expected]
    for row, place in zip(rows, expected, strict=True):
        np.testing.assert_allclose(row["landmarks"], face_landmarks(*place), atol=0.01)
    assert [row["person"] for row in rows] == [0, 1, 0, 0, 1, 2, 0, 1, 2, 0]
    assert (result.photos, len(result.sightings), len(result.people)) == (10, 10, 3)
    assert (result.errors, result.notes, result.skipped) == ((), (), ())
    assert [len(person.sightings) for person in result.people] == [5, 3, 2]


def test_every_field_is_there_and_they_fit_together(networks: Path, photos: Path) -> None:
    out = photos.parent / "out"
    result = run(networks, photos, out)
    assert entries(out) == FILES
    rows, stored = lines(out / "faces.jsonl"), load_embeddings(out)
    assert [list(row) for row in rows] == [FIELDS] * 10
    assert len({row["face_id"] for row in rows}) == 10
    for number, (row, sighting) in enumerate(zip(rows, result.sightings, strict=True)):
        assert row["embedding_row"] == number
        assert row["face_id"] == stored.face_ids[number] == sighting.id
        assert row["source"] == stored.sources[number] == sighting.source
        np.testing.assert_array_equal(stored.vectors[number], sighting.embedding)
        assert row["quality"] == pytest.approx(stored.quality[number])
        assert row["quality"] == sighting.quality.score
        assert row["quality_parts"] == {
            name: part for name, part in asdict(sighting.quality).items() if name != "score"
        }
        assert (row["time"], row["model"]) == (None, "embedder.onnx")
        assert row["model_sha256"] == stored.model_sha256 == result.settings["embedder"]["sha256"]
        assert 0.9 < row["score"] <= 1
        assert images.read(out / row["headshot"]).shape == (160, 160, 3)
    assert {path.name for path in (out / "headshots").iterdir()} == {Path(row["headshot"]).name for row in rows}
    for person in result.people:
        mine = [row for row in rows if row["person"] == person.id]
        (best,) = (row for row in mine if row["best"])
        assert best["quality"] == max(row["quality"] for row in mine)
        assert best["face_id"] == person.best.id


def test_the_headshot_shows_the_face_upright_in_its_middle(networks: Path, photos: Path) -> None:
    out = photos.parent / "out"
    run(networks, photos / "b.png", out, headshot_side=224)
    (row,) = lines(out / "faces.jsonl")
    headshot = images.read(out / row["headshot"]).astype(int)
    assert headshot.shape == (224, 224, 3)
    red = np.argwhere((headshot[:, :, 0] > 200) & (headshot[:, :, 1] < 60))
    # The red half of the face is 48 of 96 pixels; without the margin of 15 percent it has 70 percent of the side.
    np.testing.assert_allclose(red.mean(axis=0), [111.5, 111.5], atol=1)
    np.testing.assert_allclose(np.ptp(red, axis=0), [78, 78], atol=3)


def test_run_json_says_what_made_it(networks: Path, photos: Path) -> None:
    out = photos.parent / "out"
    result = run(networks, photos, out, threshold=0.5, min_face=30)
    written = json.loads((out / "run.json").read_text())
    assert written.pop("seconds") > 0
    assert written.pop("started").endswith("+00:00")
    assert written == json.loads(json.dumps(result.summary()))
    assert written["folder"] == str(out)
    assert (written["photos"], written["faces"], written["people"]) == (10, 10, 3)
    settings = written["settings"]
    assert settings["detector"]["name"] == "detector.onnx"
    assert len(settings["detector"]["sha256"]) == len(settings["embedder"]["sha256"]) == 64
    assert (settings["threshold"], settings["min_face"], settings["mode"]) == (0.5, 30, "people")


def test_the_sheet_shows_everybody_once_in_a_notebook_and_on_the_page(networks: Path, photos: Path) -> None:
    result = run(networks, photos, photos.parent / "out")
    page = (photos.parent / "out" / "people.html").read_text(encoding="utf-8")
    assert "3 people, 10 faces in 9 photos" in page
    assert page.count('class="person"') == 3
    assert "3 people, 10 faces in 9 photos" in result._repr_html_()
    assert result._repr_html_().count("<img") == 3
    assert repr(result).endswith("10 photos, 10 faces, 3 people, 0 errors)")


def test_photos_of_nobody_are_a_result_too(networks: Path, photos: Path) -> None:
    out = photos.parent / "out"
    result = run(networks, [photos / "c.png"], out)
    assert (result.photos, result.sightings, result.people) == (1, (), ())
    assert entries(out) == FILES
    assert (out / "faces.jsonl").read_bytes() == (out / "errors.jsonl").read_bytes() == b""
    assert load_embeddings(out).vectors.shape == (0, 8)
    assert "No faces were found" in (out / "people.html").read_text(encoding="utf-8")


def test_mode_first_keeps_the_first_face_of_each_person(networks: Path, photos: Path) -> None:
    out = photos.parent / "out"
    result = run(networks, photos, out, mode="first")
    rows = lines(out / "faces.jsonl")
    assert [row["person"] for row in rows] == [0, 1, 0, 0, 1, 2, 0, 1, 2, 0]
    assert [number for number, row in enumerate(rows) if row["best"]] == [0, 1, 5]
    assert [person.best.id for person in result.people] == [rows[number]["face_id"] for number in (0, 1, 5)]


def test_parquet_takes_the_place_of_npz(networks: Path, photos: Path) -> None:
    out = photos.parent / "out"
    first = run(networks, photos, out)
    run(networks, photos, out, embeddings="parquet")
    assert entries(out) == ["embeddings.parquet", *FILES[1:]]
    np.testing.assert_array_equal(load_embeddings(out).vectors, [one.embedding for one in first.sightings])
    run(networks, photos, out)
    assert entries(out) == FILES


def test_small_faces_are_dropped_and_too_many_are_counted(networks: Path, photos: Path) -> None:
    out = photos.parent / "out"
    assert len(run(networks, photos / "a.png", out, min_face=96).sightings) == 2
    assert len(run(networks, photos / "a.png", out, min_face=97).sightings) == 0
    crowd = write_photo(photos / "crowd.png", *((x, y, 1) for x in (0, 128, 256) for y in (0, 128, 256)))
    result = run(networks, [crowd, photos / "a.png"], out, max_faces=2)
    assert len(result.sightings) == 4
    assert result.notes == ((str(crowd), "7 faces were left out, the least certain (--max-faces)"),)


def test_boxes_and_limits_are_in_pixels_of_the_full_size(networks: Path, tmp_path: Path) -> None:
    """A JPEG of 2,560 pixels is decoded at half its size; a face of 384 pixels in it is one of 384 pixels."""
    image = paint(blank(), 96, 64, person=1)
    large = cv2.resize(image, (2560, 1920), interpolation=cv2.INTER_NEAREST)
    Image.fromarray(np.asarray(large, np.uint8)).save(tmp_path / "large.jpg", quality=95)
    (one,) = run(networks, tmp_path / "large.jpg", tmp_path / "out", min_face=383).sightings
    assert one.face.box.tolist() == [384, 256, 768, 640]
    np.testing.assert_allclose(one.face.landmarks, 4 * face_landmarks(96, 64), atol=0.01)
    assert run(networks, tmp_path / "large.jpg", tmp_path / "out", min_face=385).sightings == ()


def test_of_an_animation_the_first_picture_is_used_and_that_is_said(networks: Path, tmp_path: Path) -> None:
    first, second = (Image.fromarray(paint(blank(), x, 96, person=1)).quantize(64) for x in (64, 320))
    first.save(tmp_path / "moving.gif", save_all=True, append_images=[second, first])
    result = run(networks, tmp_path / "moving.gif", tmp_path / "out")
    assert result.notes == ((str(tmp_path / "moving.gif"), "the first of 3 pictures in the file was used"),)
    np.testing.assert_allclose(result.sightings[0].face.box, face_box(64, 96), atol=0.01)


# ---- The same again


def test_the_same_photos_give_the_same_ids_and_the_same_bytes(networks: Path, photos: Path) -> None:
    first, second = photos.parent / "first", photos.parent / "second"
    run(networks, photos, first)
    run(networks, [photos], second)
    assert contents(first) == contents(second)
    before = contents(first)
    run(networks, photos, first)
    assert contents(first) == before


def test_the_order_of_the_photos_is_the_order_of_the_faces(networks: Path, photos: Path) -> None:
    paths = [photos / "trip" / "4.png", photos / "a.png", photos / "trip" / "0.png"]
    result = run(networks, paths, photos.parent / "out")
    assert [sighting.source for sighting in result.sightings] == [str(paths[number]) for number in (0, 1, 1, 2)]


def test_ids_belong_to_the_picture_not_to_its_name_or_place(networks: Path, photos: Path) -> None:
    moved = photos.parent / "moved.png"
    shutil.copy(photos / "b.png", moved)
    (one,) = run(networks, photos / "b.png", photos.parent / "one").sightings
    (other,) = run(networks, moved, photos.parent / "other").sightings
    assert one.id == other.id
    assert len(one.id) == 16


def test_copies_of_a_photo_have_ids_of_their_own_and_share_a_headshot(networks: Path, photos: Path) -> None:
    for name in ("d.png", "e.png"):
        shutil.copy(photos / "b.png", photos / name)
    out = photos.parent / "out"
    result = run(networks, [photos / name for name in ("b.png", "d.png", "e.png")], out)
    one = result.sightings[0].id
    assert [sighting.id for sighting in result.sightings] == [one, f"{one}-2", f"{one}-3"]
    assert [path.name for path in (out / "headshots").iterdir()] == [f"{one}.jpg"]
    assert {row["headshot"] for row in lines(out / "faces.jsonl")} == {f"headshots/{one}.jpg"}
    assert len(result.people) == 1


def test_an_output_folder_among_the_photos_is_not_searched(
    networks: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The default folder is made where the program is run: often where the photos are."""
    monkeypatch.chdir(photos)
    for _ in range(3):
        assert run(networks, ".", Path("perceptkit-faces")).photos == 10
    assert run(networks, photos, photos / "perceptkit-faces").photos == 10


def test_an_earlier_result_is_replaced_and_its_headshots_go(networks: Path, photos: Path) -> None:
    out = photos.parent / "out"
    run(networks, photos, out)
    run(networks, photos / "a.png", out)
    assert len(lines(out / "faces.jsonl")) == len(entries(out / "headshots")) == 2


# ---- Things that go wrong


def test_bad_photos_are_listed_and_the_others_go_on(networks: Path, photos: Path) -> None:
    (photos / "empty.jpg").touch()
    (photos / "notes.jpg").write_text("not a photo")
    Image.fromarray(paint(blank(), 96, 64, person=1)).save(photos / "whole.jpg", quality=95)
    (photos / "cut.jpg").write_bytes((photos / "whole.jpg").read_bytes()[:5000])
    Image.new("RGB", (9000, 9000)).save(photos / "huge.png")
    out = photos.parent / "out"
    result = run(networks, photos, out, max_pixels=50_000_000)
    assert (result.photos, len(result.sightings), len(result.people)) == (15, 11, 3)
    found = {Path(row["source"]).name: (row["error"], row["message"]) for row in lines(out / "errors.jsonl")}
    assert {name: error for name, (error, _) in found.items()} == dict.fromkeys(
        ["cut.jpg", "empty.jpg", "huge.png", "notes.jpg"], "MediaError"
    )
    assert found["empty.jpg"][1] == f"{photos / 'empty.jpg'}: empty file"
    assert found["notes.jpg"][1] == f"{photos / 'notes.jpg'}: not a photo but a text file"
    assert "cut short" in found["cut.jpg"][1]
    assert "9000 x 9000 pixels is over the limit of 50,000,000 pixels" in found["huge.png"][1]
    assert [asdict(error) for error in result.errors] == lines(out / "errors.jsonl")
    assert "4 (see errors.jsonl)" in (out / "people.html").read_text(encoding="utf-8")


def test_what_is_left_of_a_cut_photo_is_used_when_that_is_allowed(networks: Path, tmp_path: Path) -> None:
    Image.fromarray(paint(blank(), 96, 64, person=1)).save(tmp_path / "whole.jpg", quality=95)
    data = (tmp_path / "whole.jpg").read_bytes()
    (tmp_path / "cut.jpg").write_bytes(data[: len(data) * 3 // 4])
    assert len(run(networks, tmp_path / "cut.jpg", tmp_path / "one").errors) == 1
    result = run(networks, tmp_path / "cut.jpg", tmp_path / "two", allow_truncated=True)
    assert len(result.sightings) == 1
    np.testing.assert_allclose(result.sightings[0].face.box, face_box(96, 64), atol=0.01)


def test_a_network_that_gives_no_numbers_is_an_error_for_each_face(networks: Path, photos: Path) -> None:
    out = photos.parent / "out"
    result = run(networks, [photos / "a.png", photos / "c.png"], out, embedder="nan.onnx")
    assert (result.sightings, len(result.errors)) == ((), 2)
    assert result.errors[1].error == "ModelError"
    assert "nan.onnx gave no finite embedding for the face at [320.0, 256.0, 416.0, 352.0]" in (
        result.errors[0].message + result.errors[1].message
    )
    assert entries(out / "headshots") == []
    for name in ("run.json", "errors.jsonl"):
        assert "NaN" not in (out / name).read_text()


@posix
def test_names_of_all_kinds(networks: Path, tmp_path: Path) -> None:
    names = ["Zoë & 合影 👩.png", " spaces .png", "line\nbreak.png", '<b>&".png', "%s{0}[red].png", "x" * 251 + ".png"]
    if sys.platform == "linux":
        names.append("caf\udce9.png")
    photos = tmp_path / "photos"
    photos.mkdir()
    for number, name in enumerate(names):
        write_photo(tmp_path / "photo.png", (32 * number, 96, 1))
        (tmp_path / "photo.png").rename(photos / name)
    result = run(networks, photos, tmp_path / "out")
    assert sorted(Path(row["source"]).name for row in lines(tmp_path / "out" / "faces.jsonl")) == sorted(names)
    assert sorted(Path(source).name for source in load_embeddings(tmp_path / "out").sources) == sorted(names)
    assert result.errors == ()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threshold": 40.0}, "the threshold is 40.0; a cosine similarity lies between -1 and 1"),
        ({"mode": "persons"}, "unknown mode 'persons'; choose one of: people, first"),
        ({"embeddings": "csv"}, "unknown format of embeddings 'csv'; choose one of: npz, parquet"),
        ({"headshot_side": 8}, "headshots of 8 pixels cannot be made; choose 16 to 2048"),
        ({"max_faces": 0}, "max_faces is 0; it must be at least 1"),
        ({"min_score": 50.0}, "min_score is 50.0; it must lie between 0 and 1"),
        ({"embedder": "missing"}, "unknown embedder"),
    ],
)
def test_bad_values_are_refused_before_anything_is_written(
    networks: Path, photos: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        run(networks, photos, photos.parent / "out", **options)
    assert not (photos.parent / "out").exists()


def test_a_quality_that_is_no_number_is_an_error_that_names_the_photo(networks: Path, tmp_path: Path) -> None:
    job = Job(
        detect=face.load_detector(networks / "detector.onnx", device="cpu"),
        embed=face.load_embedder(networks / "embedder.onnx", device="cpu"),
        min_face=20,
        max_faces=9,
        max_pixels=10**8,
        headshot_side=64,
        allow_truncated=False,
        video_step=0.2,
        track_faces=5,
        limits=None,
        headshots=tmp_path,
    )
    found = Face(np.array(face_box(96, 64), np.float32), 0.9, face_landmarks(96, 64))
    with pytest.raises(ModelError, match=r"a\.png: the quality of the face at \[96\.0, .*\], 2\.50 s is not finite"):
        job.keep("a.png", "0" * 64, found, np.ones(8, np.float32), Quality(1, np.nan, 1, 1, 1, 1), b"", time=2.5)
    assert entries(tmp_path) == []


@posix
def test_a_folder_at_home_is_at_home(networks: Path, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(photos.parent / "home"))
    monkeypatch.chdir(photos.parent)
    result = run(networks, photos / "a.png", Path("~/faces"))
    assert result.folder == photos.parent / "home" / "faces"
    assert entries(result.folder) == FILES
    assert entries(photos.parent) == ["home", "photos"]


def test_nothing_to_do_is_an_input_error(networks: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"no photos in .*empty; looked for \.avif, "):
        run(networks, tmp_path / "empty", tmp_path / "out")
    with pytest.raises(InputError, match="no photos in an empty list of paths"):
        run(networks, [], tmp_path / "out")
    with pytest.raises(InputError, match=r"no such file or folder: .*missing"):
        run(networks, [tmp_path / "missing"], tmp_path / "out")


def test_a_folder_with_other_things_in_it_is_refused(networks: Path, photos: Path) -> None:
    theirs = photos.parent / "theirs"
    theirs.mkdir()
    (theirs / "diary.txt").write_text("mine")
    with pytest.raises(InputError, match="theirs is not empty and holds no earlier result"):
        run(networks, photos, theirs)
    with pytest.raises(InputError, match=r"diary\.txt is a file; choose a folder to write to"):
        run(networks, photos, theirs / "diary.txt")
    assert entries(theirs) == ["diary.txt"]


# ---- Runs that were stopped


PROGRAM = """
import sys, time
from perceptkit import face

networks, photos, out, stop, *limit = sys.argv[1:]
if limit:
    import resource
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit[0]), int(limit[0])))

def progress(done, total):
    print(done, total, flush=True)
    while done >= int(stop):
        time.sleep(1)

face.extract(photos, out, detector=networks + "/detector.onnx", embedder=networks + "/embedder.onnx", device="cpu",
             progress=progress)
"""


def stopped_half_way(networks: Path, photos: Path, out: Path, *, at: int = 4) -> None:
    """Run in a process of its own, and kill it when `at` of the photos are done."""
    command = [sys.executable, "-c", PROGRAM, str(networks), str(photos), str(out), str(at)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if int(line.split()[0]) >= at:
                process.kill()
    assert process.returncode != 0
    assert entries(out) == [".partial", "headshots"]


def test_a_killed_run_goes_on_and_ends_with_the_same_files(networks: Path, photos: Path) -> None:
    (photos / "broken.png").write_text("not a photo")
    out, whole = photos.parent / "out", photos.parent / "whole"
    run(networks, photos, whole)
    stopped_half_way(networks, photos, out)
    seen: list[tuple[int, int | None]] = []
    run(networks, photos, out, progress=lambda done, total: seen.append((done, total)))
    assert entries(out) == FILES
    assert contents(out) == contents(whole)
    assert seen[0][0] >= 3, "what was done is not done again"
    assert seen[-1] == (11, 11)
    assert seen == sorted(seen)


def test_a_photo_that_changed_since_is_done_again(networks: Path, photos: Path) -> None:
    out, whole = photos.parent / "out", photos.parent / "whole"
    stopped_half_way(networks, photos, out)
    write_photo(photos / "a.png", (416, 128, 3))
    os.utime(photos / "a.png", (1, 1))
    result = run(networks, photos, out)
    assert result.sightings[0].face.box.tolist() == face_box(416, 128)
    run(networks, photos, whole)
    assert contents(out) == contents(whole)


def test_photos_that_came_and_went_since_are_noticed(networks: Path, photos: Path) -> None:
    out, whole = photos.parent / "out", photos.parent / "whole"
    stopped_half_way(networks, photos, out)
    (photos / "b.png").unlink()
    write_photo(photos / "0.png", (0, 0, 5))
    run(networks, photos, out)
    run(networks, photos, whole)
    assert contents(out) == contents(whole)
    assert Path(lines(out / "faces.jsonl")[0]["source"]).name == "0.png"


def test_under_other_settings_a_stopped_run_starts_over(networks: Path, photos: Path) -> None:
    out, whole = photos.parent / "out", photos.parent / "whole"
    stopped_half_way(networks, photos, out)
    seen: list[int] = []
    run(networks, photos, out, headshot_side=64, progress=lambda done, total: seen.append(done))
    assert seen[0] == 0
    run(networks, photos, whole, headshot_side=64)
    assert contents(out) == contents(whole)


def test_with_another_threshold_or_mode_a_stopped_run_goes_on(networks: Path, photos: Path) -> None:
    out = photos.parent / "out"
    stopped_half_way(networks, photos, out)
    seen: list[int] = []
    run(networks, photos, out, mode="first", threshold=0.9, progress=lambda done, total: seen.append(done))
    assert seen[0] >= 4


def test_a_photo_that_failed_is_tried_again_when_a_stopped_run_goes_on(networks: Path, photos: Path) -> None:
    good = (photos / "b.png").read_bytes()
    (photos / "b.png").write_bytes(bytes(len(good)))
    os.utime(photos / "b.png", (1, 1))
    out = photos.parent / "out"
    stopped_half_way(networks, photos, out)
    (photos / "b.png").write_bytes(good)  # the same size at the same time: as after a disk that was away for a while
    os.utime(photos / "b.png", (1, 1))
    assert run(networks, photos, out).errors == ()


def test_headshots_that_were_removed_from_a_stopped_run_are_made_again(networks: Path, photos: Path) -> None:
    out, whole = photos.parent / "out", photos.parent / "whole"
    stopped_half_way(networks, photos, out)
    shutil.rmtree(out / "headshots")
    run(networks, photos, out)
    run(networks, photos, whole)
    assert contents(out) == contents(whole)


@posix
def test_control_c_is_one_line_and_the_run_can_go_on(networks: Path, photos: Path, tmp_path: Path) -> None:
    many, out, whole = tmp_path / "many", tmp_path / "out", tmp_path / "whole"
    many.mkdir()
    for number in range(240):
        shutil.copy(photos / ("a.png", "b.png")[number % 2], many / f"{number:03}.png")
    command = [
        sys.executable, "-m", "perceptkit", "faces", "extract", str(many), "-o", str(out), "--device", "cpu",
        "--detector", str(networks / "detector.onnx"), "--embedder", str(networks / "embedder.onnx"),
    ]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        journal, deadline = out / ".partial" / "journal.jsonl", time.monotonic() + 30
        while not (journal.exists() and journal.stat().st_size):
            assert time.monotonic() < deadline
            time.sleep(0.005)
        process.send_signal(signal.SIGINT)
        printed, complained = process.communicate(timeout=10)
    assert (process.returncode, printed) == (130, "")
    (line,) = complained.splitlines()
    assert line.startswith(
        "error: interrupted; nothing is left half-written. Run the same command again (faces extract"
    )
    seen: list[int] = []
    run(networks, many, out, progress=lambda done, total: seen.append(done))
    assert 0 < seen[0] < 240
    run(networks, many, whole)
    assert contents(out) == contents(whole)


@posix
@pytest.mark.parametrize("limit", [2_000, 12_000, 40_000])
def test_a_full_disk_is_one_error_and_the_run_can_go_on(networks: Path, photos: Path, limit: int) -> None:
    """The limits stand for a disk that is full at the first headshot, within the journal, and at the contact sheet."""
    for number in range(30):
        write_photo(photos / f"more{number}.png", (32 * (number % 15), 128, number % 8), noise=number)
    out, whole = photos.parent / "out", photos.parent / "whole"
    program = (
        "import resource, sys; from perceptkit.cli import main\n"
        "limit = int(sys.argv.pop(1)); resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)); main()"
    )
    command = [
        sys.executable, "-c", program, str(limit), "faces", "extract", str(photos), "-o", str(out), "--device", "cpu",
        "--detector", str(networks / "detector.onnx"), "--embedder", str(networks / "embedder.onnx"),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"error: cannot write {out}")
    assert done.stderr.endswith("free some space and run the same command again\n")
    assert done.stderr.count("\n") == 1
    assert not list(out.rglob("*.part"))
    assert not (out / "run.json").exists()
    run(networks, photos, out)
    run(networks, photos, whole)
    assert contents(out) == contents(whole)


# ---- Real photos


@pytest.mark.weights
@pytest.mark.parametrize("name", ["yunet", "scrfd-500m", "retinaface-mnet025-biubug6"])
def test_twenty_eight_photos_show_six_people(tmp_path: Path, name: str) -> None:
    """Each photo's largest face is who the photo is of."""
    result = face.extract(
        people_photos(),
        tmp_path,
        detector=model_file(f"{name}.onnx"),
        embedder=model_file("mobilefacenet.onnx"),
        device="cpu",
    )
    person_of = {sighting.id: person.id for person in result.people for sighting in person.sightings}
    largest: dict[str, tuple[float, int]] = {}
    for sighting in result.sightings:
        area = float(np.prod(sighting.face.box[2:] - sighting.face.box[:2]))
        largest[sighting.source] = max(largest.get(sighting.source, (0.0, -1)), (area, person_of[sighting.id]))
    assert len(largest) == 28
    found: dict[str, set[int]] = {}
    for source, (_, person) in largest.items():
        found.setdefault(Path(source).name[:8], set()).add(person)
    assert all(len(people) == 1 for people in found.values()), found
    assert len({person for people in found.values() for person in people}) == 6


@pytest.mark.weights
@pytest.mark.parametrize("share", [0.5, 0.06], ids=["a large face", "a face that needs the full size"])
def test_a_large_photo_gives_what_its_full_size_would(tmp_path: Path, share: float) -> None:
    """A real face in a JPEG of 12 megapixels, which is decoded at half its size; the boxes are in full pixels."""
    original = images.read(people_photos()[7])
    detect = face.load_detector(model_file("scrfd-500m.onnx"), device="cpu")
    embed = face.load_embedder(model_file("mobilefacenet.onnx"), device="cpu")
    box = max(detect([original])[0], key=lambda one: float(np.prod(one.box[2:] - one.box[:2]))).box
    scale = 3000 * share / float(box[3] - box[1])
    shift = np.array([2000, 1500]) - scale * (box[:2] + box[2:]) / 2
    large = cv2.warpAffine(
        original, np.array([[scale, 0, shift[0]], [0, scale, shift[1]]]), (4000, 3000), flags=cv2.INTER_CUBIC
    )
    path = tmp_path / "large.jpg"
    assert cv2.imwrite(str(path), cv2.cvtColor(large, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 95])
    ours = max(face.extract(path, tmp_path / "out", detector=detect, embedder=embed).sightings, key=area_of)
    expected = max(face.find_faces([images.read(path)], detect=detect, embed=embed)[0], key=area_of)
    assert float(ours.face.box[3] - ours.face.box[1]) == pytest.approx(3000 * share, rel=0.1)
    np.testing.assert_allclose(ours.face.box, expected.face.box, atol=2)
    np.testing.assert_allclose(ours.face.landmarks, expected.face.landmarks, atol=2)
    assert float(ours.embedding @ expected.embedding) >= 0.98
    assert ours.quality.sharpness == pytest.approx(expected.quality.sharpness, abs=0.02)
    # Through the files, too.
    np.testing.assert_allclose(lines(tmp_path / "out" / "faces.jsonl")[0]["box"], ours.face.box, atol=0.01)


def area_of(sighting: face.Sighting) -> float:
    return float(np.prod(sighting.face.box[2:] - sighting.face.box[:2]))


@pytest.mark.weights
def test_a_folder_of_real_photos_of_all_kinds_goes_through(tmp_path: Path) -> None:
    result = face.extract(
        faces_file("edge"),
        tmp_path,
        detector=model_file("yunet.onnx"),
        embedder=model_file("mobilefacenet.onnx"),
        device="cpu",
    )
    assert (result.photos, result.errors) == (10, ())
    names = [Path(sighting.source).name for sighting in result.sightings]
    assert "no_face.png" not in names
    assert {"blur.jpg", "left_face.jpeg", "right_face.png", "rot_0.jpg", "rot_90.jpg", "rot_270.jpg"} <= set(names)
    quality = {Path(sighting.source).name: sighting.quality for sighting in result.sightings}
    assert quality["rot_0.jpg"].frontality > max(
        quality[name].frontality for name in ("left_face.jpeg", "right_face.png")
    )
    assert quality["blur.jpg"].sharpness < min(quality[name].sharpness for name in ("rot_0.jpg", "rise_face.jpeg"))
