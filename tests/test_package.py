"""The package as it is imported: its names, its version, and how little it loads."""

from __future__ import annotations

import subprocess
import sys

import pytest

import perceptkit
from perceptkit import face

FACE_NAMES = [
    "DETECTORS",
    "EMBEDDERS",
    "Calibration",
    "Comparison",
    "Detector",
    "Embedder",
    "Embeddings",
    "Enrolment",
    "Extraction",
    "Face",
    "Gallery",
    "Identification",
    "Identity",
    "Index",
    "ItemError",
    "Match",
    "OperatingPoint",
    "Person",
    "Quality",
    "Query",
    "Seen",
    "Sighting",
    "Track",
    "Tracking",
    "align_faces",
    "blur_score",
    "calibrate",
    "compare",
    "dedupe",
    "enrol",
    "extract",
    "extract_embeddings_from_image",
    "extract_embeddings_from_video",
    "find_faces",
    "frontal_score",
    "gallery",
    "group",
    "identify",
    "load_detector",
    "load_embedder",
    "load_embeddings",
    "load_embeddings_cache",
    "load_gallery",
    "load_index",
    "open_embeddings",
    "save_embeddings",
    "save_embeddings_cache",
    "search",
    "similarity",
    "track",
    "watch",
]


def test_face_exports_these_names_and_each_can_be_had() -> None:
    assert sorted(face.__all__) == sorted(FACE_NAMES)
    assert all(getattr(face, name) is not None for name in FACE_NAMES)
    assert dir(face) == sorted(FACE_NAMES)


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nothing_like_this"):
        perceptkit.nothing_like_this  # noqa: B018
    with pytest.raises(AttributeError, match="nothing_like_this"):
        face.nothing_like_this  # noqa: B018


@pytest.mark.parametrize("name", ["audio", "face", "foley", "gaze", "video", "images", "models", "errors"])
def test_every_namespace_comes_with_the_package(name: str) -> None:
    code = f"import perceptkit; print(perceptkit.{name}.__name__, {name!r} in dir(perceptkit))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == f"perceptkit.{name} True\n"


def test_import_loads_no_heavy_library() -> None:
    code = "import sys, perceptkit; print(sorted({'numpy', 'cv2', 'onnxruntime', 'PIL', 'scipy'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_version_is_a_release() -> None:
    assert perceptkit.__version__.count(".") == 2
