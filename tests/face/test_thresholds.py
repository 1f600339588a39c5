"""What a user may say for a threshold, and that no file is believed unseen."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from platformdirs import user_data_path

from perceptkit.errors import InputError
from perceptkit.face.thresholds import calibration_file, check_threshold, resolve_threshold

SHA256 = "ab" * 32
OTHER = "cd" * 32


def resolve(threshold: Any, *, usual: float | None = 0.4, sha256: str = SHA256) -> float:
    return resolve_threshold(threshold, model="net", sha256=sha256, usual=usual)


def document(**changes: Any) -> dict[str, Any]:
    return {
        "version": 1,
        "embedder": {"name": "net", "sha256": SHA256},
        "chosen": {"rate": 1e-3, "threshold": 0.3125},
    } | changes


@pytest.fixture(autouse=True)
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the user's calibrations, empty."""
    folder = tmp_path / "kept"
    monkeypatch.setenv("PERCEPTKIT_CALIBRATIONS", str(folder))
    folder.mkdir()
    return folder


@pytest.mark.parametrize(
    ("threshold", "number"),
    [
        (None, 0.4),
        (0.25, 0.25),
        (0, 0.0),
        (1, 1.0),
        (-1.0, -1.0),
        (np.float32(0.5), 0.5),
        ("0.45", 0.45),
        ("-0.1", -0.1),
        ("1e-1", 0.1),
    ],
)
def test_a_number_is_itself_and_nothing_is_the_usual_one(threshold: Any, number: float) -> None:
    check_threshold(threshold)
    found = resolve(threshold)
    assert found == number
    assert type(found) is float


@pytest.mark.parametrize("threshold", [1.01, -1.5, 40, float("nan"), float("inf"), "2", "nan", "-inf"])
def test_what_is_no_cosine_is_refused(threshold: Any) -> None:
    for refuse in (check_threshold, resolve):
        with pytest.raises(InputError, match=f"the threshold is {threshold}; a cosine similarity lies between -1 and"):
            refuse(threshold)


@pytest.mark.parametrize("threshold", [10**400, -(10**5000)], ids=["huge", "unwritable"])
def test_what_no_number_can_hold_is_refused(threshold: int) -> None:
    with pytest.raises(InputError, match="the threshold is a huge number; a cosine similarity lies between -1 and 1"):
        check_threshold(threshold)


@pytest.mark.parametrize("threshold", [True, False, "", "strict", "calibrate", "Calibrated", "calibrated:", [0.4], 1j])
def test_anything_else_is_refused_with_the_choices(threshold: Any) -> None:
    for refuse in (check_threshold, resolve):
        with pytest.raises(InputError, match=r"give a number between -1 and 1, calibrated .* or calibrated:PATH"):
            refuse(threshold)


def test_an_embedder_without_a_usual_threshold_needs_one() -> None:
    with pytest.raises(InputError, match="made by net, which has no usual threshold: give one"):
        resolve(None, usual=None)
    assert resolve(0.3, usual=None) == 0.3


def test_calibrated_is_what_is_kept_for_this_very_embedder(kept: Path) -> None:
    (kept / f"{SHA256}.json").write_text(json.dumps(document()))
    check_threshold("calibrated")
    assert resolve("calibrated") == 0.3125
    with pytest.raises(InputError, match=r"no calibration of net .*run: perceptkit faces calibrate LABELLED_DIR"):
        resolve("calibrated", sha256=OTHER)


def test_a_path_is_that_calibration_or_the_one_in_the_folder(tmp_path: Path) -> None:
    (tmp_path / "calibration.json").write_text(json.dumps(document()))
    assert resolve(f"calibrated:{tmp_path}") == 0.3125
    assert resolve(f"calibrated:{tmp_path / 'calibration.json'}") == 0.3125
    with pytest.raises(
        InputError, match=r"calibration\.json is of net \(sha256 abababababab\), not of net \(sha256 cdcd"
    ):
        resolve(f"calibrated:{tmp_path}", sha256=OTHER)


@pytest.mark.parametrize("name", ["nowhere", "a" * 5000, "nul\0l", "."])
def test_a_path_without_a_calibration_is_an_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="cannot read"):
        resolve(f"calibrated:{tmp_path / name}")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not a calibration"),
        ("{", "is not a calibration"),
        ("\udcff", "is not a calibration"),
        ("[" * 100_000, "is not a calibration"),
        ("[]", "is not a calibration"),
        ("{}", "is not a calibration"),
        (json.dumps({"version": 1, "embedder": 3, "chosen": None}), "is not a calibration"),
        (json.dumps(document()).replace("0.3125", "NaN"), "is not a calibration: NaN is not a number"),
        (json.dumps(document(version=2)), "is version 2, written by another perceptkit"),
        (json.dumps(document(version=None)), "is version None"),
        (json.dumps(document(embedder={})), r"is of None \(sha256 None\), not of net"),
        (json.dumps(document(chosen=None)), "has no threshold: there were too few people"),
        (json.dumps(document(chosen=[])), "its threshold is None"),
        (json.dumps(document(chosen={"threshold": True})), "its threshold is True"),
        (json.dumps(document(chosen={"threshold": "0.3"})), "its threshold is 0.3"),
        (json.dumps(document(chosen={"threshold": 1.5})), r"its threshold is 1\.5"),
        (json.dumps(document()).replace("0.3125", "1e999"), "its threshold is inf"),
        (json.dumps(document(chosen={"threshold": 10**400})), "its threshold is 1000"),
    ],
)
def test_a_damaged_calibration_is_an_error_that_names_it(kept: Path, text: str, message: str) -> None:
    path = kept / f"{SHA256}.json"
    path.write_bytes(text.encode(errors="surrogateescape"))
    for threshold in ("calibrated", f"calibrated:{path}"):
        with pytest.raises(InputError, match=message) as caught:
            resolve(threshold)
        assert str(path) in str(caught.value)


def test_a_huge_file_is_refused_before_it_is_understood(tmp_path: Path) -> None:
    with (tmp_path / "calibration.json").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(InputError, match="it has more than 67,108,864 bytes"):
        resolve(f"calibrated:{tmp_path}")


def test_a_digest_from_a_file_leads_nowhere_else(tmp_path: Path, kept: Path) -> None:
    (tmp_path / "secret.json").write_text(json.dumps(document(embedder={"sha256": "../secret"})))
    assert calibration_file("../secret") is None
    with pytest.raises(InputError, match="there is no calibration of net"):
        resolve("calibrated", sha256="../secret")


def test_calibrations_are_kept_with_the_users_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("PERCEPTKIT_CALIBRATIONS")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    data = user_data_path("perceptkit", appauthor=False)
    assert calibration_file(SHA256) == data / "calibrations" / f"{SHA256}.json"


def test_without_a_home_folder_it_is_an_error_that_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERCEPTKIT_CALIBRATIONS", "~nobody-of-this-name/calibrations")
    with pytest.raises(InputError, match="no home folder to keep calibrations in; set PERCEPTKIT_CALIBRATIONS"):
        resolve("calibrated")
    assert resolve(None) == 0.4


def test_it_loads_no_heavy_library() -> None:
    code = (
        "import sys, perceptkit.face.thresholds;"
        "print(sorted({'numpy', 'cv2', 'onnxruntime', 'PIL', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
