"""What the command line shows while it works."""

from __future__ import annotations

import time

from perceptkit.terminal import _Lines, _Rate, progress


def test_the_rate_is_that_of_this_run_and_starts_anew_with_the_next_file() -> None:
    rate = _Rate()
    rate(5000)  # done before, by a run that was stopped
    time.sleep(0.05)
    assert 0 < rate(5010) < 10 / 0.05
    assert rate(3) == 0  # another file
    time.sleep(0.05)
    assert 0 < rate(13) < 10 / 0.05


def test_short_work_prints_nothing_where_there_is_no_terminal() -> None:
    with progress("photos") as report:
        assert isinstance(report, _Lines)
        report(0, 10)
        report(10, 10)
