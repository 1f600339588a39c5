"""Which files are meant, what a file really is, and that a file is written whole or not at all."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perceptkit.errors import DeviceError, InputError
from perceptkit.files import _SIGNATURES, expand, replacing, sniff, write_bytes
from systems import linux, posix, unprivileged

SUFFIXES = frozenset({".jpg", ".png"})
LINK = "a symbolic link that leads nowhere or to itself"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, which is the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def make(*names: str) -> None:
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(b"x")


def there(folder: str = ".") -> list[str]:
    return sorted(entry.name for entry in Path(folder).iterdir())


def found(*paths: str | Path) -> list[str]:
    """The names of the files meant by `paths`, of which nothing may be skipped."""
    files, skipped = expand(paths, SUFFIXES)
    assert skipped == []
    return [str(file) for file in files]


def skipped(*paths: str | Path) -> dict[str, str]:
    return {str(path): reason for path, reason in expand(paths, SUFFIXES)[1]}


def test_file_is_taken_whatever_its_name(folder: Path) -> None:
    make("photo.txt", "photo", ".hidden.jpg")
    assert found("photo.txt", folder / "photo", ".hidden.jpg") == ["photo.txt", f"{folder}/photo", ".hidden.jpg"]


def test_folder_is_searched_in_sorted_order_for_the_endings_in_any_case(folder: Path) -> None:
    make("b.jpg", "a.PNG", "c.JpG", "sub/2.jpg", "sub/1.jpg", "sub/deep/0.png", "notes.txt", "jpg", "a.jpg.part")
    assert found(".") == ["a.PNG", "b.jpg", "c.JpG", "sub/1.jpg", "sub/2.jpg", "sub/deep/0.png"]


def test_hidden_files_and_folders_are_not_searched_for(folder: Path) -> None:
    make(".a.jpg", ".thumbnails/b.jpg", "c.jpg")
    assert found(".") == found("*") == found("**") == ["c.jpg"]
    assert found(".thumbnails", ".t*/*.jpg") == [".thumbnails/b.jpg"]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.jpg", ["1.jpg", "2.jpg"]),
        ("?.*", ["1.jpg", "2.jpg", "3.PNG"]),
        ("[23].*", ["2.jpg", "3.PNG"]),
        ("*", ["1.jpg", "2.jpg", "3.PNG", "trip/1.jpg", "trip/best/4.jpg", "trip/best/x/5.jpg"]),
        ("trip/*", ["trip/1.jpg", "trip/best/4.jpg", "trip/best/x/5.jpg"]),
        ("**/1.jpg", ["1.jpg", "trip/1.jpg"]),
        ("**/*.PNG", ["3.PNG"]),
        ("trip/**", ["trip/1.jpg", "trip/best/4.jpg", "trip/best/x/5.jpg"]),
        ("trip/**/*.jpg", ["trip/1.jpg", "trip/best/4.jpg", "trip/best/x/5.jpg"]),
        ("**/best/*.jpg", ["trip/best/4.jpg"]),
        ("**/best", ["trip/best/4.jpg", "trip/best/x/5.jpg"]),
        ("t*/**/x/**/5.*", ["trip/best/x/5.jpg"]),
        ("**/notes.txt", []),
    ],
)
def test_pattern_means_files_of_the_endings_and_all_in_the_folders(
    folder: Path, pattern: str, expected: list[str]
) -> None:
    make("1.jpg", "2.jpg", "3.PNG", "notes.txt", "trip/1.jpg", "trip/notes.txt", "trip/best/4.jpg", "trip/best/x/5.jpg")
    assert found(pattern) == expected
    assert found(folder / pattern) == [f"{folder}/{name}" for name in expected]


def test_pattern_that_matches_nothing_is_told(folder: Path) -> None:
    make("a.jpg")
    assert skipped("a.jpg", "*.jpeg", "x/**/*.jpg") == {
        "*.jpeg": "nothing matches this pattern",
        "x/**/*.jpg": "nothing matches this pattern",
    }


def test_name_with_brackets_is_a_file_before_it_is_a_pattern(folder: Path) -> None:
    make("IMG[1].jpg", "IMG1.jpg")
    assert found("IMG[1].jpg") == ["IMG[1].jpg"]


def test_list_has_a_path_a_line_and_comments(folder: Path) -> None:
    make("a.jpg", "b.jpg", "trip/c.jpg", "z 1.png", "#5.jpg", "next\u2028line.jpg")
    lines = ["# wanted", "", "  b.jpg  ", "trip", "  # more", "z*", "./#5.jpg", "next\u2028line.jpg", "a.jpg"]
    expected = ["b.jpg", "trip/c.jpg", "z 1.png", "#5.jpg", "next\u2028line.jpg", "a.jpg"]
    for end in ("\n", "\r\n"):
        Path("list.txt").write_bytes(end.join(lines).encode())
        assert found("@list.txt") == expected
    Path("list.txt").write_bytes(b"\xef\xbb\xbfb.jpg\n")  # as some editors begin it
    assert found("@list.txt") == ["b.jpg"]


def test_list_that_cannot_be_read_is_an_error(folder: Path) -> None:
    with pytest.raises(InputError, match=r"cannot read the list no\.txt: No such file or directory"):
        expand(["@no.txt"], SUFFIXES)


def test_line_of_a_list_whose_file_has_gone_is_left_to_be_an_error_of_its_own(folder: Path) -> None:
    make("b.jpg")
    Path("list.txt").write_text("a.jpg\nb.jpg\n")
    assert found("@list.txt") == ["a.jpg", "b.jpg"]


def test_file_whose_name_begins_with_at_is_a_file(folder: Path) -> None:
    make("@a.jpg")
    assert found("@a.jpg") == ["@a.jpg"]


def test_tilde_is_the_home_folder_and_else_a_part_of_a_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make("home/a.jpg", "home/b.jpg", "~$draft.jpg")
    Path("list.txt").write_text("~/b.jpg")
    monkeypatch.setenv("HOME", str(folder / "home"))
    assert found("~/a.jpg", "@list.txt") == [f"{folder}/home/a.jpg", f"{folder}/home/b.jpg"]
    assert found("~$draft.jpg") == ["~$draft.jpg"]


def test_each_file_is_taken_once_by_the_first_way_to_it(folder: Path) -> None:
    make("a/1.jpg", "a/2.jpg", "b/3.jpg")
    Path("b/link.jpg").symlink_to(folder / "a/2.jpg")
    Path("latest").symlink_to("a")
    Path("list.txt").write_text("a/1.jpg\n")
    ways: Iterable[str | Path] = ("a/2.jpg", "a", "a", "./a/../a/1.jpg", "*/*.jpg", "**", folder, "@list.txt", "latest")
    assert [str(file) for file in expand(ways, SUFFIXES)[0]] == ["a/2.jpg", "a/1.jpg", "b/3.jpg"]


def test_linked_folders_are_searched_but_not_round_and_round(folder: Path) -> None:
    make("elsewhere/1.jpg", "photos/2.jpg", "photos/sub/3.jpg")
    Path("photos/linked").symlink_to(folder / "elsewhere")
    Path("photos/sub/up").symlink_to(folder / "photos")
    Path("photos/self").symlink_to(".")
    back = "a link back to a folder that was searched already"
    files, reasons = expand(["photos"], SUFFIXES)
    assert list(map(str, files)) == ["photos/2.jpg", "photos/linked/1.jpg", "photos/sub/3.jpg"]
    assert reasons == [(Path("photos/self"), back), (Path("photos/sub/up"), back)]


def test_pattern_does_not_go_round_links_that_lead_back(folder: Path) -> None:
    """With two such links there are more than 10^12 paths to each file."""
    make("a/1.jpg")
    Path("a/left").symlink_to(folder)
    Path("a/right").symlink_to(folder)
    for pattern in ("**/*.jpg", "a/**/*.jpg", "**"):
        assert list(map(str, expand([pattern], SUFFIXES)[0])) == ["a/1.jpg"]


def test_link_that_leads_nowhere_or_to_itself_is_skipped(folder: Path) -> None:
    make("a.jpg")
    Path("nowhere.jpg").symlink_to("gone.jpg")
    Path("round[1].jpg").symlink_to("round[1].jpg")
    expected = {"nowhere.jpg": LINK, "round[1].jpg": LINK}
    assert skipped("nowhere.jpg", "round[1].jpg") == skipped(".") == skipped("*.jpg") == expected


@linux
def test_what_is_no_regular_file_is_skipped(folder: Path) -> None:
    os.mkfifo("pipe.jpg")
    reason = "not a regular file"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket.jpg")
        assert skipped(".") == skipped("*.jpg") == {"pipe.jpg": reason, "socket.jpg": reason}
    assert skipped("/dev/null", "pipe.jpg") == {"/dev/null": reason, "pipe.jpg": reason}


@unprivileged
def test_folder_that_cannot_be_read_is_skipped(folder: Path) -> None:
    make("a.jpg", "locked/b.jpg")
    Path("locked").chmod(0)
    try:
        files, reasons = expand(["."], SUFFIXES)
    finally:
        Path("locked").chmod(0o755)
    assert files == [Path("a.jpg")]
    assert reasons == [(Path("locked"), "Permission denied")]


@linux
def test_names_that_are_hard_to_write_down_are_found(folder: Path) -> None:
    names = [
        "with space.jpg",
        "new\nline.jpg",
        "tab\t.jpg",
        "Ünïcødé 写真 📷.jpg",
        "e\u0301.jpg",
        "é.jpg",
        "-rf.jpg",
        "'\"`$(x).jpg",
        "\u202egpj.jpg",
        os.fsdecode(b"undecodable \xff\xfe.jpg"),
        "x" * 251 + ".jpg",
        "é" * 125 + "x.jpg",
    ]
    make(*names)
    assert found(".") == found("*.jpg") == found(*sorted(names)) == sorted(names)
    Path("list.txt").write_bytes(b"\n".join(os.fsencode(name) for name in names if "\n" not in name))
    assert found("@list.txt") == [name for name in names if "\n" not in name]


@pytest.mark.parametrize(
    "path", ["gone.jpg", "x" * 300 + ".jpg", "a.jpg/b.jpg", "a\0b.jpg", "~nobody-of-that-name/a.jpg"]
)
def test_path_that_does_not_exist_is_an_error(folder: Path, path: str) -> None:
    make("a.jpg")
    with pytest.raises(InputError, match="no such file or folder: "):
        expand(["a.jpg", path], SUFFIXES)


def test_nothing_asked_is_nothing_found(folder: Path) -> None:
    Path("empty").mkdir()
    Path("list.txt").write_text("")
    assert found() == found("empty") == found("@list.txt") == []


@pytest.mark.parametrize(("offset", "signature", "name"), _SIGNATURES, ids=[repr(row[1][:12]) for row in _SIGNATURES])
def test_every_signature_is_recognised(offset: int, signature: bytes, name: str) -> None:
    assert sniff(bytes(offset) + signature) == name
    assert sniff((bytes(offset) + signature).ljust(64, b"\0")) == name


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"", "an empty file"),
        (b"\n  <!DOCTYPE HTML><title>Sign in</title>", "an HTML page"),
        (b"\xef\xbb\xbf<html>", "an HTML page"),
        (b"<?xml version='1.0'?>", "an XML or SVG file"),
        (b"<svg xmlns=", "an XML or SVG file"),
        (b"Dear all,\r\n\tthe photos are attached.\n", "a text file"),
        ("Größe: 写真".encode(), "a text file"),
        (b"\x08\x07\x12\x07pytorch", "a file of unknown type"),
        (bytes(64), "a file of unknown type"),
        (b"RIFF\x10\0\0\0WEBPVP8 ", "a WebP image"),
        (b"\0\0\0\x1cftypmif1\0\0\0\0mif1heic", "a HEIC image"),
        (b"\0\0\0\x1cftypmif1\0\0\0\0mif1avif", "an AVIF image"),
        (b"\0\0\0\x18ftypisom\0\0\x02\0isomavc1", "a video (MP4 or MOV)"),
    ],
)
def test_first_bytes_say_what_a_file_is(head: bytes, name: str) -> None:
    assert sniff(head) == name


@given(st.binary(max_size=80))
def test_any_bytes_are_something(head: bytes) -> None:
    assert sniff(head).startswith(("a ", "an "))


def test_file_takes_its_place_when_the_block_ends(folder: Path) -> None:
    Path("out.bin").write_bytes(b"old")
    with replacing("out.bin") as file:
        file.write(b"new")
        assert Path("out.bin").read_bytes() == b"old"
    assert Path("out.bin").read_bytes() == b"new"
    assert there() == ["out.bin"]


@pytest.mark.parametrize("error", [ValueError("bad"), KeyboardInterrupt()], ids=["error", "interrupt"])
@pytest.mark.parametrize("there_before", [True, False])
def test_failed_block_leaves_everything_as_it_was(folder: Path, error: BaseException, there_before: bool) -> None:
    if there_before:
        Path("out.bin").write_bytes(b"old")

    def fail() -> None:
        with replacing("out.bin") as file:
            file.write(b"half")
            raise error

    with pytest.raises(type(error)) as raised:
        fail()
    assert raised.value is error
    assert there() == (["out.bin"] if there_before else [])
    assert not there_before or Path("out.bin").read_bytes() == b"old"


def test_file_may_be_read_by_whom_any_new_file_may_be_read(folder: Path) -> None:
    Path("plain").touch()
    write_bytes("out.bin", b"new")
    assert Path("out.bin").stat().st_mode == Path("plain").stat().st_mode


def test_name_of_255_bytes_can_be_written(folder: Path) -> None:
    name = "é" * 127 + "x"
    write_bytes(name, memoryview(b"new"))
    assert there() == [name]


def test_link_stays_and_what_it_leads_to_is_replaced(folder: Path) -> None:
    make("disk/out.bin")
    Path("link.bin").symlink_to("disk/out.bin")
    write_bytes("link.bin", b"new")
    assert Path("link.bin").is_symlink()
    assert Path("disk/out.bin").read_bytes() == b"new"
    assert there("disk") == ["out.bin"]


@linux
def test_device_or_pipe_is_not_replaced_by_a_file(folder: Path) -> None:
    os.mkfifo("pipe")
    with pytest.raises(InputError, match="cannot write pipe: it is not a regular file"):
        write_bytes("pipe", b"new")
    assert Path("pipe").is_fifo()
    assert there() == ["pipe"]


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("gone/out.bin", "No such file or directory"),
        ("file/out.bin", "Not a directory"),
        (".", "it is not a regular file"),
        ("x" * 256, "File name too long"),
    ],
)
def test_path_that_cannot_be_written_is_an_error(folder: Path, path: str, reason: str) -> None:
    make("file")
    with pytest.raises(InputError, match=f"cannot write {path}: {reason}"):
        write_bytes(path, b"new")
    assert there() == ["file"]


WRITER = """
import resource, signal, sys
from perceptkit.errors import PerceptkitError
from perceptkit.files import replacing
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
if sys.argv[1] == "default":
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
try:
    with replacing("out.bin") as file:
        for _ in range(40):
            file.write(bytes(5000))
except PerceptkitError as error:
    print(type(error).__name__, error)
"""


def write_too_much(signal_action: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", WRITER, signal_action]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@posix
def test_full_disk_is_a_device_error_and_leaves_no_part(folder: Path) -> None:
    Path("out.bin").write_bytes(b"old")
    ended = write_too_much("ignored")  # as Python sets it: the write fails with EFBIG, as it does with ENOSPC
    assert ended.stdout.startswith(f"{DeviceError.__name__} cannot write out.bin: the disk is full")
    assert Path("out.bin").read_bytes() == b"old"
    assert there() == ["out.bin"]


@posix
def test_process_killed_while_writing_leaves_the_old_file(folder: Path) -> None:
    Path("out.bin").write_bytes(b"old")
    assert write_too_much("default").returncode == -signal.SIGXFSZ
    assert Path("out.bin").read_bytes() == b"old"
