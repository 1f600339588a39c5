"""Train the footstep network, and find out how good it is on people it has not seen.

    python training/footsteps/train.py                    # everything: about half an hour on two cores
    python training/footsteps/train.py --only-score       # the model card again, from the folds kept in --work

Reads the gait benchmark (../shared/bench/gait), writes the weights that come with the package and their model card.
First the network is trained again and again without one of the people, and scored on that one: the table, the
calibration of the confidence and the bias of the times come from there. Then it is trained on everybody whose data may
be passed on.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import pickle
import sys
import time
import warnings
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
from perceptkit.foley.footsteps import learned  # noqa: E402
from perceptkit.foley.network import Network  # noqa: E402

OPEN_TIERS = ("A", "A-")  # of whose data weights may be passed on
KNOTS = np.linspace(0, 1, 21)


def main() -> None:
    """Train, score, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gait", type=Path, default=ROOT.parent / "shared" / "bench" / "gait")
    parser.add_argument("--work", type=Path, default=ROOT / "training-out", help="where the folds are kept")
    parser.add_argument("--variants", type=int, default=40, help="renderings of each clip")
    parser.add_argument("--steps", type=int, default=3500)
    parser.add_argument("--folds", type=int, default=0, help="groups of people that are left out; 0: each one alone")
    parser.add_argument("--workers", type=int, default=2, help="networks trained at once, each on one core")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only-score", action="store_true")
    options = parser.parse_args()
    if not options.gait.is_dir():
        sys.exit(f"there is no gait benchmark in {options.gait}; say where it is with --gait")
    warnings.simplefilter("ignore")  # means of empty slices, in the renderer
    options.work.mkdir(exist_ok=True)
    if not options.only_score:
        train(options)
    report(options)


def train(options: argparse.Namespace) -> None:
    """A network for all, and one for each fold; kept in `work`."""
    tracks = data.tracks(options.gait, options.variants, seed=options.seed, workers=options.workers)
    seconds = sum(len(track.signals.times) for track in tracks) / 60
    print(f"{len(tracks)} tracks, {seconds / 60:.0f} minutes", flush=True)
    usable = [track for track in tracks if track.tier in OPEN_TIERS]
    folds = folds_of(sorted({track.subject for track in usable}), options.folds, options.seed)
    everybody = sorted({track.subject for track in tracks})
    (options.work / "folds.json").write_text(json.dumps({subject: folds.get(subject) for subject in everybody}))
    with (options.work / "tracks.pickle").open("wb") as file:
        pickle.dump(usable, file, protocol=5)
    os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    with ProcessPoolExecutor(options.workers, mp_context=get_context("spawn")) as pool:
        work = partial(train_fold, options.work, folds, seed=options.seed, steps=options.steps)
        for fold, seconds in pool.map(work, [None, *sorted(set(folds.values()))]):
            print("everybody" if fold is None else f"without fold {fold}", f"{seconds:.0f} s", flush=True)


def train_fold(
    folder: Path, folds: dict[str, int], fold: int | None, *, seed: int, steps: int
) -> tuple[int | None, float]:
    """A network from everybody but those in the fold, kept in the folder; the fold, and how long it took in seconds."""
    begun = time.monotonic()
    with (folder / "tracks.pickle").open("rb") as file:
        tracks = pickle.load(file)  # noqa: S301 - it was written a moment ago, by `train`
    chosen = [track for track in tracks if fold is None or folds[track.subject] != fold]
    np.savez(folder / f"fold-{fold}.npz", **learn.fit(chosen, seed=seed, steps=steps))
    return fold, time.monotonic() - begun


def folds_of(subjects: Sequence[str], count: int, seed: int) -> dict[str, int]:
    """Deal the subjects out; with a count of 0 each is alone."""
    order = np.random.default_rng(seed).permutation(len(subjects))
    return {subjects[index]: int(place % (count or len(subjects))) for place, index in enumerate(order)}


