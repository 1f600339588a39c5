"""A threshold measured on labelled photos: the statistics, what is refused, the files, and later commands."""

from __future__ import annotations

import json
import shutil
from itertools import combinations
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from scipy.stats import binom, norm

from perceptkit import face, images
from perceptkit.arrays import Floats, Integers
from perceptkit.errors import InputError
from perceptkit.face.calibrating.labelled import LabelledFace, LabelledPhoto, find_labelled, thin_out
from perceptkit.face.calibrating.pairs import BINS, PairCounts, Tail, count_pairs, genuine_below, impostor_tail
from perceptkit.face.calibrating.pictures import roc_picture, scores_picture
from perceptkit.face.calibrating.rates import (
    OperatingPoint,
    area,
    equal_error_rate,
    lowest_rate,
    mark_fnmr,
    people_needed,
    percent,
    power,
    rate_interval,
    threshold_points,
)
from shared_data import model_file, people_photos
from tiny_networks import blank, paint, write_embedder, write_photo, write_scrfd


def clustered(people: int, photos: int, *, seed: int, dimension: int = 24) -> tuple[Floats, Integers]:
    """Unit vectors of people who are not all equally unlike, each with several photos; and whose they are."""
    random = np.random.default_rng(seed)
    of_all = 0.25 * np.random.default_rng(99).normal(size=dimension)
    own = random.normal(size=(people, 1, dimension)) + of_all
    vectors = (own + 0.7 * random.normal(size=(people, photos, dimension))).reshape(-1, dimension)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors.astype(np.float32), np.repeat(np.arange(people), photos)


def all_pairs(vectors: Floats, people: Integers) -> tuple[Floats, Floats]:
    """The similarity of every genuine and every impostor pair, by hand."""
    first, second = np.triu_indices(len(vectors), 1)
    similarity = (vectors.astype(np.float64) @ vectors.T)[first, second]
    same = people[first] == people[second]
    return similarity[same], similarity[~same]


def measure(vectors: Floats, people: Integers, *rates: float, seed: int = 0) -> list[OperatingPoint]:
    counts, _ = count_pairs(vectors, people)
    tail = impostor_tail(vectors, people, counts.impostor, 10**9)
    return threshold_points(tail, people, int(counts.impostor.sum()), rates, seed=seed)


# ---- Pairs


def test_pairs_in_blocks_are_all_pairs_by_hand() -> None:
    vectors, people = clustered(420, 5, seed=1, dimension=8)  # 2100: more than one block in both directions
    shuffled = np.random.default_rng(2).permutation(len(people))
    vectors, people = vectors[shuffled], people[shuffled]
    genuine, impostor = all_pairs(vectors, people)
    counts, closest = count_pairs(vectors, people)
    assert (counts.genuine.sum(), counts.impostor.sum()) == (len(genuine), len(impostor))
    for kind, values in ((counts.genuine, genuine), (counts.impostor, impostor)):
        for edge in (-0.5, 0.1, 0.5, 0.7):  # rounding moves a pair over an edge now and then
            above = int(kind[round((edge + 1) * BINS / 2) :].sum())
            assert above == pytest.approx(int((values >= edge).sum()), abs=3)

    tail = impostor_tail(vectors, people, counts.impostor, 5000)
    assert 5000 <= len(tail.similarity) < 7000
    np.testing.assert_allclose(tail.similarity, np.sort(impostor)[::-1][: len(tail.similarity)], atol=1e-6)
    np.testing.assert_allclose(
        (vectors[tail.first] * vectors[tail.second]).sum(axis=1), tail.similarity, atol=1e-6
    )  # fmt: skip
    assert (people[tail.first] != people[tail.second]).all()

    similarity = vectors @ vectors.T
    np.fill_diagonal(similarity, -2)
    same = people[:, None] == people
    np.testing.assert_allclose(closest.own, np.where(same, similarity, -2).max(axis=1), atol=1e-6)
    np.testing.assert_allclose(closest.other, np.where(same, -2, similarity).max(axis=1), atol=1e-6)
    assert (people[closest.other_face] != people).all()
    np.testing.assert_allclose(similarity[np.arange(len(people)), closest.other_face], closest.other, atol=1e-6)


