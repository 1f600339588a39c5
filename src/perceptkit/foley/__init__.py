"""Find the footsteps in a video, and give them a sound.

    from perceptkit import foley

    found = foley.detect("walk.mp4", preset="permissive")     # a video -> footsteps
    found.save("walk-foley")                                  # events for spreadsheets, samplers, editors; statistics
    style = foley.Style("gravel", "boot")
    foley.add_sound("walk.mp4", found.steps, "walk-heard.mp4", style)      # the video with their sound
    sound = foley.render(found.steps, style)                  # the sound alone, float32 (samples, 2), 48 kHz
    foley.annotate(found, "walk-annotated.mp4")               # the video with skeletons, contacts and counters
    steps = foley.detect_footsteps(poses)                     # landmarks in memory -> footsteps

Names are loaded when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import load_names

if TYPE_CHECKING:
    from .adding import Dub, add_sound, check_dub, write_sound
    from .advice import AUTO, Advice, suggest
    from .annotation import annotate
    from .auditioning import audition
    from .causal import CausalDetector
    from .detection import detect
    from .events import moved, read_events
    from .exports import EXPORTS, Clip, clip_at, clip_of, rows, write_exports
    from .following import follow_people
    from .footsteps import FOOTSTEP_DETECTORS, SENSITIVITIES, FootstepDetector, detect_footsteps, to_poses
    from .gait import contacts, statistics
    from .keeping import keep_detection, read_detection
    from .live import Performance, perform
    from .mixing import ORIGINALS, mix
    from .people import PERSON_DETECTORS, PersonDetector, load_people
    from .pose import POSE_MODELS, MediaPipePose, load_pose
    from .rendering import LOUDNESS, Style, SyntheticVoice, Voice, render, render_stems
    from .results import Detection, save_events
    from .samples import SampleVoice, check_samples, load_samples, sample_at
    from .session import LiveSession
    from .smpte import timecode
    from .sound.loudness import integrated_loudness, true_peak
    from .sound.space import ROOMS
    from .surfaces import SHOES, SURFACES
    from .synth import step_sound
    from .types import Footstep, Pose

_HOMES = {
    "adding": ("Dub", "add_sound", "check_dub", "write_sound"),
    "advice": ("AUTO", "Advice", "suggest"),
    "annotation": ("annotate",),
    "auditioning": ("audition",),
    "causal": ("CausalDetector",),
    "detection": ("detect",),
    "events": ("moved", "read_events"),
    "exports": ("EXPORTS", "Clip", "clip_at", "clip_of", "rows", "write_exports"),
    "following": ("follow_people",),
    "footsteps": ("FOOTSTEP_DETECTORS", "SENSITIVITIES", "FootstepDetector", "detect_footsteps", "to_poses"),
    "gait": ("contacts", "statistics"),
    "keeping": ("keep_detection", "read_detection"),
    "live": ("Performance", "perform"),
    "sound.loudness": ("integrated_loudness", "true_peak"),
    "mixing": ("ORIGINALS", "mix"),
    "people": ("PERSON_DETECTORS", "PersonDetector", "load_people"),
    "pose": ("POSE_MODELS", "MediaPipePose", "load_pose"),
    "rendering": ("LOUDNESS", "Style", "SyntheticVoice", "Voice", "render", "render_stems"),
    "results": ("Detection", "save_events"),
    "samples": ("SampleVoice", "check_samples", "load_samples", "sample_at"),
    "session": ("LiveSession",),
    "smpte": ("timecode",),
    "sound.space": ("ROOMS",),
    "surfaces": ("SHOES", "SURFACES"),
    "synth": ("step_sound",),
    "types": ("Footstep", "Pose"),
}

__all__ = [
    "AUTO",
    "EXPORTS",
    "FOOTSTEP_DETECTORS",
    "LOUDNESS",
    "ORIGINALS",
    "PERSON_DETECTORS",
    "POSE_MODELS",
    "ROOMS",
    "SENSITIVITIES",
    "SHOES",
    "SURFACES",
    "Advice",
    "CausalDetector",
    "Clip",
    "Detection",
    "Dub",
    "Footstep",
    "FootstepDetector",
    "LiveSession",
    "MediaPipePose",
    "Performance",
    "PersonDetector",
    "Pose",
    "SampleVoice",
    "Style",
    "SyntheticVoice",
    "Voice",
    "add_sound",
    "annotate",
    "audition",
    "check_dub",
    "check_samples",
    "clip_at",
    "clip_of",
    "contacts",
    "detect",
    "detect_footsteps",
    "follow_people",
    "integrated_loudness",
    "keep_detection",
    "load_people",
    "load_pose",
    "load_samples",
    "mix",
    "moved",
    "perform",
    "read_detection",
    "read_events",
    "render",
    "render_stems",
    "rows",
    "sample_at",
    "save_events",
    "statistics",
    "step_sound",
    "suggest",
    "timecode",
    "to_poses",
    "true_peak",
    "write_exports",
    "write_sound",
]

__getattr__, __dir__ = load_names(__name__, _HOMES)
