"""Networks of the MobileGaze kind: any file with its contract is read rightly, every other file is refused."""

from __future__ import annotations

import importlib.util
import logging
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from perceptkit import gaze
from perceptkit.arrays import Floats, Picture
from perceptkit.errors import DeviceError, InputError, ModelError
from perceptkit.gaze import GAZE_MODELS, load_gaze
from perceptkit.gaze._adas import Adas
from perceptkit.gaze._mobilegaze import MobileGaze, _fill
from perceptkit.gaze.types import Gaze
from perceptkit.models import PRESETS
from shared_data import gaze_folder, model_file
from tiny_networks import (
    FACE_SIDE,
    blank,
    look,
    paint,
    paint_marker,
    people,
    write_gaze,
    write_heads,
    write_odd_gaze,
    write_scrfd,
)

LOOKS = [(14, 40), (82, 60), (48, 12), (20, 84), (60, 82)]


def face(x: float, y: float, *, person: int = 1) -> Picture:
    """The crop of a face whose marker is at (x, y)."""
    return paint_marker(paint(blank(FACE_SIDE, FACE_SIDE), 0, 0, person=person), x, y)


def faces() -> list[Picture]:
    return [face(*place, person=person) for person, place in enumerate(LOOKS)]


def said(gazes: list[Gaze]) -> Floats:
    """What can be compared of gazes: (N, 7)."""
    return np.array([(one.yaw, one.pitch, one.sigma_yaw, one.sigma_pitch, *one.vector) for one in gazes], np.float32)


# ---- What is said


def test_a_face_looks_to_its_marker(tmp_path: Path) -> None:
    estimate = load_gaze(write_gaze(tmp_path / "gaze.onnx"), device="cpu")
    for one, place in zip(estimate(faces()), LOOKS, strict=True):
        yaw, pitch = look(*place)
        assert (one.yaw, one.pitch) == pytest.approx((yaw, pitch), abs=1e-3)
        assert (one.sigma_yaw, one.sigma_pitch) == pytest.approx((4, 4), abs=1e-3)
        assert one.vector == pytest.approx(gaze.direction(yaw, pitch), abs=1e-4)
        assert one.state == "ok"
    (up_left,) = estimate([face(14, 14)])
    assert up_left.yaw > 0
    assert up_left.pitch > 0
    assert (estimate.name, estimate.device, estimate.precision, len(estimate.sha256)) == ("gaze.onnx", "cpu", "f32", 64)
    assert repr(estimate) == "MobileGaze('gaze.onnx', device='cpu')"


def test_nothing_in_nothing_out(tmp_path: Path) -> None:
    assert load_gaze(write_gaze(tmp_path / "gaze.onnx"), device="cpu")([]) == []


def test_a_face_gets_the_same_answer_alone_and_among_many(tmp_path: Path) -> None:
    estimate = MobileGaze(write_gaze(tmp_path / "gaze.onnx"), device="cpu")
    many = faces() * 5  # more than one batch
    alone = said([one for crop in many for one in estimate([crop])])
    np.testing.assert_allclose(said(estimate(many)), alone, atol=1e-5)


@pytest.mark.parametrize(
    ("axes", "expected"),
    [("xy", (0, 1)), ("yx", (0, 1)), ("xx", (0, 0)), ("yy", (1, 1)), ("x-", (0, None)), ("-y", (None, 1))],
)
@pytest.mark.parametrize("names", [("yaw", "pitch"), ("pitch", "yaw"), ("output_0", "output_1")])
def test_places_count_and_names_do_not_unless_the_answers_say_so(
    tmp_path: Path, axes: str, expected: tuple[int | None, int | None], names: tuple[str, str]
) -> None:
    """An output that changes its sign when the picture is mirrored is yaw, where the other one stays as it is."""
    estimate = MobileGaze(write_gaze(tmp_path / "gaze.onnx", axes=axes, names=names), device="cpu")
    one = estimate([face(14, 60)])[0]
    known = look(14, 60)
    assert one.yaw == pytest.approx(0 if expected[0] is None else known[expected[0]], abs=1e-2)
    assert one.pitch == pytest.approx(0 if expected[1] is None else known[expected[1]], abs=1e-2)


def test_that_the_outputs_were_changed_over_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "perceptkit")
    load_gaze(write_gaze(tmp_path / "right.onnx"), device="cpu")
    assert not caplog.messages
    load_gaze(write_gaze(tmp_path / "wrong.onnx", axes="yx"), device="cpu")
    assert caplog.messages == [
        f"{tmp_path / 'wrong.onnx'}: its outputs are the other way round (pitch first); they are read so"
    ]


