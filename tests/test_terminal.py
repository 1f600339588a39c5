"""What the command line shows while it works."""

from __future__ import annotations

import time
import weakref

import pytest

from perceptkit.terminal import _Rate, progress


def test_the_rate_is_that_of_this_run_and_starts_anew_with_the_next_file() -> None:
    rate = _Rate()
    rate(5000)  # done before, by a run that was stopped
    time.sleep(0.05)
    assert 0 < rate(5010) < 10 / 0.05
    assert rate(3) == 0  # another file
    time.sleep(0.05)
    assert 0 < rate(13) < 10 / 0.05


def test_short_work_prints_nothing_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("photos") as report:
        report(0, 10)
        report(10, 10)
    assert capsys.readouterr().err == ""


class Thing:
    pass


def test_ctrl_c_that_comes_within_a_callback_is_not_lost(capsys: pytest.CaptureFixture[str]) -> None:
    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    thing = Thing()
    kept = weakref.ref(thing, interrupt)
    with progress("photos") as report:
        report(1, 3)
        del thing  # Python drops what a callback raises
        assert kept() is None
        with pytest.raises(KeyboardInterrupt):
            report(2, 3)
    assert capsys.readouterr().err == ""


def test_ctrl_c_that_is_lost_after_the_last_report_is_not_lost(capsys: pytest.CaptureFixture[str]) -> None:
    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    def work() -> None:
        thing = Thing()
        kept = weakref.ref(thing, interrupt)
        with progress("photos") as report:
            report(1, 1)
            del thing
            assert kept() is None

    with pytest.raises(KeyboardInterrupt):
        work()
    assert capsys.readouterr().err == ""
