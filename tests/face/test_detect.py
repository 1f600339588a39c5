"""Detectors say where the faces are, in pixels of the image, alone and in batches, whatever its size and shape."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from onnx import TensorProto, helper, save_model
from PIL import Image

from perceptkit import face, images
from perceptkit.arrays import Floats, Picture
from perceptkit.errors import InputError, ModelError
from perceptkit.face import DETECTORS, EMBEDDERS, Detector, Face, _retinaface, _scrfd, _yolov8, _yunet
from perceptkit.face._candidates import Candidates
from perceptkit.face.detect import SCRFD
from perceptkit.models import PRESETS, Model
from shared_data import faces_file, model_file, people_photos
from tiny_networks import blank, face_box, face_landmarks, paint, write_embedder, write_scrfd, write_yunet

BOX = [100.0, 60.0, 164.0, 132.0]
POINTS = np.array([[120, 80], [145, 82], [133, 100], [122, 115], [144, 116]], np.float32)
REAL = ("scrfd-500m.onnx", "scrfd-2.5g.onnx", "yunet.onnx", "retinaface-mnet025-biubug6.onnx")


def nothing(shape: tuple[int, ...], low: float = 0.0) -> Floats:
    return np.full(shape, low, np.float32)


def only(candidates: Candidates) -> tuple[list[float], Floats, float]:
    """Box, landmarks and score of the one candidate there is."""
    (box,), (landmarks,), (score,) = candidates.boxes, candidates.landmarks, candidates.scores
    return box.tolist(), landmarks, float(score)


def overlap(one: Floats, other: Floats) -> float:
    sides = np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2])
    shared = float(np.prod(np.maximum(sides, 0)))
    return shared / float(np.prod(one[2:] - one[:2]) + np.prod(other[2:] - other[:2]) - shared)


# ---- The decoders: one face is put by hand into the outputs of a batch of three, and comes out where it was put.


@pytest.mark.parametrize("stacked", [False, True], ids=["between cells and anchors", "as the first axis"])
def test_scrfd_is_decoded(stacked: bool) -> None:
    height, width, stride, level = 192, 256, 16, 1
    scores, boxes, landmarks = (
        [nothing(((height // s) * (width // s), 3, 2, size)) for s in (8, 16, 32)] for size in (1, 4, 10)
    )
    row, column, image, anchor = 6, 8, 2, 1
    cell = row * (width // stride) + column
    corner = np.array([column, row]) * stride
    scores[level][cell, image, anchor] = 0.75
    boxes[level][cell, image, anchor] = np.abs(np.array(BOX) - np.tile(corner, 2)) / stride
    landmarks[level][cell, image, anchor] = ((POINTS - corner) / stride).ravel()
    outputs = [*scores, *boxes, *landmarks]
    if stacked:
        outputs = [output.swapaxes(0, 1).reshape(3, -1, output.shape[-1]) for output in outputs]
    else:
        outputs = [output.reshape(-1, output.shape[-1]) for output in outputs]
    dealt = _scrfd.split(outputs, 3, height, width)
    found = [_scrfd.candidates(each, height, width, 0.5) for each in dealt]
    assert [len(each.scores) for each in found] == [0, 0, 1]
    box, points, score = only(found[2])
    assert box == BOX
    np.testing.assert_array_equal(points, POINTS)
    assert score == 0.75


def test_yunet_is_decoded() -> None:
    height, width, stride, level = 192, 256, 8, 0
    cells = [(height // s) * (width // s) for s in (8, 16, 32)]
    classes, objects, boxes, landmarks = ([nothing((3, count, size)) for count in cells] for size in (1, 1, 4, 10))
    row, column, image = 9, 14, 1
    cell, corner = row * (width // stride) + column, np.array([column, row]) * stride
    classes[level][image, cell], objects[level][image, cell] = 0.9, 0.4
    centre, size = np.array([132, 96]), np.array([64, 72])
    boxes[level][image, cell] = [*((centre - corner) / stride), *np.log(size / stride)]
    landmarks[level][image, cell] = ((POINTS - corner) / stride).ravel()
    # As the file gives it: one long row of cells for the whole batch.
    outputs = [output.reshape(1, -1, output.shape[-1]) for output in (*classes, *objects, *boxes, *landmarks)]
    found = [_yunet.candidates(each, height, width, 0.5) for each in _yunet.split(outputs, 3, height, width)]
    assert [len(each.scores) for each in found] == [0, 1, 0]
    box, points, score = only(found[1])
    assert box == pytest.approx(BOX, abs=1e-3)
    np.testing.assert_allclose(points, POINTS, atol=1e-3)
    assert score == pytest.approx(0.6)  # the root of 0.9 x 0.4


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
def test_retinaface_is_decoded_in_any_order_of_its_outputs(order: tuple[int, int, int]) -> None:
    height, width = 160, 240
    # Two priors a cell at strides 8, 16 and 32; at 32 the map ends in half a cell.
    counts = [20 * 30 * 2, 10 * 15 * 2, 5 * 8 * 2]
    boxes, scores, landmarks = (nothing((3, sum(counts), size)) for size in (4, 2, 10))
    scores[:, :, 0] = 1
    row, column, image = 5, 8, 2
    prior = counts[0] + (row * 15 + column) * 2 + 1  # stride 16, the second side
    side, middle = 128, np.array([(column + 0.5) * 16, (row + 0.5) * 16])
    centre, size = np.array([132, 96]), np.array([64, 72])
    scores[image, prior] = 0.2, 0.8
    boxes[image, prior] = [*((centre - middle) / (0.1 * side)), *(np.log(size / side) / 0.2)]
    landmarks[image, prior] = ((POINTS - middle) / (0.1 * side)).ravel()
    outputs = [(boxes, scores, landmarks)[index] for index in order]
    found = [_retinaface.candidates(each, height, width, 0.5) for each in _retinaface.split(outputs, 3, height, width)]
    assert [len(each.scores) for each in found] == [0, 0, 1]
    box, points, score = only(found[2])
    assert box == pytest.approx(BOX, abs=1e-3)
    np.testing.assert_allclose(points, POINTS, atol=1e-3)
    assert score == pytest.approx(0.8)


def test_yolov8_is_decoded() -> None:
    height, width, stride, level = 192, 256, 16, 1
    maps = [nothing((3, 80, height // s, width // s)) for s in (8, 16, 32)]
    for each in maps:
        each[:, 64] = -20
    row, column, image = 6, 8, 1
    here = maps[level][image, :, row, column]
    corner = np.array([column, row]) * stride
    middle = corner + stride / 2
    reach = np.abs(np.array(BOX) - np.tile(middle, 2)) / stride
    logits = np.full((4, 16), -40.0)
    for side, distance in enumerate(reach):  # the expectation of two neighbouring whole numbers
        low = int(distance)
        logits[side, low], logits[side, low + 1] = (
            np.log(max(1 - distance + low, 1e-9)),
            np.log(max(distance - low, 1e-9)),
        )
    here[:64] = logits.ravel()
    here[64] = np.log(0.9 / 0.1)
    here[65:] = np.column_stack([(POINTS - corner) / (2 * stride), np.zeros(5)]).ravel()
    found = [_yolov8.candidates(each, height, width, 0.5) for each in _yolov8.split(maps, 3, height, width)]
    assert [len(each.scores) for each in found] == [0, 1, 0]
    box, points, score = only(found[1])
    assert box == pytest.approx(BOX, abs=1e-3)
    np.testing.assert_allclose(points, POINTS, atol=1e-3)
    assert score == pytest.approx(0.9)


def test_a_score_at_the_threshold_is_enough() -> None:
    scores, boxes, landmarks = ([nothing((size, 1)) for size in (64, 16, 4)] for _ in range(3))
    outputs = [np.repeat(each, 2, axis=1)[:, :, None] for each in (*scores, *boxes, *landmarks)]
    outputs[3:6] = [np.repeat(each, 4, axis=2) for each in outputs[3:6]]
    outputs[6:9] = [np.repeat(each, 10, axis=2) for each in outputs[6:9]]
    outputs[2][3, 0] = 0.5
    assert len(_scrfd.candidates(outputs, 64, 64, 0.5).scores) == 1
    assert len(_scrfd.candidates(outputs, 64, 64, 0.51).scores) == 0


# ---- Suppression


def boxes_of(*boxes: Sequence[float], scores: Sequence[float]) -> Candidates:
    count = len(boxes)
    return Candidates(
        np.array(scores, np.float32), np.array(boxes, np.float32).reshape(count, 4), nothing((count, 5, 2))
    )


def test_of_overlapping_boxes_the_best_is_kept() -> None:
    kept = boxes_of([0, 0, 10, 10], [1, 0, 11, 10], [30, 0, 40, 10], [31, 1, 41, 11], scores=[0.6, 0.9, 0.8, 0.7])
    left = kept.suppressed(0.4)
    assert left.scores.tolist() == pytest.approx([0.9, 0.8])
    assert left.boxes.tolist() == [[1, 0, 11, 10], [30, 0, 40, 10]]


def test_overlap_is_intersection_over_union_and_the_limit_itself_is_kept() -> None:
    # 10 x 10 and 10 x 10, moved by 5: 50 of 150.
    pair = boxes_of([0, 0, 10, 10], [5, 0, 15, 10], scores=[0.9, 0.8])
    assert len(pair.suppressed(1 / 3 + 1e-6).scores) == 2
    assert len(pair.suppressed(0.33).scores) == 1


def test_what_was_suppressed_suppresses_nothing() -> None:
    row = boxes_of([0, 0, 10, 10], [4, 0, 14, 10], [8, 0, 18, 10], scores=[0.9, 0.8, 0.7])
    assert row.suppressed(0.4).boxes[:, 0].tolist() == [0, 8]


def test_a_box_that_is_no_number_takes_no_other_with_it() -> None:
    broken = boxes_of([np.nan] * 4, [0, 0, 10, 10], scores=[0.9, 0.8])
    assert [0, 0, 10, 10] in broken.suppressed(0.4).boxes.tolist()


def test_nothing_is_left_of_nothing() -> None:
    assert boxes_of(scores=[]).suppressed(0.4).boxes.shape == (0, 4)


# ---- The detector around the decoders, with networks made for the purpose


Writer = Callable[[Path], Path]


@pytest.fixture(params=[write_scrfd, write_yunet], ids=["scrfd", "yunet"])
def tiny(request: pytest.FixtureRequest, tmp_path: Path) -> Detector:
    write: Writer = request.param
    return face.load_detector(write(tmp_path / "tiny.onnx"), device="cpu")


@pytest.fixture
def scrfd(tmp_path: Path) -> Detector:
    return face.load_detector(write_scrfd(tmp_path / "tiny.onnx"), device="cpu")


def assert_is(found: Face, x: int, y: int) -> None:
    np.testing.assert_allclose(found.box, face_box(x, y), atol=1e-3)
    np.testing.assert_allclose(found.landmarks, face_landmarks(x, y), atol=1e-3)


def test_painted_faces_are_found_where_they_are(tiny: Detector) -> None:
    image = paint(paint(blank(), 96, 64, person=1), 320, 256, person=2)
    (found,) = tiny([image])
    assert len(found) == 2
    for each, place in zip(sorted(found, key=lambda one: one.box[0]), [(96, 64), (320, 256)], strict=True):
        assert_is(each, *place)
        assert each.box.dtype == each.landmarks.dtype == np.float32
        assert each.score == pytest.approx(0.99, abs=0.01)
        assert each.track is None


def test_nothing_found_is_an_empty_list(tiny: Detector) -> None:
    assert tiny([blank(), blank(640, 640, grey=0)]) == [[], []]
    assert tiny([]) == []


def test_images_of_several_sizes_come_back_in_their_order(tiny: Detector) -> None:
    """Twenty images of three shapes, more than one run takes of each, every one with its face elsewhere."""
    shapes = [(640, 480), (480, 640), (640, 640)]
    places = [(32 * (index % 10), 32 * (index % 7)) for index in range(20)]
    pictures = [paint(blank(*shapes[index % 3]), x, y, person=index % 8) for index, (x, y) in enumerate(places)]
    pictures[5] = blank(640, 640)
    found = tiny(pictures)
    assert [len(each) for each in found] == [1] * 5 + [0] + [1] * 14
    for each, place in zip(found, places, strict=True):
        for one in each:
            assert_is(one, *place)


def test_files_that_declare_one_image_a_run_are_run_in_batches(scrfd: Detector) -> None:
    declared, *_ = scrfd.session.inputs[0][1]
    assert declared is None


@pytest.mark.parametrize("declared", [1, None], ids=["declares one image", "declares any number"])
@pytest.mark.parametrize("fault", ["mixes", "dies", "forgets"])
def test_files_whose_batches_would_be_wrong_are_run_one_by_one(
    tmp_path: Path, fault: str, declared: int | None
) -> None:
    path = write_scrfd(tmp_path / "tiny.onnx", batch=declared, **{fault: True})
    detect = face.load_detector(path, device="cpu")
    places = [(0, 0), (96, 64), (320, 256)]
    found = detect([paint(blank(), x, y, person=0) for x, y in places])
    assert [len(each) for each in found] == [1, 1, 1]
    for (each,), place in zip(found, places, strict=True):
        assert_is(each, *place)


def test_boxes_are_clipped_to_the_image_landmarks_are_not(scrfd: Detector) -> None:
    image = paint(blank(640, 640), 0, 544, person=1)[:608]
    image = np.concatenate([image[:, 32:], blank(32, 608)], axis=1)  # a third of the face is out at the left
    (found,) = scrfd([image])[0]
    np.testing.assert_allclose(found.box, [0, 544, 64, 608], atol=1e-3)
    np.testing.assert_allclose(found.landmarks, face_landmarks(-32, 544), atol=1e-3)


@pytest.mark.parametrize("size", [(3000, 703), (703, 3000), (6000, 1190), (320, 240), (1280, 960)])
def test_a_face_is_where_it_is_however_the_image_is_scaled(scrfd: Detector, size: tuple[int, int]) -> None:
    """The short side is rounded to whole pixels when the image is scaled: that must not move anything."""
    width, height = size
    scale = 640 / max(width, height)
    low, wide = int(height * scale), int(width * scale)
    x, y = (wide - 96) // 32 * 32, (low - 96) // 32 * 32  # at the far corner, where an error would be largest
    small = paint(blank(wide, low), x, y, person=3)
    image = np.asarray(cv2.resize(small, size, interpolation=cv2.INTER_NEAREST), np.uint8)
    (found,) = scrfd([image])[0]
    factor = np.array([width / wide, height / low])
    np.testing.assert_allclose(found.box, np.array(face_box(x, y)) * np.tile(factor, 2), atol=0.01)
    np.testing.assert_allclose(found.landmarks, face_landmarks(x, y) * factor, atol=0.01)


@pytest.mark.parametrize(
    ("size", "large", "small"),
    [
        ((640, 480), (544, 640), (128, 128)),
        ((480, 640), (640, 544), (128, 128)),
        ((1000, 1000), (640, 640), (128, 128)),
        ((4000, 1000), (224, 640), (96, 128)),
        ((1, 500), (640, 96), (128, 96)),
        ((7, 7), (640, 640), (128, 128)),
    ],
)
def test_the_canvas_is_as_large_as_the_image_needs(
    tmp_path: Path, size: tuple[int, int], large: tuple[int, int], small: tuple[int, int]
) -> None:
    seen: list[tuple[int, int]] = []

    def candidates(outputs: Sequence[Floats], height: int, width: int, min_score: float) -> Candidates:
        seen.append((height, width))
        return _scrfd.candidates(outputs, height, width, min_score)

    detect = Detector(
        write_scrfd(tmp_path / "tiny.onnx"), architecture=replace(SCRFD, candidates=candidates), device="cpu"
    )
    detect([blank(*size)])
    assert seen == [large, small]


def test_a_file_of_fixed_size_gets_its_own_size_once(tmp_path: Path) -> None:
    path = write_scrfd(tmp_path / "tiny.onnx", side=320, fixed=True)
    detect = face.load_detector(path, device="cpu")
    # An image of 640 pixels is shown at half its size: a face of 192 pixels is as large as the network wants it.
    large = np.asarray(cv2.resize(paint(blank(320, 240), 64, 32, person=0), (640, 480)), np.uint8)
    (found,) = detect([large])[0]
    np.testing.assert_allclose(found.box, 2 * np.array(face_box(64, 32)), atol=0.01)


def test_the_score_threshold_can_be_chosen(tmp_path: Path) -> None:
    path, image = write_scrfd(tmp_path / "tiny.onnx"), paint(blank(), 96, 64, person=1)
    # The middle half as red as it should be.
    image[88:136, 120:168] = (230, 55, 55)
    strict, lenient = (face.load_detector(path, device="cpu", min_score=score) for score in (0.5, 0.05))
    assert strict([image]) == [[]]
    assert len(lenient([image])[0]) == 1


@pytest.mark.parametrize("min_score", [0.0, 1.0, -1.0, 50.0, float("nan")])
def test_a_score_threshold_that_is_no_score_is_refused(tmp_path: Path, min_score: float) -> None:
    with pytest.raises(InputError, match=f"min_score is {min_score}; it must lie between 0 and 1"):
        face.load_detector(write_scrfd(tmp_path / "tiny.onnx"), device="cpu", min_score=min_score)


@pytest.mark.parametrize(
    "image",
    [np.zeros((5, 5), np.uint8), np.zeros((5, 5, 4), np.uint8), np.zeros((5, 5, 3)), np.zeros((0, 5, 3), np.uint8)],
    ids=["grey", "with alpha", "of floats", "empty"],
)
def test_what_is_no_rgb_image_is_refused(scrfd: Detector, image: Picture) -> None:
    with pytest.raises(InputError, match=r"an image must be RGB uint8 \(height, width, 3\), not"):
        scrfd([blank(), image])


def test_a_file_that_is_no_detector_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="not a face detector of a known kind"):
        face.load_detector(write_embedder(tmp_path / "embedder.onnx"), device="cpu")
    (tmp_path / "text.onnx").write_text("no network at all")
    with pytest.raises(ModelError, match=r"text\.onnx is a text file"):
        face.load_detector(tmp_path / "text.onnx", device="cpu")
    (tmp_path / "noise.onnx").write_bytes(bytes(range(256)))
    with pytest.raises(ModelError, match="is not a network that onnxruntime can open"):
        face.load_detector(tmp_path / "noise.onnx", device="cpu")


def test_a_file_with_a_single_number_as_its_output_is_refused(tmp_path: Path) -> None:
    node = helper.make_node("ReduceMean", ["input"], ["mean"], keepdims=0)
    given = helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, 64, 64])
    mean = helper.make_tensor_value_info("mean", TensorProto.FLOAT, [])
    model = helper.make_model(
        helper.make_graph([node], "scalar", [given], [mean]), opset_imports=[helper.make_opsetid("", 13)], ir_version=8
    )
    save_model(model, str(tmp_path / "scalar.onnx"))
    with pytest.raises(ModelError, match="not a face detector of a known kind"):
        face.load_detector(tmp_path / "scalar.onnx", device="cpu")


def test_it_says_what_it_is(scrfd: Detector) -> None:
    assert re.fullmatch(r"[0-9a-f]{64}", scrfd.sha256)
    assert (scrfd.name, scrfd.device) == ("tiny.onnx", "cpu")
    assert repr(scrfd) == "Detector('tiny.onnx', device='cpu')"


# ---- The tables


ROWS: list[Any] = [pytest.param(name, row, id=name) for table in (DETECTORS, EMBEDDERS) for name, row in table.items()]


@pytest.mark.parametrize(("name", "row"), ROWS)
def test_every_row_says_where_its_weights_are_and_on_what_terms(name: str, row: Model) -> None:
    (file,) = row.files
    assert file.name == f"{name}.onnx"
    assert re.fullmatch(r"[0-9a-f]{64}", file.sha256)
    assert file.bytes is None or file.bytes > 10_000
    assert file.urls
    for url in file.urls:
        assert re.fullmatch(r"https://\S+|zip:https://\S+\.zip#\S+", url)
    assert row.licence
    assert row.source.startswith("https://")
    assert row.commercial in (True, False, None)


def test_no_two_rows_share_a_name_or_a_file() -> None:
    assert not DETECTORS.keys() & EMBEDDERS.keys()
    rows = [*DETECTORS.values(), *EMBEDDERS.values()]
    assert len({row.files[0].sha256 for row in rows}) == len(rows)


def test_every_preset_names_a_detector_and_an_embedder_that_exist() -> None:
    for preset in PRESETS.values():
        assert preset["detector"] in DETECTORS
        assert preset["embedder"] in EMBEDDERS


def test_the_permissive_preset_allows_commercial_use() -> None:
    chosen = PRESETS["permissive"]
    assert DETECTORS[chosen["detector"]].commercial
    assert EMBEDDERS[chosen["embedder"]].commercial


# ---- Real weights


def real(name: str) -> Detector:
    return face.load_detector(model_file(name), device="cpu")


@pytest.mark.weights
@pytest.mark.parametrize("name", REAL)
def test_real_photos_give_the_same_answer_alone_and_together_to_the_bit(name: str) -> None:
    detect = real(name)
    photos = [images.read(path) for path in (*people_photos()[::4], faces_file("group6.jpg"), *edge_photos())]
    together = detect(photos)
    assert sum(map(len, together)) > len(photos)
    for photo, found in zip(photos, together, strict=True):
        (alone,) = detect([photo])
        assert [one.score for one in alone] == [one.score for one in found]
        for one, other in zip(alone, found, strict=True):
            np.testing.assert_array_equal(one.box, other.box)
            np.testing.assert_array_equal(one.landmarks, other.landmarks)


@pytest.mark.weights
@pytest.mark.parametrize("name", REAL)
def test_six_people_have_six_faces(name: str) -> None:
    (found,) = real(name)([images.read(faces_file("group6.jpg"))])
    assert len(found) == 6
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)
    for one in found:
        # The landmarks lie in the box: eyes above mouth, image-left before image-right.
        assert (one.landmarks > one.box[:2]).all()
        assert (one.landmarks < one.box[2:]).all()
        left_eye, right_eye, nose, left_mouth, right_mouth = one.landmarks
        assert left_eye[0] < nose[0] < right_eye[0]
        assert left_mouth[0] < right_mouth[0]
        assert max(left_eye[1], right_eye[1]) < nose[1] < min(left_mouth[1], right_mouth[1])


@pytest.mark.weights
@pytest.mark.parametrize("name", REAL[:3])
def test_where_there_is_no_face_none_is_found(name: str) -> None:
    assert real(name)([images.read(faces_file("edge/no_face.png"))]) == [[]]


@pytest.mark.weights
@pytest.mark.parametrize("side", [300, 1500])
@pytest.mark.parametrize("name", REAL[:3])
def test_a_face_that_fills_the_frame_is_found(name: str, side: int) -> None:
    detect = real(name)
    for photo in people_photos()[::5]:
        image = images.read(photo)
        largest = max(detect([image])[0], key=lambda one: float(np.prod(one.box[2:] - one.box[:2])))
        x1, y1, x2, y2 = largest.box
        half = max(x2 - x1, y2 - y1) / 0.95 / 2
        middle = (float(x1 + x2) / 2, float(y1 + y2) / 2)
        scale = side / (2 * half)
        shift = [side / 2 - scale * value for value in middle]
        close = cv2.warpAffine(
            image, np.array([[scale, 0, shift[0]], [0, scale, shift[1]]]), (side, side), borderMode=cv2.BORDER_REPLICATE
        )
        found = detect([np.asarray(close, np.uint8)])[0]
        expected = largest.box * scale + np.tile(np.array(shift, np.float32), 2)
        assert max((overlap(one.box, expected) for one in found), default=0) > 0.6, photo.name


@pytest.mark.weights
@pytest.mark.parametrize("name", REAL)
def test_a_photo_on_its_side_with_an_exif_orientation_gives_the_upright_boxes(tmp_path: Path, name: str) -> None:
    upright = Image.fromarray(images.read(faces_file("edge/rot_0.jpg")))
    flips = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,  # stored so that turning it clockwise by 90 degrees shows it upright
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    pictures = []
    for orientation, flip in flips.items():
        path = tmp_path / f"{orientation}.jpg"
        exif = Image.Exif()
        exif[0x0112] = orientation
        stored = upright if flip is None else upright.transpose(flip)
        stored.save(path, quality=97, subsampling=0, exif=exif)
        pictures.append(images.read(path))
    found = real(name)(pictures)
    assert [len(each) for each in found] == [1] * 8
    for each in found:
        np.testing.assert_allclose(each[0].box, found[0][0].box, atol=1)
        np.testing.assert_allclose(each[0].landmarks, found[0][0].landmarks, atol=1)


# ---- Against the reference implementation


def edge_photos() -> list[Path]:
    return sorted(path for path in faces_file("edge").iterdir())


def insightface_detector(name: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scrfd = pytest.importorskip("insightface.model_zoo.scrfd")
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(str(model_file(name)), options, providers=["CPUExecutionProvider"])
    detector = scrfd.SCRFD(model_file=str(model_file(name)), session=session, static_shape_sessions=False)
    detector.prepare(-1, input_size=[(128, 128), (640, 640)], det_thresh=0.5)
    return detector


@pytest.mark.weights
@pytest.mark.parametrize("name", [REAL[0], pytest.param(REAL[1], marks=pytest.mark.slow)])
def test_scrfd_agrees_with_insightface(name: str) -> None:
    theirs, ours = insightface_detector(name), real(name)
    faces = 0
    for path in (*people_photos(), *edge_photos(), faces_file("group6.jpg")):
        image = images.read(path)
        height, width = image.shape[:2]
        boxes, landmarks = theirs.detect(np.ascontiguousarray(image[:, :, ::-1]))
        (found,) = ours([image])
        assert len(found) == len(boxes), path.name
        faces += len(found)
        for one, box, points in zip(found, boxes, landmarks, strict=True):
            inside = np.clip(box[:4], 0, [width, height, width, height])
            np.testing.assert_allclose(one.box, inside, atol=1, err_msg=path.name)
            np.testing.assert_allclose(one.landmarks, points, atol=1, err_msg=path.name)
            assert one.score == pytest.approx(box[4], abs=0.01)
    assert faces > 40