def report(options: argparse.Namespace) -> None:
    """Score the folds, and write the weights of all with what the folds say of them, and the model card."""
    sys.path.insert(0, str(options.gait))
    scorer = importlib.import_module("score")

    folds = json.loads((options.work / "folds.json").read_text())
    # Whose data may not be passed on (None) is scored by the network of all others: it has not seen them.
    networks = {fold: _arrays(options.work / f"fold-{fold}.npz") for fold in set(folds.values())}
    clips = [scorer.load(path) for path in scorer.files("dev", root=str(options.gait / "bench"))]
    fold_of = [folds[clip["meta"]["subject"]] for clip in clips]
    bare = [predict(clip, Network.of(networks[fold]), "high") for clip, fold in zip(clips, fold_of, strict=True)]
    # What is said of a clip never comes from its own subjects: neither the network, nor the delays and the calibration.
    noted = {fold: network | notes(scorer, *_without(fold, fold_of, clips, bare)) for fold, network in networks.items()}
    predicted = [predict(clip, Network.of(noted[fold])) for clip, fold in zip(clips, fold_of, strict=True)]
    table = tabulate(scorer, clips, predicted)
    print(table)

    final = _arrays(options.work / "fold-None.npz")
    final = {name: value.astype(np.float16) for name, value in final.items()} | notes(scorer, clips, bare)
    target = Path(foley.__file__).parent / "footsteps.npz"
    np.savez_compressed(target, **final)
    card = ROOT / "docs" / "footsteps-model.md"
    card.write_text(CARD.format(table=table, size=target.stat().st_size, **vars(options)))
    print(f"written: {target} ({target.stat().st_size:,} bytes), {card}")


Events = list[tuple[str, str, float, float]]


def predict(clip: dict[str, Any], network: Network, sensitivity: str = "medium") -> Events:
    """The events of a clip as the scorer wants them: foot, type, seconds, confidence."""
    times = np.arange(len(clip["lm"])) / clip["fps"]
    poses = foley.to_poses(times, clip["lm"][..., :3], clip["vis"])
    steps = foley.detect_footsteps(poses, detector=learned(network), sensitivity=sensitivity)
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
        judged.sort()
        shares = isotonic_regression([float(right) for _, right in judged]).x
        calibration[kind] = np.interp(KNOTS, [probability for probability, _ in judged], shares)
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
    by_clip = {id(clip): events for clip, events in zip(clips, predicted, strict=True)}
    records = []
    for clip in clips:
        events, length = by_clip[id(clip)], clip["meta"]["duration"]
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
        rows.append(
            f"| {name} | {near['F1']:.3f} | {far['F1']:.3f} | {far['P']:.3f}, {far['R']:.3f} "
            f"| {far['med_abs_ms'] or 0} ms, {far['bias_ms'] or 0:+} ms |"
        )

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


def _without(fold: int | None, fold_of: Sequence[int | None], *lists: Sequence[Any]) -> list[list[Any]]:
    return [[each for each, of in zip(items, fold_of, strict=True) if of != fold] for items in lists]


def _arrays(path: Path) -> dict[str, Any]:
    with np.load(path) as file:
        return dict(file)


CARD = """# The footstep network

What `perceptkit.foley` finds footsteps with: a temporal convolutional network of about 22,000 weights ({size:,} bytes).

- **Made from**: the development half of the gait benchmark: motion capture of walking, running, stairs, jumps and of
  people who do not walk, rendered by moving and still cameras and spoiled as pose estimates are
  (`training/footsteps/data.py`). The weights come from the clips of tiers A and A- only: CMU mocap (mocap.cs.cmu.edu,
  created with funding from NSF EIA-0196217), OpenSim (Apache-2.0), BMC (CC BY 4.0), and test data of nimblephysics
  (BSD-2-Clause) and pyCGM (MIT).
- **Made by**: `make train` (`training/footsteps/train.py --variants {variants} --steps {steps}
  --seed {seed}`).
- **Answers**: how likely a heel strike and a toe-off are, 60 times a second, for each foot; confidence is calibrated:
  of events with confidence 0.8 about 80 % are right (within 100 ms, with the right foot), on data of this kind.
- **Not for**: gait analysis in medicine. Rendered tracks are easier than what a pose estimator gives in real video.

## How good it is

On the development half, by cross-validation that leaves out one person after the other: nobody is scored by a network,
a delay or a calibration that has seen them. Foot and type have to be right.

{table}
"""


if __name__ == "__main__":
    main()
