"""Find where every face in a video looks.

    from perceptkit import gaze

    result = gaze.annotate_video("talk.mp4", "talk-gaze", preset="permissive")    # files in, files out
    estimate = gaze.load_gaze("mobileone-s0")                                     # face crops in memory -> gazes
    for reading in gaze.read_gaze(frames, detect, estimate): ...                  # frames in memory -> gazes

Names are loaded when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import load_names

if TYPE_CHECKING:
    from .annotation import annotate_video
    from .attention import Region, at_camera, looks_at, mutual, parse_region, regions_met
    from .directions import angles, direction, off_camera
    from .drawing import draw
    from .estimate import GAZE_MODELS, Estimator, load_gaze
    from .heatmap import HeatMap
    from .lanes import Lane, timeline
    from .live import watch
    from .reading import Reading, read_gaze
    from .results import Annotation
    from .smoothing import Smoother
    from .summary import Attention
    from .types import FrameGaze, Gaze

_HOMES = {
    "annotation": ("annotate_video",),
    "attention": ("Region", "at_camera", "looks_at", "mutual", "parse_region", "regions_met"),
    "directions": ("angles", "direction", "off_camera"),
    "drawing": ("draw",),
    "estimate": ("GAZE_MODELS", "Estimator", "load_gaze"),
    "heatmap": ("HeatMap",),
    "lanes": ("Lane", "timeline"),
    "live": ("watch",),
    "reading": ("Reading", "read_gaze"),
    "results": ("Annotation",),
    "smoothing": ("Smoother",),
    "summary": ("Attention",),
    "types": ("FrameGaze", "Gaze"),
}

__all__ = [
    "GAZE_MODELS",
    "Annotation",
    "Attention",
    "Estimator",
    "FrameGaze",
    "Gaze",
    "HeatMap",
    "Lane",
    "Reading",
    "Region",
    "Smoother",
    "angles",
    "annotate_video",
    "at_camera",
    "direction",
    "draw",
    "load_gaze",
    "looks_at",
    "mutual",
    "off_camera",
    "parse_region",
    "read_gaze",
    "regions_met",
    "timeline",
    "watch",
]

__getattr__, __dir__ = load_names(__name__, _HOMES)