def test_genuine_pairs_below_a_threshold_are_counted_for_each_person() -> None:
    vectors, people = clustered(3, 40, seed=3)
    limits = np.array([0.3, 0.7, 2.0])
    below, pairs = genuine_below(vectors, people, limits)
    assert pairs.tolist() == [780, 780, 780]
    for person in range(3):
        genuine, _ = all_pairs(vectors[people == person], people[people == person])
        assert below[person].tolist() == [int((genuine < limit).sum()) for limit in limits]


# ---- Statistics


def test_the_threshold_is_the_lowest_that_keeps_to_the_rate() -> None:
    vectors, people = clustered(90, 2, seed=4)
    _, impostor = all_pairs(vectors, people)
    for point in measure(vectors, people, 1e-2, 1e-3):
        assert point.threshold is not None
        assert (impostor >= point.threshold).mean() == point.fmr
        assert (impostor >= point.threshold).mean() <= point.rate
        assert (impostor >= point.threshold - 2e-6).mean() > point.rate


def test_known_scores_give_the_known_threshold_within_the_interval() -> None:
    people = np.arange(400)
    first, second = np.triu_indices(len(people), 1)
    scores = -np.sort(-np.random.default_rng(5).normal(0.05, 0.1, len(first))).astype(np.float32)
    order = np.random.default_rng(6).permutation(len(first))
    tail = Tail(scores, first[order], second[order])
    for point in threshold_points(tail, people, len(scores), (1e-2, 1e-3)):
        truth = norm.isf(point.rate, 0.05, 0.1)
        assert point.threshold is not None
        assert point.threshold_interval is not None
        low, high = point.threshold_interval
        assert low < truth < high
        # Wider than order statistics of independent scores have it (4), because who is drawn is chance too.
        error = np.sqrt(point.rate / len(scores)) / norm.pdf(truth, 0.05, 0.1)
        assert 4 * error < high - low < 12 * error


