from __future__ import annotations

import errno
import io
import random
import zipfile
from pathlib import Path

import pytest

from perceptkit.errors import ModelError
from perceptkit.models.archive import extract_member

DATA = random.Random(1).randbytes(500) + bytes(500)


def archive(*names: str, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as opened:
        for name in names:
            opened.writestr(name, DATA)
    return buffer.getvalue()


def test_names_in_the_archive_are_never_paths(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "pack.zip").write_bytes(archive("../det.onnx", "/etc/other", "../../x"))
    extract_member(inside / "pack.zip", "det.onnx", inside / "out", limit_bytes=1000)
    assert (inside / "out").read_bytes() == DATA
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["inside", "out", "pack.zip"]


def test_whole_name_goes_before_the_last_part_of_another(tmp_path: Path) -> None:
    path = tmp_path / "pack.zip"
    with zipfile.ZipFile(path, "w") as opened:
        opened.writestr("old/det.onnx", b"old")
        opened.writestr("det.onnx", b"new")
    extract_member(path, "det.onnx", tmp_path / "out", limit_bytes=1000)
    assert (tmp_path / "out").read_bytes() == b"new"


def test_member_that_is_there_twice_is_not_guessed(tmp_path: Path) -> None:
    path = tmp_path / "pack.zip"
    path.write_bytes(archive("a/det.onnx", "b/det.onnx"))
    with pytest.raises(ModelError, match=r"^is a zip archive without det\.onnx$"):
        extract_member(path, "det.onnx", tmp_path / "out", limit_bytes=1000)


def test_member_above_the_limit_is_not_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "pack.zip"
    path.write_bytes(archive("det.onnx"))
    with pytest.raises(ModelError, match=r"det\.onnx has more than 999 bytes"):
        extract_member(path, "det.onnx", tmp_path / "out", limit_bytes=999)
    assert not (tmp_path / "out").exists()


@pytest.mark.filterwarnings("ignore::UserWarning")  # zipfile warns of duplicate names while it reads
def test_damaged_archive_is_never_anything_but_a_model_error(tmp_path: Path) -> None:
    chance = random.Random(0)
    whole = [archive("a/b", "det.onnx", method=method) for method in (0, 8, 12, 14)]
    path, out = tmp_path / "pack.zip", tmp_path / "out"
    refused = 0
    for _ in range(2000):
        damaged = bytearray(chance.choice(whole))
        for _ in range(3):
            damaged[chance.randrange(len(damaged))] = chance.choice([0, 1, 255, chance.randrange(256)])
        path.write_bytes(damaged)
        try:
            extract_member(path, "det.onnx", out, limit_bytes=2000)
        except ModelError:
            refused += 1
    assert refused > 1000


def test_target_that_cannot_be_written_is_the_disk_and_no_damage(tmp_path: Path) -> None:
    path = tmp_path / "pack.zip"
    path.write_bytes(archive("det.onnx"))
    with pytest.raises(OSError, match="No such file") as failed:
        extract_member(path, "det.onnx", tmp_path / "nowhere" / "out", limit_bytes=1000)
    assert failed.value.errno == errno.ENOENT