def test_the_outputs_of_a_registered_file_are_taken_by_their_places(tmp_path: Path) -> None:
    estimate = MobileGaze(write_gaze(tmp_path / "gaze.onnx", axes="yx"), device="cpu", known=True)
    assert estimate([face(14, 60)])[0].yaw == pytest.approx(look(14, 60)[1], abs=1e-3)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("kind", ["random", "texture"])
def test_a_network_that_has_learned_nothing_is_read_by_places(tmp_path: Path, kind: str, seed: int) -> None:
    path = write_odd_gaze(tmp_path / "gaze.onnx", kind, seed=seed)
    trusted = MobileGaze(path, device="cpu", known=True)
    np.testing.assert_array_equal(said(MobileGaze(path, device="cpu")(faces())), said(trusted(faces())))


@pytest.mark.parametrize(
    "kind",
    [
        {"batch": 1},
        {"batch": 1, "dies": True},
        {"dies": True},
        {"batch": 1, "mixes": True},
        {"mixes": True},
        {"forgets": True},
        {"batch": 4},
    ],
    ids=str,
)
def test_files_that_are_not_made_for_batches_answer_as_the_others_do(tmp_path: Path, kind: dict[str, Any]) -> None:
    expected = MobileGaze(write_gaze(tmp_path / "gaze.onnx"), device="cpu")(faces())
    estimate = MobileGaze(write_gaze(tmp_path / "other.onnx", **kind), device="cpu")
    np.testing.assert_allclose(said(estimate(faces())), said(expected), atol=1e-4)


def test_a_network_that_always_says_the_same_says_it_of_every_face(tmp_path: Path) -> None:
    for forgets in (False, True):
        path = write_gaze(tmp_path / "gaze.onnx", axes="--", batch=1, forgets=forgets)
        estimate = MobileGaze(path, device="cpu")
        assert [(one.yaw, one.pitch) for one in estimate(faces())] == [(0, 0)] * len(LOOKS)


@pytest.mark.parametrize("form", ["radians", "column"])
def test_radians_are_understood_and_have_no_sigma(tmp_path: Path, form: str) -> None:
    estimate = load_gaze(write_gaze(tmp_path / "gaze.onnx", form=form), device="cpu", max_sigma=0.1)
    for one, place in zip(estimate(faces()), LOOKS, strict=True):
        assert (one.yaw, one.pitch) == pytest.approx(look(*place), abs=1e-3)
        assert (one.sigma_yaw, one.sigma_pitch, one.state) == (None, None, "ok")
    swapped = load_gaze(write_gaze(tmp_path / "swapped.onnx", form=form, axes="yx", batch=1), device="cpu")
    assert swapped([face(14, 60)])[0].yaw == pytest.approx(look(14, 60)[0], abs=1e-3)


@pytest.mark.parametrize(
    ("spread", "max_sigma", "state"), [(1, 40, "ok"), (1, 3.9, "unknown"), (6, 40, "ok"), (6, 20, "unknown")]
)
def test_what_the_network_is_unsure_of_is_unknown(tmp_path: Path, spread: float, max_sigma: float, state: str) -> None:
    estimate = load_gaze(write_gaze(tmp_path / "gaze.onnx", spread=spread), device="cpu", max_sigma=max_sigma)
    (one,) = estimate([face(40, 40)])
    assert one.state == state
    assert one.sigma_yaw == pytest.approx(4 * spread, rel=1e-2)
    assert one.yaw == pytest.approx(look(40, 40)[0], abs=0.01)  # what it said is given all the same


# ---- What is looked at


def test_crops_are_prepared_as_in_the_reference() -> None:
    random = np.random.default_rng(0)
    for height, width in ((96, 96), (173, 131), (7, 300), (1, 1), (448, 448)):
        crop = random.integers(0, 256, (height, width, 3), np.uint8)
        for side in (64, 448):
            prepared = np.empty((3, side, side), np.float32)
            _fill(prepared, crop, np.empty((side, side, 3), np.uint8), np.empty((3, side, side), np.uint8))
            resized = cv2.resize(crop, (side, side), interpolation=cv2.INTER_LINEAR).astype(np.float64) / 255
            expected = (resized - (0.485, 0.456, 0.406)) / (0.229, 0.224, 0.225)
            np.testing.assert_allclose(prepared, expected.transpose(2, 0, 1), atol=1e-6)


