"""A window that shows who is before a camera, as it happens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from ...arrays import Floats
from ...tracks import Tracker
from ...video import Show, open_source, open_window, read_camera
from .. import defaults
from ..detect import Detector
from ..embed import Embedder
from ..gallery.files import load_gallery
from ..gallery.identity import name_of, similarities
from ..gallery.people import Gallery
from ..loading import load_detector, load_embedder_of
from ..moments import Moments
from ..samples import Sample, look_at
from ..thresholds import resolve_threshold
from ..units import centre
from .following import MAX_GAP, worth_of
from .framing import Framing, cut, output_size
from .showing import Shown, draw_names
from .voting import one_place_at_a_time

__all__ = ["watch"]

_TITLE = "perceptkit faces (q to quit)"
_LATELY = 2.0  # seconds after which moments count once more for as long, and then no longer
_INSTEAD = "without --live the result is written to files"


def watch(
    source: int | str | Path = 0,
    *,
    gallery: str | Path | Gallery,
    target: str | None = None,
    crop: bool = False,
    detector: str | Path | Detector | None = None,
    embedder: str | Path | Embedder | None = None,
    preset: str | None = None,
    device: str = "auto",
    threshold: float | str | None = None,
    min_score: float = defaults.MIN_SCORE,
    min_face: int = defaults.MIN_FACE,
    track_faces: int = defaults.TRACK_FACES,
    show: Show | None = None,
) -> int:
    """Show who is before a camera (by its index), or in a video, until q is pressed.

    A face is named by what was seen of its track so far. `crop` shows the picture that follows the target, or
    everybody, and `show` is called with each picture, by default a window on the screen. A frame that comes while the
    last is worked on is left out. The other arguments are those of `track`. Returns how many frames were shown. Raises
    DeviceError where there is no camera or no screen.
    """
    known = gallery if isinstance(gallery, Gallery) else load_gallery(gallery)
    target = None if target is None else known.person(target).name
    embed = load_embedder_of(known, embedder, preset=preset, device=device)
    detector = load_detector(detector, preset=preset, device=device, min_score=min_score)
    limit = resolve_threshold(threshold, model=embed.name, sha256=embed.sha256, usual=embed.threshold)
    naming = _Naming(known, embed, limit, track_faces, Tracker(min_score=detector.certain_score, max_gap=MAX_GAP))
    framing: Framing | None = None
    shown = 0
    with ExitStack() as opened:
        frames = opened.enter_context(read_camera(source) if isinstance(source, int) else open_source(source))
        shows = show or opened.enter_context(open_window(_TITLE, _INSTEAD))
        for frame in frames:
            (sample,) = look_at([frame], detector, min_face=min_face, max_faces=defaults.MAX_FACES)
            seen = naming.name(sample, target)
            picture = draw_names(frame.image, seen)
            if crop:
                height, width = picture.shape[:2]
                framing = framing or Framing(width, height)
                followed = [one.box for one in seen if target is None or one.target]
                box = framing.update(frame.time, np.array(followed, np.float32).reshape(-1, 4))
                picture = cut(picture, box, output_size(width, height))
            shown += 1
            if not shows(picture):
                break
    return shown


class _Naming:
    """The tracks so far, each with the best moments that say who is on it."""

    def __init__(self, gallery: Gallery, embed: Embedder, threshold: float, count: int, tracker: Tracker) -> None:
        self._gallery, self._embed, self._threshold, self._count = gallery, embed, threshold, count
        self._tracker = tracker
        self._moments: dict[int, _Lately] = {}

    def name(self, sample: Sample, target: str | None) -> list[Shown]:
        """The faces of the next frame as they are drawn."""
        boxes = np.array([face.box for face in sample.faces], np.float32).reshape(-1, 4)
        scores = np.array([face.score for face in sample.faces], np.float32)
        tracks = self._tracker.update(sample.frame.time, boxes, scores)
        places = [place for place, track in enumerate(tracks) if track is not None]
        for place in places:
            self._remember(sample, place, tracks[place] or 0)
        now = sample.frame.time
        self._moments = {track: each for track, each in self._moments.items() if now - each.last <= MAX_GAP}
        alike = self._alike([tracks[place] or 0 for place in places])
        possible = one_place_at_a_time(alike, lambda one, other: True, self._threshold)
        shown = []
        for place, row in zip(places, possible, strict=True):
            name = name_of(self._gallery, row, self._threshold).name
            person = None if name is None else self._gallery.names.index(name)
            shown.append(Shown(boxes[place], tracks[place] or 0, name, person, name is not None and name == target))
        return shown

    def _remember(self, sample: Sample, place: int, track: int) -> None:
        """Embed a face if it is among the best of its track of late, which saves most of the work."""
        lately = self._moments.setdefault(track, _Lately(self._count))
        worth = worth_of(sample.faces[place], sample.qualities[place])
        crop = sample.crops[place : place + 1]
        lately.offer(sample.frame.time, worth, lambda: (self._embed(crop)[0], worth))

    def _alike(self, tracks: Sequence[int]) -> Floats:
        """How similar each track (N,) is to each person of the gallery: (N, people), -inf where nobody can say."""
        alike = np.full((len(tracks), len(self._gallery.people)), -np.inf, np.float32)
        told = [
            (row, middle) for row, track in enumerate(tracks) if (middle := self._moments[track].middle()) is not None
        ]
        if told:
            alike[[row for row, _ in told]] = similarities(self._gallery, np.stack([middle for _, middle in told]))
        return alike


class _Lately:
    """The best moments of a track, of the last few seconds only: somebody else may have taken the place."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._now, self._before = Moments[tuple[Floats, float]](count), Moments[tuple[Floats, float]](count)
        self._since: float | None = None

    @property
    def last(self) -> float:
        """The time of the last moment."""
        return self._now.last

    def offer(self, time: float, worth: float, make: Callable[[], tuple[Floats, float]]) -> None:
        if self._since is None or time - self._since > _LATELY:
            self._before, self._now = self._now, Moments(self._count)
            self._since = time
        self._now.offer(time, worth, make)

    def middle(self) -> Floats | None:
        """The mean embedding (D,), weighted by worth; None when the embedder gave no numbers."""
        best = [*self._before.best(), *self._now.best()]
        best = [(vector, worth) for vector, worth in best if np.isfinite(vector).all()]
        if not best:
            return None
        worth = np.array([max(worth, 1e-3) for _, worth in best], np.float32)
        return centre(np.stack([vector for vector, _ in best]), worth)
