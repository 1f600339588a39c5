"""Train the footstep network, and find out how good it is on people it has not seen.

    python training/footsteps/train.py                    # everything: about forty minutes on two cores
    python training/footsteps/train.py --only-score       # the model card again, from the networks kept in --work

Reads the gait benchmark (../shared/bench/gait), writes the weights that come with the package and their model card.
The network is trained on everybody whose data may be passed on, and then again and again without one of these people,
who is scored by that one: the table, the calibration of the confidence and the delays of the times come from there.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import pickle
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import isotonic_regression

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(Path(__file__).parent))

import data  # noqa: E402
import learn  # noqa: E402

from perceptkit import foley  # noqa: E402
from perceptkit.foley.footsteps import FootstepDetector, learned  # noqa: E402
from perceptkit.foley.network import Network  # noqa: E402
from perceptkit.foley.reading import network_candidates  # noqa: E402
from perceptkit.foley.signals import RATE  # noqa: E402

OPEN_TIERS = ("A", "A-")  # of whose data weights may be passed on
KNOTS = np.linspace(0, 1, 21)


def main() -> None:
    """Train, score, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gait", type=Path, default=ROOT.parent / "shared" / "bench" / "gait")
    parser.add_argument("--work", type=Path, default=ROOT / "training-out", help="where the networks are kept")
    parser.add_argument("--variants", type=int, default=40, help="renderings of each clip")
    parser.add_argument("--steps", type=int, default=3500)
    parser.add_argument("--workers", type=int, default=2, help="networks trained at once, each on one core")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only-score", action="store_true")
    options = parser.parse_args()
    if not options.gait.is_dir():
        sys.exit(f"there is no gait benchmark in {options.gait}; say where it is with --gait")
    options.work.mkdir(exist_ok=True)
    if not options.only_score:
        train(options)
    report(options)


def train(options: argparse.Namespace) -> None:
    """A network from everybody, and one without each of them; kept in `work`."""
    tracks = data.tracks(options.gait, options.variants, seed=options.seed, workers=options.workers)
    minutes = sum(len(track.signals.times) for track in tracks) / RATE / 60
    print(f"{len(tracks)} tracks, {minutes:.0f} minutes", flush=True)
    usable = [track for track in tracks if track.tier in OPEN_TIERS]
    with (options.work / "tracks.pickle").open("wb") as file:
        pickle.dump(usable, file, protocol=5)
    made = {"variants": options.variants, "steps": options.steps, "seed": options.seed}
    made["people"] = sorted({track.subject for track in usable})
    (options.work / "training.json").write_text(json.dumps(made))
    os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    with ProcessPoolExecutor(options.workers, mp_context=get_context("spawn")) as pool:
        work = partial(train_without, options.work, seed=options.seed, steps=options.steps)
        for name, seconds in pool.map(work, [None, *made["people"]]):
            print(f"{name}: {seconds:.0f} s", flush=True)


def train_without(folder: Path, subject: str | None, *, seed: int, steps: int) -> tuple[str, float]:
    """A network from everybody but one person, kept in the folder: its name, and how long it took in seconds."""
    begun = time.monotonic()
    with (folder / "tracks.pickle").open("rb") as file:
        tracks = pickle.load(file)  # noqa: S301 - it was written a moment ago, by `train`
    weights = learn.fit([track for track in tracks if track.subject != subject], seed=seed, steps=steps)
    np.savez(folder / f"{network_name(subject)}.npz", **weights)
    return network_name(subject), time.monotonic() - begun


def network_name(subject: str | None) -> str:
    """What the network without a person is called."""
    return "everybody" if subject is None else f"without-{subject}"