@pytest.mark.parametrize("side", [64, 448, None])
def test_the_side_of_the_input_is_that_of_the_file(tmp_path: Path, side: int | None) -> None:
    path = write_heads(tmp_path / "gaze.onnx", 90, 90, shape=(None, 3, side, side))
    assert load_gaze(path, device="cpu")([face(48, 48)])[0].yaw == 178  # of even logits
    if side == 64:
        (one,) = load_gaze(write_gaze(path, side=side), device="cpu")([face(14, 40)])
        assert (one.yaw, one.pitch) == pytest.approx(look(14, 40), abs=0.05)


def test_crops_of_any_shape_are_squeezed_to_the_square(tmp_path: Path) -> None:
    estimate = load_gaze(write_gaze(tmp_path / "gaze.onnx"), device="cpu")
    for width, height in ((192, 96), (96, 192), (301, 77), (51, 333)):
        crop = cv2.resize(face(14, 40), (width, height), interpolation=cv2.INTER_LINEAR).astype(np.uint8)
        (one,) = estimate([crop])
        assert (one.yaw, one.pitch) == pytest.approx(look(14, 40), abs=0.5)  # a square cut from it would say other


def test_grey_single_and_flat_crops_look_ahead(tmp_path: Path) -> None:
    estimate = load_gaze(write_gaze(tmp_path / "gaze.onnx"), device="cpu")
    crops = [blank(96, 96), blank(1, 1), blank(1, 200), blank(200, 1), blank(97, 31, grey=255), blank(5, 3, grey=0)]
    for one in estimate(crops):
        assert (one.yaw, one.pitch) == pytest.approx((0, 0), abs=1e-3)


def test_crops_are_not_changed_even_where_they_are_part_of_a_frame(tmp_path: Path) -> None:
    estimate = load_gaze(write_gaze(tmp_path / "gaze.onnx"), device="cpu")
    frame = people((64, 32, (14, 40)), (256, 32, (82, 60)))
    before = frame.copy()
    frame.flags.writeable = False
    parts = [frame[32:128, 64:160], frame[32:128, 256:352], frame[32:128, 352:256:-1], frame[::2, ::3]]
    views = estimate(parts)
    copies = estimate([np.ascontiguousarray(part) for part in parts])
    np.testing.assert_array_equal(said(views), said(copies))
    np.testing.assert_array_equal(frame, before)
    assert (views[0].yaw, views[0].pitch) == pytest.approx(look(14, 40), abs=1e-3)


@pytest.mark.parametrize(
    "crop",
    [
        np.zeros((8, 8), np.uint8),
        np.zeros((8, 8, 4), np.uint8),
        np.zeros((8, 8, 3), np.float32),
        np.zeros((0, 8, 3), np.uint8),
    ],
    ids=["grey", "transparent", "floats", "empty"],
)
def test_what_is_no_picture_is_an_error(tmp_path: Path, crop: Picture) -> None:
    estimate = load_gaze(write_gaze(tmp_path / "gaze.onnx"), device="cpu")
    with pytest.raises(InputError, match=r"a crop must be RGB uint8 \(height, width, 3\), not "):
        estimate([face(14, 40), crop])


# ---- Files that are something else


@pytest.mark.parametrize(
    ("widths", "shape"),
    [
        ((90, 90, 90), (None, 3, 64, 64)),
        ((90,), (None, 3, 64, 64)),
        ((60, 60), (None, 3, 64, 64)),
        ((90, 1), (None, 3, 64, 64)),
        ((1, 2), (None, 3, 64, 64)),
        ((90, 90), (None, 3, 64, 48)),
        ((90, 90), (None, 1, 64, 64)),
        ((90, 90), (None, 64, 64, 3)),
        ((90, 90), (1, 3, 64, 48)),
    ],
    ids=str,
)
def test_a_network_of_another_kind_is_refused(
    tmp_path: Path, widths: tuple[int, ...], shape: tuple[int | None, ...]
) -> None:
    path = write_heads(tmp_path / "other.onnx", *widths, shape=shape)
    with pytest.raises(ModelError, match=r"other\.onnx is not a gaze network of a known kind \(a square face in; yaw"):
        load_gaze(path, device="cpu")


def test_a_detector_is_no_gaze_network(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"detector\.onnx is not a gaze network"):
        load_gaze(write_scrfd(tmp_path / "detector.onnx"), device="cpu")


def test_a_file_that_is_no_network_is_refused(tmp_path: Path) -> None:
    (tmp_path / "note.onnx").write_bytes(b"\1\2\3\4not a network" * 20)
    (tmp_path / "page.onnx").write_text("<!DOCTYPE html><html></html>")
    with pytest.raises(ModelError, match=r"note\.onnx is not a network that onnxruntime can open"):
        load_gaze(tmp_path / "note.onnx", device="cpu")
    with pytest.raises(ModelError, match=r"page\.onnx is an HTML page"):
        load_gaze(tmp_path / "page.onnx", device="cpu")


