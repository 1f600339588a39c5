"""Person detectors: where their boxes lie, what they are shown, and how files are told apart."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from perceptkit.errors import InputError, MissingExtraError, ModelError
from perceptkit.foley import load_people
from tiny_networks import write_heads, write_people

RED, BLUE = (255, 0, 0), (0, 0, 255)


def plain(
    colour: tuple[int, int, int], width: int = 128, height: int = 64
) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.full((height, width, 3), colour, np.uint8)


def test_yolov8_is_shown_rgb_in_the_middle_of_grey(tmp_path: Path) -> None:
    detect = load_people(write_people(tmp_path / "p.onnx", "yolov8", (32, 32, 16, 24)), device="cpu")
    ((boxes, scores),) = detect([plain(RED)])
    # 128 x 64 is scaled by a half, and lies at the rows 16 to 48 of 64.
    np.testing.assert_allclose(boxes, [[48, 8, 80, 56]], atol=1e-3)
    assert scores == pytest.approx([(1 + 114 / 255) / 2], abs=1e-3)
    ((boxes, _),) = detect([plain(BLUE)])
    assert boxes.shape == (1, 4), "the grey around it has red in it"


def test_yolox_is_shown_bgr_above_grey(tmp_path: Path) -> None:
    detect = load_people(write_people(tmp_path / "p.onnx", "yolox", (32, 16, 16, 24)), device="cpu")
    ((boxes, scores),) = detect([plain(BLUE)])
    np.testing.assert_allclose(boxes, [[48, 8, 80, 56]], atol=1e-3)
    assert scores == pytest.approx([(1 + 114 / 255) / 2], abs=1e-3)


def test_boxes_end_at_the_picture_and_are_counted_once(tmp_path: Path) -> None:
    boxes_in = [(5, 32, 30, 20), (5.5, 32, 30, 20), (40, 32, 10, 20), (32, 5, 4, 4)]
    detect = load_people(write_people(tmp_path / "p.onnx", "yolov8", *boxes_in), device="cpu")
    ((boxes, scores),) = detect([plain(RED)])
    assert len(boxes) == 2, "two of them are one person, and one lies in the grey"
    assert boxes.min() >= 0
    assert (boxes[:, 2] <= 128).all()
    assert (boxes[:, 3] <= 64).all()
    assert boxes.dtype == scores.dtype == np.float32


def test_nobody_is_an_empty_answer(tmp_path: Path) -> None:
    detect = load_people(write_people(tmp_path / "p.onnx", "yolox"), device="cpu")
    boxes, scores = detect([plain(BLUE)])[0]
    assert boxes.shape == (0, 4)
    assert scores.shape == (0,)
    assert detect([]) == []


def test_another_network_is_refused(tmp_path: Path) -> None:
    path = write_heads(tmp_path / "gaze.onnx", 90, 90)
    with pytest.raises(ModelError, match="not a person detector of a known kind"):
        load_people(path, device="cpu")


def test_what_is_no_picture_is_refused(tmp_path: Path) -> None:
    detect = load_people(write_people(tmp_path / "p.onnx", "yolov8", (32, 32, 16, 24)), device="cpu")
    with pytest.raises(InputError, match="RGB uint8"):
        detect([np.zeros((10, 10), np.uint8)])
    with pytest.raises(InputError, match="min_score"):
        load_people(tmp_path / "p.onnx", min_score=1.5)


def test_an_unknown_name_says_what_there_is() -> None:
    with pytest.raises(InputError, match=r"unknown people 'yolo99'.*yolox-nano"):
        load_people("yolo99")


# ---- Ultralytics checkpoints

ULTRALYTICS = """
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

class YOLO:
    def __init__(self, path):
        self.path = Path(path)

    def export(self, *, format, imgsz, verbose):
        if self.path.read_bytes() == b"broken":
            raise RuntimeError("not a checkpoint")
        made = self.path.with_suffix(".onnx")
        shutil.copyfile(self.path, made)  # these checkpoints are networks already
        calls = Path(__file__).with_name("calls")
        calls.write_text(calls.read_text() + "x" if calls.exists() else "x")
        return str(made)
"""


@pytest.fixture
def checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PERCEPTKIT_CACHE", str(tmp_path / "cache"))
    return write_people(tmp_path / "best.onnx", "yolov8", (32, 32, 16, 24)).rename(tmp_path / "best.pt")


@pytest.fixture
def ultralytics(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package of that name which does what the real one does with a checkpoint."""
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "ultralytics.py").write_text(ULTRALYTICS)
    monkeypatch.syspath_prepend(tmp_path / "package")
    monkeypatch.delitem(sys.modules, "ultralytics", raising=False)
    yield tmp_path / "package"
    sys.modules.pop("ultralytics", None)


def test_a_checkpoint_is_exported_once(checkpoint: Path, ultralytics: Path) -> None:
    for _ in range(2):
        ((boxes, _),) = load_people(checkpoint, device="cpu")([plain(RED)])
        np.testing.assert_allclose(boxes, [[48, 8, 80, 56]], atol=1e-3)
    assert (ultralytics / "calls").read_text() == "x"
    assert [path.suffix for path in sorted(checkpoint.parent.glob("cache/models/*"))] == [".lock", ".onnx"]


def test_a_checkpoint_that_cannot_be_exported(checkpoint: Path, ultralytics: Path) -> None:
    checkpoint.write_bytes(b"broken")
    with pytest.raises(ModelError, match=r"Ultralytics cannot export .*best\.pt: not a checkpoint"):
        load_people(checkpoint, device="cpu")
    assert not list(checkpoint.parent.glob("cache/models/*.onnx"))


def test_without_the_extra_it_says_what_to_install(checkpoint: Path, ultralytics: Path) -> None:
    (ultralytics / "ultralytics.py").write_text("raise ImportError('not installed')")
    with pytest.raises(MissingExtraError, match=r"pip install 'perceptkit\[yolo\]'"):
        load_people(checkpoint, device="cpu")