def report(options: argparse.Namespace) -> None:
    """Score everybody by a network that has not seen them; write the weights, with what is known then, and the card."""
    sys.path.insert(0, str(options.gait))
    scorer = importlib.import_module("score")

    made = json.loads((options.work / "training.json").read_text())
    # Whose data may not be passed on is scored by the network of all others: it has not seen them.
    networks = {person: _arrays(options.work / f"{network_name(person)}.npz") for person in (None, *made["people"])}
    clips = [scorer.load(path) for path in scorer.files("dev", root=str(options.gait / "bench"))]
    whose = [clip["meta"]["subject"] if clip["meta"]["subject"] in networks else None for clip in clips]
    bare = [alone(clip, Network.of(networks[person])) for clip, person in zip(clips, whose, strict=True)]
    # What is said of a clip never comes from its own person: neither the network, nor the delays and the calibration.
    detectors = {
        person: learned(Network.of(network | notes(scorer, *_without(person, whose, clips, bare))))
        for person, network in networks.items()
    }
    predicted = [events_of(steps_of(clip, detectors[person])) for clip, person in zip(clips, whose, strict=True)]
    table = tabulate(scorer, clips, predicted)
    print(table)

    final = {name: value.astype(np.float16) for name, value in networks[None].items()}
    target = Path(foley.__file__).parent / "footsteps.npz"
    np.savez_compressed(target, **final, **notes(scorer, clips, bare))
    count = sum(value.size for value in final.values())
    card = ROOT / "docs" / "footsteps-model.md"
    card.write_text(CARD.format(table=table, size=target.stat().st_size, count=count, **made))
    print(f"written: {target} ({target.stat().st_size:,} bytes), {card}")


Events = list[tuple[str, str, float, float]]


def steps_of(clip: dict[str, Any], detector: FootstepDetector, sensitivity: str = "medium") -> list[foley.Footstep]:
    """The footsteps of a clip."""
    times = np.arange(len(clip["lm"])) / clip["fps"]
    poses = foley.to_poses(times, clip["lm"][..., :3], clip["vis"])
    return foley.detect_footsteps(poses, detector=detector, sensitivity=sensitivity)


def alone(clip: dict[str, Any], network: Network) -> Events:
    """What a network sees in a clip, as much of it as may be right."""
    detector = FootstepDetector(partial(network_candidates, network))
    return events_of([step for step in steps_of(clip, detector, "high") if not step.inferred])


def events_of(steps: Sequence[foley.Footstep]) -> Events:
    """Footsteps as the scorer wants them: foot, type, seconds, confidence."""
    return [(SHORT[step.foot], SHORT[step.event], step.time, step.confidence) for step in steps]


SHORT = {"left": "L", "right": "R", "heel_strike": "HS", "toe_off": "TO"}
KINDS = ("HS", "TO")


def notes(scorer: Any, clips: Sequence[dict[str, Any]], predicted: Sequence[Events]) -> dict[str, Any]:
    """The delays, and the calibration of the probabilities, by how those predictions fit the clips.

    A delay is the median over people of the median of each: some were recorded often, and each laboratory has its own.
    """
    delays, calibration = np.zeros(2), np.zeros((2, len(KNOTS)))
    for kind, name in enumerate(KINDS):
        errors: dict[str, list[float]] = defaultdict(list)
        judged = []
        for clip, events in zip(clips, predicted, strict=True):
            of_clip, right = _judge(scorer, clip, events, name)
            errors[clip["meta"]["subject"]] += of_clip
            judged += right
        delays[kind] = np.median([np.median(of_subject) for of_subject in errors.values() if of_subject])
        probabilities, which = np.unique([probability for probability, _ in judged], return_inverse=True)
        counts = np.bincount(which)
        shares = np.bincount(which, [right for _, right in judged]) / counts
        calibration[kind] = np.interp(KNOTS, probabilities, isotonic_regression(shares, weights=counts).x)
    return {"delays": delays.astype(np.float32), "calibration": calibration.astype(np.float32)}


def _judge(
    scorer: Any, clip: dict[str, Any], events: Events, kind: str
) -> tuple[list[float], list[tuple[float, bool]]]:
    """The errors of the events that are there (within 100 ms, with the right foot), and of each whether it is."""
    errors, judged = [], []
    duration = clip["meta"]["duration"]
    for foot in ("L", "R"):
        true = np.array([when for side, what, when in clip["events"] if (side, what) == (foot, kind)])
        mine = [(when, sure) for side, what, when, sure in events if (side, what) == (foot, kind)]
        pairs = scorer.match(true, np.array([when for when, _ in mine]), 0.1)
        errors += [mine[index][0] - true[place] for place, index in pairs]
        found = {index for _, index in pairs}
        judged += [
            (sure, index in found)
            for index, (when, sure) in enumerate(mine)
            if index in found or scorer.EDGE < when < duration - scorer.EDGE
        ]
    return errors, judged