def test_intervals_hold_the_truth_though_pairs_share_people() -> None:
    many, alone = clustered(800, 1, seed=7)
    counts, _ = count_pairs(many, alone)
    tail = impostor_tail(many, alone, counts.impostor, 100_000)
    truth = float(tail.similarity[int(counts.impostor.sum() // 100)])
    held = held_as_if_independent = 0
    runs = 10
    for seed in range(runs):
        vectors, people = clustered(28, 4, seed=1000 + seed)
        (point,) = measure(vectors, people, 1e-2)
        assert point.threshold_interval is not None
        held += point.threshold_interval[0] <= truth <= point.threshold_interval[1]
        impostor = np.sort(all_pairs(vectors, people)[1])[::-1]
        low, high = (int(binom.ppf(share, len(impostor), 1e-2)) for share in (0.025, 0.975))
        held_as_if_independent += impostor[high] <= truth <= impostor[low - 1]
    assert held >= 0.9 * runs
    assert held_as_if_independent <= 0.8 * runs  # which is why people are drawn and not pairs


def test_the_interval_of_a_threshold_reaches_as_far_up_as_down() -> None:
    # The few people of a sample seldom are the most alike of all: what was not seen lies above.
    (point,) = measure(*clustered(28, 5, seed=11), 1e-2)
    assert point.threshold is not None
    assert point.threshold_interval is not None
    low, high = point.threshold_interval
    assert high - point.threshold == pytest.approx(point.threshold - low)


def test_with_the_same_seed_the_intervals_are_the_same() -> None:
    vectors, people = clustered(28, 2, seed=12)
    first, again, other = (measure(vectors, people, 1e-2, seed=seed) for seed in (0, 0, 1))
    assert first == again
    assert first != other


def test_too_few_people_are_said() -> None:
    needed = {0.1: 15, 0.03: 17, 1e-2: 28, 1e-3: 87, 1e-4: 273, 1e-5: 860}
    assert {rate: people_needed(rate) for rate in needed} == needed
    assert lowest_rate(87) < 1e-3 < lowest_rate(86)
    assert lowest_rate(14) == 1
    for people, photos, reason in ((27, 4, "too few people to say: 27, 28 are needed"), (28, 1, "")):
        enough, never = measure(*clustered(people, photos, seed=8), 1e-2, 1e-5)
        assert enough.reason == reason
        assert (enough.threshold is None) == (enough.threshold_interval is None) == bool(reason)
        assert never.threshold is None
        assert never.reason == f"too few people to say: {people}, 860 are needed"


def test_copies_under_many_names_are_no_threshold() -> None:
    vectors, people = clustered(40, 1, seed=9)
    vectors[:] = np.eye(24, dtype=np.float32)[0]
    (point,) = measure(vectors, people, 1e-2)
    assert point.threshold is None
    assert "look at the labels" in point.reason


def test_the_fnmr_has_an_interval_where_enough_people_have_two_photos() -> None:
    point = OperatingPoint(1e-2, threshold=0.5)
    pairs, below = np.full(20, 10), np.array([10] + 19 * [0])
    marked = mark_fnmr(point, below, pairs)
    assert marked.fnmr == 0.05
    assert marked.fnmr_interval is not None
    # One person has all the misses: pairs alone would say 2 % to 9 %, but the next 20 people may have none or four.
    assert marked.fnmr_interval[0] == 0
    assert marked.fnmr_interval[1] == pytest.approx(0.2)
    pairs[9:] = 0
    few = mark_fnmr(point, below, pairs)
    assert few.fnmr == pytest.approx(1 / 9)
    assert few.fnmr_interval is None
    assert mark_fnmr(point, 0 * below, 0 * pairs).fnmr is None


def test_rates_and_areas_of_small_counts_are_those_by_hand() -> None:
    assert rate_interval(0, 100) == pytest.approx((0, 0.036217), abs=1e-6)  # 1 - 0.025 ** (1 / 100)
    assert rate_interval(5, 50) == pytest.approx((0.033275, 0.218135), abs=1e-6)  # Clopper and Pearson's tables
    assert rate_interval(50, 50)[1] == 1
    genuine, impostor = np.zeros(BINS, np.int64), np.zeros(BINS, np.int64)
    impostor[[8000, 9000, 12_000, 15_000]] = 1
    genuine[[11_000, 15_000, 16_000, 17_000]] = 1
    counts = PairCounts(genuine, impostor)
    assert equal_error_rate(counts) == 0.25
    assert area(counts) == pytest.approx((2 + 3.5 + 4 + 4) / 16)
    apart = PairCounts(genuine, np.roll(impostor, -5000))
    assert (equal_error_rate(apart), area(apart)) == (0, 1)


def test_rates_read_as_they_are_written() -> None:
    assert [power(rate) for rate in (1e-2, 1e-5, 2.5e-4, 0.1)] == ["1e-2", "1e-5", "2.5e-4", "1e-1"]
    assert [percent(rate) for rate in (0, 0.123, 0.00049)] == ["0 %", "12.3 %", "0.049 %"]


# ---- Labels


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def labels(folder: Path) -> list[str]:
    return [photo.label for photo in find_labelled(folder, folder / "out").photos]


def test_labels_are_folders_or_else_names_without_their_number(tmp_path: Path) -> None:
    by_folder = touch(tmp_path / "a", "ann/1.jpg", "ann/2.png", "Bob B/x.jpg", "stray_1.jpg", "ann/notes.txt")
    assert labels(by_folder) == ["Bob B", "ann", "ann"]
    found = find_labelled(by_folder, tmp_path)
    assert [(path.name, reason) for path, reason in found.skipped] == [
        ("stray_1.jpg", "it lies beside the folders of people")
    ]
    by_name = touch(
        tmp_path / "b", "person01_01.jpg", "person01-02.jpg", "Ann 3.jpg", "Ann.jpg", "ann7.jpg", "0001.jpg"
    )
    assert labels(by_name) == ["Ann", "Ann", "ann", "person01", "person01"]
    assert [path.name for path, _ in find_labelled(by_name, tmp_path).skipped] == ["0001.jpg"]


def test_numbers_in_brackets_are_numbers(tmp_path: Path) -> None:
    folder = touch(tmp_path, "anna (1).jpg", "anna (2).jpg", "bob(1).jpg", "bob(12).jpg", "eve (old).jpg")
    assert labels(folder) == ["anna", "anna", "bob", "bob", "eve (old)"]
    assert find_labelled(folder, tmp_path / "out").doubt == ""


def test_names_with_one_photo_each_are_doubted(tmp_path: Path) -> None:
    names = "anna beach.jpg", "anna party.jpg", "bob.jpg", "eve_1.jpg", "eve_2.jpg"
    doubt = find_labelled(touch(tmp_path / "flat", *names), tmp_path / "out").doubt
    assert doubt.startswith(
        "3 of 4 names of files have one photo each, so photos of one person may count as of two; name"
    )
    folders = touch(tmp_path / "folders", *(f"{name[:-4]}/1.jpg" for name in names))
    assert find_labelled(folders, tmp_path / "out").doubt == ""


def test_of_very_many_faces_some_are_taken_by_chance() -> None:
    faces = [LabelledFace(LabelledPhoto(Path(f"{n}.jpg"), str(n)), np.zeros(2, np.float32), 1.0, 1) for n in range(50)]
    assert thin_out(faces, 50, 0) is faces
    taken = [int(each.photo.label) for each in thin_out(faces, 20, 0)]
    assert len(set(taken)) == 20
    assert taken == sorted(taken)
    assert taken == [int(each.photo.label) for each in thin_out(faces, 20, 0)]
    assert taken != [int(each.photo.label) for each in thin_out(faces, 20, 1)]


def test_folders_within_folders_are_remarked_on(tmp_path: Path) -> None:
    found = find_labelled(touch(tmp_path / "a", "ann/june/1.jpg", "ann/2.jpg", "bob/1.jpg"), tmp_path)
    assert [photo.label for photo in found.photos] == ["ann", "ann", "bob"]
    assert found.remarks == ("there are folders within folders: the outermost one was taken for the person",)


def test_results_of_a_calibration_are_no_person(tmp_path: Path) -> None:
    folder = touch(tmp_path, "ann/1.jpg", "bob/1.jpg", "out/roc.png", "older/roc.png", "older/calibration.json")
    assert labels(folder) == ["ann", "bob"]


def test_fewer_than_two_people_are_refused(tmp_path: Path) -> None:
    touch(tmp_path, "empty/notes.txt", "one/IMG_1.jpg", "one/IMG_2.jpg", "file.jpg")
    with pytest.raises(InputError, match=r"file\.jpg is not a folder; give one with a subfolder of photos for each"):
        face.calibrate(tmp_path / "file.jpg", tmp_path / "out")
    with pytest.raises(InputError, match=r"the 0 photos in .*empty: photos of two people or more are needed"):
        face.calibrate(tmp_path / "empty", tmp_path / "out")
    with pytest.raises(InputError, match=r"the 2 photos in .*one are all of 'IMG'"):
        face.calibrate(tmp_path / "one", tmp_path / "out")


# ---- The whole


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Tiny models by their paths, as options of every function."""
    folder = tmp_path_factory.mktemp("networks")
    detector, embedder = write_scrfd(folder / "detector.onnx"), write_embedder(folder / "embedder.onnx")
    return {"detector": detector, "embedder": embedder, "device": "cpu"}


@pytest.fixture
def models(networks: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The tiny models, and a folder of calibrations that is not the user's."""
    monkeypatch.setenv("PERCEPTKIT_CALIBRATIONS", str(tmp_path / "kept"))
    return networks


def write_mixed(path: Path, first: int, second: int, noise: int) -> None:
    """A photo of one of 56 people: a painted person with a little of another."""
    one, other = (paint(blank(), 96, 64, person=person, noise=noise) for person in (first, second))
    path.parent.mkdir(parents=True, exist_ok=True)
    mixed = cv2.addWeighted(one, 0.65, other, 0.35, 0)
    assert cv2.imwrite(str(path), cv2.cvtColor(mixed, cv2.COLOR_RGB2BGR))


# Each is a mixture of two; the first four have nothing in common.
PEOPLE = sorted(combinations(range(8), 2), key=lambda two: two[0] % 2 or two[1] - two[0] > 1)


@pytest.fixture(scope="module")
def painted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos of 28 people, two of each of the first 15 of them: 15 genuine and 888 impostor pairs."""
    folder = tmp_path_factory.mktemp("painted")
    for number, people in enumerate(PEOPLE):
        for photo in range(2 if number < 15 else 1):
            write_mixed(folder / f"person {number:02}" / f"{photo}.png", *people, 1 + 2 * number + photo)
    return folder


@pytest.fixture
def labelled(painted: Path, tmp_path: Path) -> Path:
    """The same photos, in a folder that a test may change."""
    return Path(shutil.copytree(painted, tmp_path / "labelled"))


@pytest.fixture
def few(painted: Path, tmp_path: Path) -> Path:
    """Two photos each of four of these people."""
    for number in range(4):
        shutil.copytree(painted / f"person {number:02}", tmp_path / "few" / f"person {number:02}")
    return tmp_path / "few"


def test_a_calibration_is_written_and_later_calls_use_it(
    tmp_path: Path, labelled: Path, models: dict[str, Any]
) -> None:
    seen: list[tuple[int, int | None]] = []
    result = face.calibrate(labelled, tmp_path / "out", **models, progress=lambda *done: seen.append(done))
    assert seen[-1] == (43, 43)
    assert (result.photos, result.faces, result.people) == (43, 43, 28)
    assert (result.genuine_pairs, result.impostor_pairs) == (15, 888)
    assert [point.rate for point in result.points if point.threshold is not None] == [1e-2]
    assert result.chosen is result.points[0]
    assert result.chosen.false_matches == 8
    assert not result.errors
    assert not result.skipped
    threshold = result.chosen.threshold
    assert threshold is not None

    written = json.loads((tmp_path / "out" / "calibration.json").read_text())
    assert written["chosen"]["threshold"] == threshold
    assert [point["reason"] for point in written["points"]] == ["", *(point.reason for point in result.points[1:])]
    assert sum(written["histograms"]["impostor"]) == written["impostor_pairs"] == 888
    assert (written["embedder"]["name"], len(written["embedder"]["sha256"])) == ("embedder.onnx", 64)
    assert written["embedder"]["threshold"] == 0.4
    assert written["created"].endswith("+00:00")
    assert result.kept is not None
    assert result.kept.parent == tmp_path / "kept"
    assert str(labelled) not in result.kept.read_text().replace(json.dumps(str(labelled)), "")  # no names of photos
    for name, height in (("roc.png", 740), ("scores.png", 980)):
        assert images.read(tmp_path / "out" / name).shape == (height, 1200, 3)

    one, other = labelled / "person 00" / "0.png", labelled / "person 00" / "1.png"
    for said in ("calibrated", f"calibrated:{tmp_path / 'out'}", str(threshold)):
        assert face.compare(one, other, threshold=said, **models).threshold == threshold
    extraction = face.extract(one.parent, tmp_path / "people", threshold="calibrated", **models)
    assert extraction.settings["threshold"] == threshold
    assert json.loads((tmp_path / "people" / "run.json").read_text())["settings"]["threshold"] == threshold
    assert face.dedupe(tmp_path / "people", threshold="calibrated") == face.dedupe(
        tmp_path / "people", threshold=threshold
    )
    found = face.search(tmp_path / "people", one, threshold="calibrated", top=30, **models)
    assert [match.same for match in found[0].matches] == [m.similarity >= threshold for m in found[0].matches]
    lines = str(result).splitlines()
    assert lines[0] == "embedder.onnx: 43 faces of 28 people, 15 genuine pairs, 888 impostor pairs"
    assert lines[1].split() == ["FMR", "threshold", "95", "%", "interval", "FNMR", "95", "%", "interval"]
    assert lines[2].split()[:2] == ["1e-2", f"{threshold:.4f}"]
    assert lines[3] == "1e-3    too few people to say: 28, 87 are needed"
    assert lines[-1] == f"chosen: {threshold:.4f}, for an FMR of 1e-2"


def test_a_rate_that_is_asked_for_is_chosen_or_refused(tmp_path: Path, labelled: Path, models: dict[str, Any]) -> None:
    result = face.calibrate(labelled, tmp_path / "out", rate=0.05, **models)
    assert [power(point.rate) for point in result.points] == ["5e-2", "1e-2", "1e-3", "1e-4", "1e-5"]
    assert result.chosen is result.points[0]
    assert result.chosen.false_matches == 44
    with pytest.raises(
        InputError, match=r"cannot say .* rate of 1e-3, too few people to say: 28, 87 are needed; it can say 1e-2"
    ):
        face.calibrate(labelled, tmp_path / "out", rate=1e-3, **models)
    for rate in (0, -1, 5e-324, 1e-300, 9e-10, 0.2, float("nan")):
        with pytest.raises(InputError, match=f"the rate is {rate}; give a false match rate from 1e-9 to 0.1, such as"):
            face.calibrate(labelled, tmp_path / "out", rate=rate, **models)
    with pytest.raises(InputError, match=r"rate of 1e-9, too few people to say: 28, 85,895 are needed"):
        face.calibrate(labelled, tmp_path / "out", rate=1e-9, **models)


def test_one_bad_photo_does_not_stop_the_others(tmp_path: Path, few: Path, models: dict[str, Any]) -> None:
    (few / "person 00" / "text.jpg").write_text("not a photo")
    write_photo(few / "person 01" / "nobody.png")
    result = face.calibrate(few, tmp_path / "out", **models)
    assert (result.photos, result.faces) == (10, 8)
    assert [(Path(error.source).name, error.error) for error in result.errors] == [
        ("text.jpg", "MediaError"),
        ("nobody.png", "InputError"),
    ]
    assert "no face was found" in result.errors[1].message


def test_photos_that_all_fail_are_an_error(tmp_path: Path, models: dict[str, Any]) -> None:
    folder = touch(tmp_path / "labelled", "ann/1.jpg", "bob/1.jpg")
    with pytest.raises(
        InputError, match=r"of the 2 photos .* 0 have a face that can be used, .* the first error: .*jpg"
    ):
        face.calibrate(folder, tmp_path / "out", **models)
    broken = write_embedder(tmp_path / "nan.onnx", nan=True)
    for name in ("ann/1.jpg", "bob/1.jpg"):
        write_photo(folder / name, (96, 64, 1))
    with pytest.raises(InputError, match=r"of the 2 photos .* gave no finite embedding"):
        face.calibrate(folder, tmp_path / "out", **(models | {"embedder": broken}))


def test_faces_of_low_quality_are_left_out_when_asked(tmp_path: Path, few: Path, models: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"of the 8 photos .* 0 have a face that can be used"):
        face.calibrate(few, tmp_path / "out", min_quality=1, **models)
    with pytest.raises(InputError, match=r"min_quality is 1\.5"):
        face.calibrate(few, tmp_path / "out", min_quality=1.5, **models)


def test_labels_that_may_be_wrong_are_named_and_kept(tmp_path: Path, few: Path, models: dict[str, Any]) -> None:
    wrong = shutil.copy(few / "person 03" / "0.png", few / "person 01" / "wrong.png")
    (few / "person 01" / "1.png").unlink()
    result = face.calibrate(few, tmp_path / "out", **models)
    assert result.faces == 8
    why, how, *_ = (note for source, note in result.notes if source == str(wrong))
    assert "the label may be wrong: matches no other photo of 'person 01'" in why
    assert "nearest is 0.png of 'person 03' (1.00)" in why
    assert how.startswith("a label may be wrong: 'person 01' here, but as alike as a copy (1.00) is ")
    assert how.endswith("0.png of 'person 03'")


def test_nothing_is_chosen_where_nothing_can_be_said(tmp_path: Path, few: Path, models: dict[str, Any]) -> None:
    result = face.calibrate(few, tmp_path / "out", **models)
    assert (result.genuine_pairs, result.impostor_pairs, result.chosen, result.kept) == (4, 24, None, None)
    assert result.notes[-1][1] == (
        "no threshold was chosen (too few people to say: 4, 28 are needed); the embedder's own stays, 0.400"
    )
    assert str(result).splitlines()[-1] == "chosen: none"
    assert not (tmp_path / "kept").exists()
    one = few / "person 00" / "0.png"
    with pytest.raises(InputError, match=r"there is no calibration of embedder\.onnx"):
        face.compare(one, one, threshold="calibrated", **models)
    with pytest.raises(InputError, match="has no threshold: there were too few people"):
        face.compare(one, one, threshold=f"calibrated:{tmp_path / 'out'}", **models)


def test_people_with_one_photo_each_have_thresholds_and_no_fnmr_unless_names_of_files_are_all_there_is(
    tmp_path: Path, painted: Path, models: dict[str, Any]
) -> None:
    for number in range(28):
        photo, name = painted / f"person {number:02}" / "0.png", f"{chr(97 + number)} x"
        (tmp_path / "folders" / name).mkdir(parents=True)
        (tmp_path / "flat").mkdir(exist_ok=True)
        shutil.copy(photo, tmp_path / "folders" / name)
        shutil.copy(photo, tmp_path / "flat" / f"{name}.png")
    result = face.calibrate(tmp_path / "folders", tmp_path / "out", **models)
    assert (result.people, result.genuine_pairs, result.impostor_pairs) == (28, 0, 378)
    assert result.chosen is not None
    assert (result.chosen.fnmr, result.equal_error_rate, result.area) == (None, None, None)
    assert any("nothing is said of the FNMR" in note for _, note in result.notes)

    doubted = face.calibrate(tmp_path / "flat", tmp_path / "out", **models)
    assert doubted.points == result.points
    assert (doubted.chosen, doubted.kept) == (None, None)
    assert doubted.notes[-1][1].startswith("no threshold was chosen (28 of 28 names of files have one photo each, so")
    assert doubted.notes[-1][1].endswith("what was calibrated before stays")


def test_a_folder_with_something_else_in_it_is_refused(tmp_path: Path, few: Path, models: dict[str, Any]) -> None:
    touch(tmp_path / "other", "thesis.txt")
    with pytest.raises(InputError, match="is not empty and holds no earlier calibration"):
        face.calibrate(few, tmp_path / "other", **models)
    with pytest.raises(InputError, match="cannot write"):
        face.calibrate(few, tmp_path / "other" / "thesis.txt", **models)


def test_where_it_cannot_be_kept_it_is_refused_before_the_work(
    tmp_path: Path, few: Path, models: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERCEPTKIT_CALIBRATIONS", str(models["embedder"]))
    with pytest.raises(InputError, match=r"cannot be kept in .*set PERCEPTKIT_CALIBRATIONS to a folder"):
        face.calibrate(few, tmp_path / "out", **models)
    assert not (tmp_path / "out").exists()


def test_pictures_are_drawn_of_any_counts() -> None:
    genuine, impostor = np.zeros(BINS, np.int64), np.zeros(BINS, np.int64)
    impostor[[0, BINS - 1]] = 1
    genuine[BINS - 1] = 10**9
    never = [OperatingPoint(rate, reason="too few") for rate in (1e-2, 1e-5)]
    for counts in (PairCounts(0 * genuine, impostor), PairCounts(impostor, genuine)):
        assert roc_picture(counts, never, None, people=2, title="x" * 500).shape == (740, 1200, 3)
        assert scores_picture(counts, never, None, usual=0.4, title="x").shape == (980, 1200, 3)


def test_the_picture_shows_the_embedders_own_threshold_where_none_was_chosen() -> None:
    genuine, impostor = np.zeros(BINS, np.int64), np.zeros(BINS, np.int64)
    impostor[9000:11_000], genuine[15_000:17_000] = 1, 1
    point = OperatingPoint(1e-2, threshold=0.2)

    def lines(chosen: OperatingPoint | None) -> list[int]:
        """Where something dark goes down the whole of the lower plot."""
        picture = scores_picture(PairCounts(genuine, impostor), [point], chosen, usual=0.35, title="x")
        return np.flatnonzero((picture[595:865] < 170).all(axis=(0, 2))).tolist()

    assert len(lines(point)) < len(lines(None))


@pytest.mark.weights
def test_six_people_are_too_few_to_say_and_that_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERCEPTKIT_CALIBRATIONS", str(tmp_path / "kept"))
    result = face.calibrate(
        people_photos()[0].parent,
        tmp_path / "out",
        detector=model_file("yunet.onnx"),
        embedder=model_file("mobilefacenet.onnx"),
        device="cpu",
    )
    assert (result.photos, result.faces, result.people) == (28, 28, 6)
    assert (result.genuine_pairs, result.impostor_pairs) == (63, 315)
    assert [point.threshold for point in result.points] == [None] * 4
    assert result.points[0].reason == "too few people to say: 6, 28 are needed"
    assert result.chosen is None
    assert (result.equal_error_rate, result.area) == (0, 1)
    assert len(result.notes) == 1  # nobody is under suspicion