@pytest.mark.parametrize("added", [np.nan, np.inf])
@pytest.mark.parametrize("form", ["logits", "radians"])
def test_an_answer_that_is_no_number_is_an_error(tmp_path: Path, added: float, form: str) -> None:
    estimate = load_gaze(write_gaze(tmp_path / "gaze.onnx", added=added, form=form), device="cpu")
    with pytest.raises(ModelError, match=r"gaze\.onnx gave an angle that is not a number"):
        estimate([face(14, 40)])


# ---- The models by name


@pytest.mark.parametrize("name", GAZE_MODELS)
def test_every_row_says_where_it_is_from_and_on_what_terms(name: str) -> None:
    row = GAZE_MODELS[name]
    assert callable(row.build)
    assert row.source.startswith("https://github.com/")
    assert row.commercial is ("commercial" not in row.licence)
    assert ("MIT (yakhyo/gaze-estimation), trained on Gaze360" in row.licence) is (name != "adas")
    assert len({file.name for file in row.files}) == len(row.files)
    for file in row.files:
        assert len(file.sha256) == 64
        assert int(file.sha256, 16)
        assert file.urls
        assert all(url.startswith("https://") and url.endswith(f"/{file.name}") for url in file.urls)
        assert file.bytes is None or file.bytes > 1000


@pytest.mark.parametrize("name", GAZE_MODELS)
def test_every_row_builds_what_its_files_are_for(name: str, tmp_path: Path) -> None:
    row = GAZE_MODELS[name]
    if name == "adas":
        with pytest.raises(ModelError, match=r"landmarks-regression-retail-0009\.xml"):
            row.build(*(tmp_path / file.name for file in row.files), name=name)
        return
    (file,) = row.files
    estimate = row.build(write_gaze(tmp_path / file.name), name=name, device="cpu", threads=1, max_sigma=3)
    assert isinstance(estimate, MobileGaze)
    (one,) = estimate([face(14, 40)])
    assert (estimate.name, one.state) == (name, "unknown")
    assert one.yaw == pytest.approx(look(14, 40)[0], abs=1e-3)


