"""The process that does the work: what it gives back, how it is stopped, and how it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from perceptkit.server import read_settings
from perceptkit.server.processes.hands import Died, Hands, Stopped, TaskError
from perceptkit.server.processes.performing import Progressed, Reporter
from serving import wait_for
from slow_tasks import TASKS
from systems import linux, posix


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hands]:
    """One process for the tests that leave it as it was."""
    hands = Hands(read_settings({}, data=tmp_path_factory.mktemp("data")), "test", tasks=TASKS)
    yield hands
    hands.close()


@pytest.fixture
def hands(tmp_path: Path) -> Iterator[Hands]:
    """A process of the test's own."""
    hands = Hands(read_settings({}, data=tmp_path), "test", tasks=TASKS)
    yield hands
    hands.close()


def alive(process: int) -> bool:
    """Whether a process runs; one that has ended and was not asked about does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_one_process_does_one_task_after_another(hands: Hands) -> None:
    seen: list[Progressed] = []
    given = {"frames": 8, "seconds": 0.05}
    first = hands.perform("count", given, progress=seen.append)
    assert first["frames"] == 8
    assert seen[0] == Progressed(0, None, "frames", 0.0)
    assert (seen[-1].total, seen[-1].stage) == (8, "frames")
    assert seen[-1].share == seen[-1].done / 8 > 0
    with ThreadPoolExecutor(3) as threads:  # they wait for each other
        others = list(threads.map(lambda number: hands.perform("count", {"frames": number, "seconds": 0}), (1, 2, 3)))
    assert [other["frames"] for other in others] == [1, 2, 3]
    assert {other["process"] for other in others} == {first["process"]}
    assert hands.process_id == first["process"]


def test_progress_is_of_the_whole_task_and_never_runs_backwards() -> None:
    seen: list[Progressed] = []
    reporter = Reporter(seen.append, lambda: False)
    reporter.stage("models")
    reporter.stage("frames", of=3)(50, 50)
    drawing = reporter.stage("frames drawn", number=2, of=3)
    for done, total in ((25, 25), (25, 50), (50, 50)):  # it turns out to be longer than it looked
        drawing(done, total)
    sounding = reporter.stage("footsteps", number=3, of=3, counted=False)
    sounding(4, 4)
    shares = [each.share for each in seen]
    assert shares == sorted(shares)
    told = {each.stage: (each.done, each.total, round(each.share, 3)) for each in seen}
    assert told == {
        "models": (0, None, 0.0),
        "frames": (50, 50, 0.333),
        "frames drawn": (50, 50, 0.667),
        "footsteps": (50, 50, 1.0),
    }


@pytest.mark.parametrize(
    ("how", "status", "code", "said"),
    [
        ("media", 422, "media_error", "walk.mp4 is empty"),
        ("device", 503, "device_error", "the GPU has gone"),
        ("full", 503, "device_error", "no space left"),
        ("bug", 500, "internal_error", r"an error of ours \(ValueError\)"),
        ("eof", 500, "internal_error", r"an error of ours \(EOFError\)"),
        ("memory", 503, "out_of_memory", "not enough memory"),
    ],
)
def test_errors_come_back_as_what_they_are(shared: Hands, how: str, status: int, code: str, said: str) -> None:
    with pytest.raises(TaskError, match=said) as raised:
        shared.perform("fail", {"how": how})
    assert (raised.value.status, raised.value.code) == (status, code)


def test_what_is_no_json_is_an_error(shared: Hands) -> None:
    with pytest.raises(TaskError, match="not a number"):
        shared.perform("strange", {})


def test_a_task_that_is_asked_to_stop_stops_and_the_process_goes_on(hands: Hands) -> None:
    process = hands.perform("count", {"frames": 1})["process"]
    begun = time.monotonic()
    with pytest.raises(Stopped):
        hands.perform("count", {"frames": 10_000}, stopped=lambda: time.monotonic() > begun + 0.3)
    assert time.monotonic() - begun < 3
    assert hands.perform("count", {"frames": 2}) == {"frames": 2, "process": process}


def test_an_answer_that_comes_after_a_stop_is_not_the_next_tasks(hands: Hands) -> None:
    hands.perform("count", {"frames": 1})
    assert hands.perform("deaf", {"seconds": 0.5}, stopped=lambda: True) == {"late": True}  # it was done before it knew
    assert hands.perform("count", {"frames": 3})["frames"] == 3

    def fails() -> bool:
        raise RuntimeError("whoever asked has gone")

    with pytest.raises(RuntimeError, match="has gone"):
        hands.perform("deaf", {"seconds": 0.5}, stopped=fails)
    assert hands.perform("count", {"frames": 4})["frames"] == 4


def test_a_task_that_does_not_listen_is_ended_in_time(tmp_path: Path) -> None:
    hands = Hands(read_settings({}, data=tmp_path), "test", tasks=TASKS, patience=0.3)
    hands.perform("count", {"frames": 1})
    process, begun = hands.process_id, time.monotonic()
    with pytest.raises(Stopped):
        hands.perform("deaf", {"seconds": 60}, stopped=lambda: True)
    assert time.monotonic() - begun < 4
    assert process is not None
    assert hands.process_id is None
    assert hands.perform("count", {"frames": 1})["process"] != process
    hands.close()


def test_a_process_that_dies_is_noticed_and_replaced(hands: Hands) -> None:
    with pytest.raises(Died, match=r"ended by itself \(exit code 9\)"):
        hands.perform("die", {"times": 1})
    assert hands.perform("die", {"times": 1})["frames"] == 1


def test_closing_ends_what_is_under_way_for_good(hands: Hands) -> None:
    hands.perform("count", {"frames": 1})
    threading.Timer(0.3, hands.close).start()
    begun = time.monotonic()
    with pytest.raises(Died):
        hands.perform("deaf", {"seconds": 60})
    assert time.monotonic() - begun < 6
    with pytest.raises(Died, match="the server stops"):
        hands.perform("count", {"frames": 1})


@linux
def test_no_process_outlives_a_server_that_is_killed(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        textwrap.dedent(
            f"""
            from pathlib import Path
            from perceptkit.server import read_settings
            from perceptkit.server.processes.hands import Hands
            from slow_tasks import TASKS
            if __name__ == "__main__":
                hands = Hands(read_settings({{}}, data={str(tmp_path)!r}), "test", tasks=TASKS)
                hands.perform("count", {{"frames": 1}})
                print(hands.process_id, flush=True)
                hands.perform("deaf", {{"seconds": 60}})
            """
        )
    )
    given = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    server = subprocess.Popen([sys.executable, program], stdout=subprocess.PIPE, text=True, env=given)
    assert server.stdout is not None
    child = int(server.stdout.readline())
    assert alive(child)
    server.send_signal(signal.SIGKILL)
    server.wait()
    server.stdout.close()
    wait_for(lambda: not alive(child), seconds=5)


@posix
def test_a_process_that_cannot_be_started_is_not_a_lost_result(tmp_path: Path) -> None:
    import resource

    hands = Hands(read_settings({}, data=tmp_path), "test", tasks=TASKS)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        with pytest.raises(Died, match="could not be started"):
            hands.perform("count", {"frames": 1})
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert hands.perform("count", {"frames": 1})["frames"] == 1
    hands.close()


def test_a_line_of_the_log_is_one_line() -> None:
    command = (
        "import logging; from perceptkit.server.logs import log_to_stderr; log_to_stderr('INFO');"
        "logging.getLogger('perceptkit.server').info('GET %s', '/a\\nb\\x1b[2J');"
        "logging.getLogger('uvicorn.error').info('GET /ws?ticket=secret')"
    )
    said = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True).stderr
    (line,) = said.splitlines()
    assert line.endswith(r"Z INFO    GET /a\nb\x1b[2J")
    assert line[10] == "T"


def test_folders_named_from_where_the_server_was_started_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PERCEPTKIT_MODELS", "../models")
    (tmp_path / "data").mkdir()
    hands = Hands(read_settings({}, data="data"), "test", tasks=TASKS)
    try:
        found = hands.perform("place", {})
    finally:
        hands.close()
    assert Path(found["models"]).resolve() == tmp_path.parent / "models"
    assert found["folder"] == str(tmp_path / "data")
