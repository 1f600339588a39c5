"""`perceptkit serve` and `perceptkit worker`, but that their jobs are those of `slow_tasks`."""

from __future__ import annotations

import argparse

from perceptkit.server import read_settings, run_worker, serve
from slow_tasks import TASKS

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("program", choices=["serve", "worker"])
    for option in ("--data", "--db", "--token"):
        parser.add_argument(option)
    parser.add_argument("--port", type=int)
    given = vars(parser.parse_args())
    {"serve": serve, "worker": run_worker}[given.pop("program")](read_settings(**given), tasks=TASKS)