def tabulate(scorer: Any, clips: Sequence[dict[str, Any]], predicted: Sequence[Events]) -> str:
    """The scores as a table of Markdown."""
    records = []
    for clip, events in zip(clips, predicted, strict=True):
        length = clip["meta"]["duration"]
        scores = {
            (kind, tolerance): scorer.score(clip["events"], events, length, tolerance, kind)
            for kind in KINDS
            for tolerance in (0.05, 0.1)
        }
        false = sum(what == "HS" and scorer.EDGE < when < length - scorer.EDGE for _, what, when, _ in events)
        records.append((clip["meta"], scores, false))
    positive = [record for record in records if not record[0]["negative"]]
    negative = [record for record in records if record[0]["negative"]]
    head = "| events | F1 at 50 ms | F1 at 100 ms | precision, recall at 100 ms | median error, bias |"
    rows = [head, "|---|---|---|---|---|"]

    def row(name: str, kind: str, chosen: Sequence[Any]) -> None:
        near, far = (scorer.agg([scores[kind, tolerance] for _, scores, _ in chosen]) for tolerance in (0.05, 0.1))
        errors = f"{far['med_abs_ms']} ms, {far['bias_ms']:+} ms" if far["tp"] else "none found"
        rows.append(f"| {name} | {near['F1']:.3f} | {far['F1']:.3f} | {far['P']:.3f}, {far['R']:.3f} | {errors} |")

    row("heel strikes", "HS", positive)
    row("toe-offs", "TO", positive)
    for key, title in (("view", "view"), ("noise", "noise"), ("fps_out", "frames a second"), ("act", "activity")):
        for value in sorted({record[0][key] for record in positive}):
            row(f"heel strikes, {title} {value}", "HS", [each for each in positive if each[0][key] == value])
    minutes = sum(meta["duration"] for meta, _, _ in negative) / 60
    rows.append("")
    rows.append(f"False heel strikes where nobody walks: {sum(each[2] for each in negative) / minutes:.2f} a minute.")
    for kind in KINDS:
        judged = sorted(
            judgement
            for clip, events in zip(clips, predicted, strict=True)
            for judgement in _judge(scorer, clip, events, kind)[1]
        )
        rows.append(f"Calibration error of the confidence (ECE, ten bins), {kind}: {_calibration_error(judged):.3f}.")
    return "\n".join(rows)


def _calibration_error(judged: Sequence[tuple[float, bool]]) -> float:
    sure, right = np.array(judged, float).T
    bins = np.minimum((sure * 10).astype(int), 9)
    return float(sum(abs((sure - right)[bins == each].sum()) for each in range(10)) / len(judged))


def _without(person: str | None, whose: Sequence[str | None], *lists: Sequence[Any]) -> list[list[Any]]:
    return [[each for each, of in zip(items, whose, strict=True) if of != person] for items in lists]


def _arrays(path: Path) -> dict[str, Any]:
    with np.load(path) as file:
        return dict(file)


CARD = """# The footstep network

What `perceptkit.foley` finds footsteps with: a temporal convolutional network of {count:,} weights ({size:,} bytes).

- **Made from**: the development half of the gait benchmark: motion capture of walking, running, stairs, jumps and of
  people who do not walk. Each recording is changed into other people's movements (strides, slopes, stairs, how a foot
  is lifted, turned and put down, hips that sway; hops and standing are made up), its events moved by the benchmark's
  own rule (`training/footsteps/bodies.py`, `rule.py`), rendered by moving and still cameras, and spoiled as pose
  estimates are (`data.py`). The weights come from the clips of tiers A and A- only: CMU mocap (mocap.cs.cmu.edu,
  created with funding from NSF EIA-0196217), OpenSim (Apache-2.0), BMC (CC BY 4.0), and test data of nimblephysics
  (BSD-2-Clause) and pyCGM (MIT).
- **Made by**: `make train` (`training/footsteps/train.py --variants {variants} --steps {steps}
  --seed {seed}`).
- **Answers**: how likely a heel strike and a toe-off are, 60 times a second, for each foot; confidence is calibrated:
  of events with confidence 0.8 about 80 % are right (within 100 ms, with the right foot), on data of this kind.
- **Not for**: gait analysis in medicine. Rendered tracks are easier than what a pose estimator gives in real video.

## How good it is

On the development half, by cross-validation that leaves out one person after the other: nobody is scored by a network,
a delay or a calibration that has seen them. (One number has: the 36 ms between the farthest reach of a leg and the
strike.) Foot and type have to be right. How the detector works was chosen by looking at this table; other people and
real videos may be worse.

{table}
"""


if __name__ == "__main__":
    main()
