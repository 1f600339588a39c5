from __future__ import annotations

from pathlib import Path

import pytest
from weights_server import WEIGHTS, model_of, use_folders, weights_file

from perceptkit.errors import InputError
from perceptkit.models import PRESETS, available_presets, preset_model


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    use_folders(monkeypatch, cache=tmp_path)
    folder = tmp_path / "models"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_chooses_for_the_same_roles(preset: str) -> None:
    assert PRESETS[preset].keys() == PRESETS["default"].keys()


def test_preset_is_the_argument_then_the_environment_then_default(monkeypatch: pytest.MonkeyPatch) -> None:
    assert preset_model("detector") == "scrfd-500m"
    monkeypatch.setenv("PERCEPTKIT_PRESET", "permissive")
    assert preset_model("detector") == "yunet"
    assert preset_model("embedder", "accurate") == "arcface-r50"


def test_unknown_preset_is_an_error_that_lists_the_choices(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="unknown preset 'fast'; choose one of: default, accurate, permissive"):
        preset_model("detector", "fast")
    monkeypatch.setenv("PERCEPTKIT_PRESET", "quick")
    with pytest.raises(InputError, match=r"unknown preset 'quick' \(from PERCEPTKIT_PRESET\)"):
        preset_model("detector")


def test_preset_is_available_when_all_its_models_in_the_rows_are_here(cache: Path) -> None:
    detectors = {name: model_of(weights_file(name=f"{name}.onnx")) for name in ("scrfd-500m", "yunet")}
    embedders = {name: model_of(weights_file(name=f"{name}.onnx")) for name in ("arcface-mbf", "mobilefacenet")}
    assert available_presets(detectors) == []
    for name in ("yunet", "scrfd-500m", "mobilefacenet"):
        (cache / f"{name}.onnx").write_bytes(WEIGHTS)
    # "accurate" has no model among the rows.
    assert available_presets(detectors) == ["default", "permissive"]
    assert available_presets(detectors | embedders) == ["permissive"]