def test_every_preset_has_a_gaze_model_and_one_may_be_used_commercially() -> None:
    terms = {preset: GAZE_MODELS[roles["gaze"]].commercial for preset, roles in PRESETS.items()}
    assert terms == {"default": False, "accurate": False, "permissive": True}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "mobileone-s1",
            r"unknown gaze 'mobileone-s1'; did you mean 'mobileone-s0'\?.* Choose one of: mobileone-s0, mo",
        ),
        ("l2cs", r"unknown gaze 'l2cs'; what does its work here: resnet50\. Choose one of: mobileone-s0, .*, adas; or"),
        ("missing.onnx", r"unknown gaze 'missing\.onnx'.*Choose one of: .*; or give the path of a file"),
    ],
)
def test_an_unknown_name_is_an_error_with_the_choices(name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_gaze(name)


def test_bad_settings_are_errors(tmp_path: Path) -> None:
    path = write_gaze(tmp_path / "gaze.onnx")
    with pytest.raises(InputError, match="max_sigma is 0; it must be above 0 degrees"):
        load_gaze(path, max_sigma=0)
    with pytest.raises(InputError, match="unknown preset 'fast'; choose one of: default, accurate, permissive"):
        load_gaze(preset="fast")
    with pytest.raises(DeviceError, match="unknown precision 'f16'; choose one of: f32, bf16"):
        load_gaze(path, device="openvino", precision="f16")
    for device in ("auto", "cpu"):
        with pytest.raises(DeviceError, match="precision 'bf16' needs device 'openvino'"):
            load_gaze(path, device=device, precision="bf16")
    with pytest.raises(DeviceError, match="unknown device 'tpu'"):
        load_gaze(path, device="tpu")


@pytest.mark.parametrize(("precision", "near"), [("f32", 0.01), ("bf16", 2.0)])
@pytest.mark.parametrize("axes", ["xy", "yx"])
def test_openvino_gives_the_same_answers(tmp_path: Path, precision: str, near: float, axes: str) -> None:
    path = write_gaze(tmp_path / "gaze.onnx", axes=axes, batch=1)
    estimate = load_gaze(path, device="openvino", precision=precision)
    assert (estimate.device, estimate.precision) == ("openvino", precision)
    for one, place in zip(estimate(faces()), LOOKS, strict=True):
        assert (one.yaw, one.pitch) == pytest.approx(look(*place), abs=near)


# ---- Real files and the probes of the benchmark


@pytest.mark.weights
def test_a_mobileone_with_random_weights_is_read_by_places() -> None:
    path = model_file("mobileone-s0-random-weights.onnx")
    estimate, trusted = MobileGaze(path, device="cpu"), MobileGaze(path, device="cpu", known=True)
    np.testing.assert_array_equal(said(estimate(faces()[:1])), said(trusted(faces()[:1])))


@pytest.mark.weights
def test_the_permissive_preset_is_the_cascade_of_the_model_zoo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERCEPTKIT_MODELS", str(model_file("")))
    estimate = load_gaze(preset="permissive")
    assert isinstance(estimate, Adas)
    assert estimate.name == PRESETS["permissive"]["gaze"]


def bench_file(name: str) -> Path:
    """A file of the benchmark."""
    return gaze_folder() / name


def bench_program(name: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A program of the benchmark, as a module that others of them can import."""
    spec = importlib.util.spec_from_file_location(name, bench_file(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    monkeypatch.setitem(sys.modules, name, program)
    return program


@dataclass(frozen=True, slots=True)
class Scene:
    """A crop with a red disc, as the marker probes want it, and what they should say of it."""

    crop: Picture
    yaw: float
    pitch: float


def red_discs(make_probe: Any) -> list[Scene]:
    scenes = []
    random = np.random.default_rng(3)
    for width, height, x, y in ((448, 448, 100, 60), (107, 148, 80, 73), (300, 211, 150, 105), (219, 340, 60, 300)):
        grey = np.ascontiguousarray(
            np.broadcast_to(random.integers(40, 200, (height, width, 1), np.uint8), (height, width, 3))
        )
        cv2.circle(grey, (x, y), min(width, height) // 9, (255, 0, 0), -1)
        scenes.append(Scene(grey, *make_probe.marker_expected((0, 0, width, height), (x + 0.5, y + 0.5))))
    return scenes


@pytest.mark.weights
@pytest.mark.parametrize("probe", ["marker", "marker_oldnames", "marker_swapped", "marker_batch1", "radians"])
def test_the_marker_probes_say_where_the_marker_is(probe: str, monkeypatch: pytest.MonkeyPatch) -> None:
    scenes = red_discs(bench_program("make_probe", monkeypatch))
    estimate = load_gaze(bench_file(f"probes/probe_{probe}.onnx"), device="cpu")
    for one, scene in zip(estimate([scene.crop for scene in scenes]), scenes, strict=True):
        assert (one.yaw, one.pitch) == pytest.approx((scene.yaw, scene.pitch), abs=0.3)
        assert (one.sigma_yaw is None) is (probe == "radians")


@pytest.mark.weights
def test_the_texture_probe_sees_what_the_reference_prepares(monkeypatch: pytest.MonkeyPatch) -> None:
    make_probe = bench_program("make_probe", monkeypatch)
    random = np.random.default_rng(5)
    crops = [
        cv2.GaussianBlur(random.integers(0, 256, (height, width, 3), np.uint8), (3, 3), 0).astype(np.uint8)
        for height, width in ((173, 131), (96, 96), (448, 448), (600, 500), (31, 77))
    ]
    tensor = np.stack([cv2.resize(crop, (448, 448), interpolation=cv2.INTER_LINEAR) for crop in crops])
    prepared = ((tensor.astype(np.float32) / 255 - make_probe.MEAN) / make_probe.STD).transpose(0, 3, 1, 2)
    yaws, pitches = make_probe.texture_reference(prepared)
    estimate = load_gaze(bench_file("probes/probe_texture.onnx"), device="cpu")
    for one, yaw, pitch in zip(estimate(crops), yaws, pitches, strict=True):
        assert (one.yaw, one.pitch) == pytest.approx((yaw, pitch), abs=5e-3)


@pytest.mark.weights
@pytest.mark.filterwarnings("ignore::ResourceWarning")  # check_e2e.py leaves its files open
@pytest.mark.parametrize("probe", ["marker", "marker_swapped"])
def test_faces_that_move_through_a_video_look_where_they_should(
    probe: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench_program("make_probe", monkeypatch)
    check = bench_program("check_e2e", monkeypatch)
    gaze.annotate_video(
        bench_file("synth.mp4"),
        tmp_path / "out",
        gaze=bench_file(f"probes/probe_{probe}.onnx"),
        detector=model_file("scrfd-500m.onnx"),
        device="cpu",
    )
    score = check.score(bench_file("synth_gt.jsonl"), tmp_path / "out" / "gaze.jsonl")
    assert score["ok"]
    assert score["scored"] >= 487
    assert score["mae"] <= 0.05
    assert score["p99"] <= 0.2
