"""Read and write videos: frames with their own times, sound kept, nothing half-written.

    with video.read("in.mp4") as frames, video.Writer("out.mp4", frames.info, sound="in.mp4") as writer:
        for frame in video.prefetch(frames):
            writer.write(frame)

Names are loaded when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import load_names
from ..threads import prefetch

if TYPE_CHECKING:
    from .frames import Frame, Frames, VideoInfo, batched
    from .hearing import read_sound
    from .opening import SUFFIXES, Limits
    from .reading import info, read
    from .replacing import check_copyable, frame_times, replace_sound
    from .sources import open_source, read_camera, read_folder, read_photos
    from .targets import check_target
    from .window import Show, open_window
    from .writing import Writer

_HOMES = {
    "frames": ("Frame", "Frames", "VideoInfo", "batched"),
    "hearing": ("read_sound",),
    "opening": ("SUFFIXES", "Limits"),
    "reading": ("info", "read"),
    "replacing": ("check_copyable", "frame_times", "replace_sound"),
    "sources": ("open_source", "read_camera", "read_folder", "read_photos"),
    "targets": ("check_target",),
    "window": ("Show", "open_window"),
    "writing": ("Writer",),
}

__all__ = [
    "SUFFIXES",
    "Frame",
    "Frames",
    "Limits",
    "Show",
    "VideoInfo",
    "Writer",
    "batched",
    "check_copyable",
    "check_target",
    "frame_times",
    "info",
    "open_source",
    "open_window",
    "prefetch",
    "read",
    "read_camera",
    "read_folder",
    "read_photos",
    "read_sound",
    "replace_sound",
]

__getattr__, __dir__ = load_names(__name__, _HOMES)
