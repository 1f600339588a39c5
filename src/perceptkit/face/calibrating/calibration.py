"""Which similarity is good enough, measured on photos whose people are known: `calibrate`.

OUT/calibration.json   the thresholds with their intervals, what they were measured on and with
OUT/roc.png            genuine pairs that match over impostor pairs that match, as far as the data can say
OUT/scores.png         how alike pairs of one person and of two are

A calibration that could choose a threshold is also kept for the user (see `face.thresholds`), so that "calibrated" is a
threshold in later calls with the same embedder.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ... import __version__
from ...errors import InputError
from ...files import check_folder
from ...models import check_device
from .. import defaults
from ..detect import Detector
from ..embed import Embedder
from ..loading import load_detector, load_embedder
from ..thresholds import calibration_file
from ..types import ItemError
from .labelled import LabelledFace, find_labelled, look_at_labelled, thin_out
from .pairs import Closest, PairCounts, Tail, count_pairs, genuine_below, impostor_tail
from .rates import OperatingPoint, area, equal_error_rate, mark_fnmr, power, threshold_points, why_not
from .results import Calibration, refuse_strange, write_calibration
from .suspects import suspects

__all__ = ["Calibration", "OperatingPoint", "calibrate"]

_LOWEST_RATE, _HIGHEST_RATE = 1e-9, 0.1
_SHARE = 5  # times the highest rate: the share of the impostor pairs whose exact similarity is held
_FEW, _MOST = 200_000, 10_000_000  # impostor pairs: held even so, and the most that are (400 MB while they are sorted)


def calibrate(
    labelled: str | Path,
    folder: str | Path = defaults.CALIBRATION_FOLDER,
    *,
    detector: str | Path | Detector | None = None,
    embedder: str | Path | Embedder | None = None,
    preset: str | None = None,
    device: str = "auto",
    min_score: float = defaults.MIN_SCORE,
    min_quality: float = defaults.CALIBRATION_QUALITY,
    rate: float | None = None,
    seed: int = 0,
    progress: Callable[[int, int | None], None] | None = None,
) -> Calibration:
    """Measure which thresholds an embedder needs, on photos whose people are known, and choose one.

    `labelled` is a folder with a subfolder of photos for each person, or with files named NAME_1.jpg, NAME_2.jpg; the
    largest face of each photo counts, if its quality is `min_quality` or more (of more than 20,000 faces so many, taken
    by chance). Thresholds are given at false match rates of 1e-2, 1e-3, 1e-4 and 1e-5, as far as there are people
    enough to say, each with an interval of 95 %. Chosen is the one at `rate` (1e-9 to 0.1), by default at the lowest of
    these rates that can be said; none where most names of files have one photo, for then it is not known who is who. It
    is written to `folder`, and kept so that later calls take it for the threshold "calibrated". With the same `seed`
    the intervals are the same. Models are those of `extract`.

    A photo that cannot be used is an entry in the result's `errors`; the others go on. Raises InputError for a folder
    without two people, a value that is wrong, or a `rate` that the data cannot say; ModelError or DeviceError when the
    models or the disk fail.
    """
    if rate is not None and not _LOWEST_RATE <= rate <= _HIGHEST_RATE:
        between = f"from {power(_LOWEST_RATE)} to {_HIGHEST_RATE}"
        raise InputError(f"the rate is {rate}; give a false match rate {between}, such as 1e-3")
    if not 0 <= min_quality <= 1:
        raise InputError(f"min_quality is {min_quality}; a quality lies between 0 and 1")
    check_device(device)
    folder = check_folder(folder)
    refuse_strange(folder)
    found = find_labelled(labelled, folder)
    photos = found.photos
    _require(rate, len({photo.label for photo in photos}))
    # The work is spread over the CPUs picture by picture, so one run of a network takes one thread.
    detector = load_detector(detector, preset=preset, device=device, threads=1, min_score=min_score)
    embedder = load_embedder(embedder, preset=preset, device=device, threads=1)
    kept = _where_kept(embedder.sha256)

    looked = look_at_labelled(photos, detect=detector, embed=embedder, progress=progress)
    usable = [face for face in looked if isinstance(face, LabelledFace)]
    errors = [
        ItemError(str(photo.path), type(seen).__name__, str(seen))
        for photo, seen in zip(photos, looked, strict=True)
        if not isinstance(seen, LabelledFace)
    ]
    poor = [
        (face.photo.path, f"the quality of its face is {face.quality:.2f}, too low")
        for face in usable
        if face.quality < min_quality
    ]
    good = [face for face in usable if face.quality >= min_quality]
    _require_two(good, labelled, len(photos), errors)
    compared = thin_out(good, _most_faces(rate), seed)
    measured = _measure(compared, rate, found.doubt, seed)
    notes, remarks = _notes(compared, measured, embedder.threshold, earlier=kept is not None and kept.exists())
    if len(compared) < len(good):
        remarks.append(
            f"of {len(good):,} faces {len(compared):,}, taken by chance, were compared; more would say no more"
        )
    chosen = measured.chosen
    genuine = bool(measured.counts.genuine.any())
    result = Calibration(
        folder=folder,
        kept=kept if chosen else None,
        photos=len(photos),
        faces=len(compared),
        people=measured.people,
        counts=measured.counts,
        points=measured.points,
        chosen=chosen,
        equal_error_rate=equal_error_rate(measured.counts) if genuine else None,
        area=area(measured.counts) if genuine else None,
        errors=tuple(errors),
        notes=(*notes, *((str(labelled), remark) for remark in (*found.remarks, *remarks))),
        skipped=tuple((str(path), reason) for path, reason in (*found.skipped, *poor)),
        settings={
            "perceptkit": __version__,
            "labelled": str(labelled),
            "detector": {"name": detector.name, "sha256": detector.sha256, "device": detector.device},
            "embedder": {
                "name": embedder.name,
                "sha256": embedder.sha256,
                "device": embedder.device,
                "threshold": embedder.threshold,
            },
            "min_score": detector.min_score,
            "min_face": defaults.MIN_FACE,
            "min_quality": min_quality,
            "rate": rate,
            "seed": seed,
        },
    )
    write_calibration(result)
    return result


def _most_faces(rate: float | None) -> int:
    """How many faces are compared at most: as many as can be with the pairs that a `rate` needs in memory."""
    return math.isqrt(int(2 * _MOST / (_SHARE * max(rate or 0, *defaults.CALIBRATION_RATES))))


def _require_two(faces: Sequence[LabelledFace], labelled: str | Path, photos: int, errors: Sequence[ItemError]) -> None:
    """Raise InputError when the faces are of fewer than two people."""
    people = len({face.photo.label for face in faces})
    if people < 2:
        first = f"; the first error: {errors[0].message}" if errors else ""
        raise InputError(
            f"of the {photos} photos in {labelled}, {len(faces)} have a face that can be used, of {people} "
            f"{'person' if people == 1 else 'people'}; two people or more are needed{first}"
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Measured:
    counts: PairCounts
    people: int
    closest: Closest
    tail: Tail
    points: tuple[OperatingPoint, ...]
    chosen: OperatingPoint | None
    why: str  # nothing was chosen


def _measure(faces: Sequence[LabelledFace], rate: float | None, doubt: str, seed: int) -> _Measured:
    """What the pairs of the faces say at the usual rates and at `rate`, which they must be able to say.

    Nothing is chosen where the labels are in `doubt`.
    """
    vectors = np.stack([face.embedding for face in faces])
    labels, people = np.unique([face.photo.label for face in faces], return_inverse=True)
    rates = sorted({*defaults.CALIBRATION_RATES, *([rate] if rate else [])}, reverse=True)
    counts, closest = count_pairs(vectors, people)
    pairs = int(counts.impostor.sum())
    _require(rate, len(labels))
    tail = impostor_tail(vectors, people, counts.impostor, max(_FEW, math.ceil(_SHARE * rates[0] * pairs)))
    points = threshold_points(tail, people, pairs, rates, seed=seed)
    limits = np.array([2.0 if point.threshold is None else point.threshold for point in points])
    below, genuine = genuine_below(vectors, people, limits)
    points = [mark_fnmr(point, below[:, n], genuine, seed=seed) for n, point in enumerate(points)]
    sayable = [point for point in points if point.threshold is not None and rate in (None, point.rate)]
    chosen = sayable[-1] if sayable and not doubt else None
    why = "" if chosen else doubt or next(point.reason for point in points if point.reason)
    return _Measured(counts, len(labels), closest, tail, tuple(points), chosen, why)


def _notes(
    faces: Sequence[LabelledFace], measured: _Measured, usual: float, *, earlier: bool
) -> tuple[list[tuple[str, str]], list[str]]:
    """Notes on photos whose label may be wrong, and remarks on the whole."""
    chosen = measured.chosen
    # Wrong labels drive up the threshold that is found with them.
    limit = usual if chosen is None or chosen.threshold is None else min(chosen.threshold, usual)
    notes, remarks = suspects(faces, measured.closest, measured.tail, limit)
    if not measured.counts.genuine.any():
        remarks.append("no person has two photos that can be used, so nothing is said of the FNMR")
    if chosen is None:
        stays = "what was calibrated before stays" if earlier else f"the embedder's own stays, {usual:.3f}"
        remarks.append(f"no threshold was chosen ({measured.why}); {stays}")
    return notes, remarks


def _require(rate: float | None, people: int) -> None:
    """Raise InputError for a rate that so many people cannot say."""
    if rate is None or not (reason := why_not(rate, people)):
        return
    sayable = [power(each) for each in defaults.CALIBRATION_RATES if not why_not(each, people)]
    instead = f"it can say {' and '.join(sayable)}" if sayable else "it can say none; more people are needed"
    raise InputError(f"the data cannot say a threshold at a false match rate of {power(rate)}, {reason}; {instead}")


def _where_kept(sha256: str) -> Path | None:
    """The file in which later calls find the calibration; InputError, before the work begins, when it cannot be."""
    kept = calibration_file(sha256)
    if kept is not None:
        try:
            check_folder(kept.parent)
        except InputError as error:
            raise InputError(
                f"a calibration cannot be kept in {kept.parent}; set PERCEPTKIT_CALIBRATIONS to a folder that can be "
                "written to"
            ) from error
    return kept
