"""The models of a process, loaded when they are first needed and then kept."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any, TypeVar

from ..face_models import detector_name, embedder_name
from ..settings import Settings
from .sessions import LiveSessions

if TYPE_CHECKING:
    from ...face import Detector, Embedder
    from ...foley import MediaPipePose, PersonDetector
    from ...gaze import Estimator

__all__ = ["Models"]

T = TypeVar("T")


class Models:
    """Loaded models, each once, and live sessions that use them. ModelError or DeviceError when one cannot be had."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._loaded: dict[Hashable, Any] = {}
        self.live = LiveSessions()

    def gaze(self, name: str) -> Estimator:
        """The gaze model of this name, as `gaze.annotate_video` would load it."""
        from ...gaze import load_gaze

        device = self.settings.device
        return self._once(("gaze", name), lambda: load_gaze(name, device=device, threads=1))

    def gaze_detector(self) -> Detector:
        """The detector for videos whose gaze is read, as `gaze.annotate_video` would load it."""
        from ...face import load_detector
        from ...gaze.defaults import LOWEST_SCORE

        name, device = detector_name(self.settings), self.settings.device
        return self._once(
            "gaze detector", lambda: load_detector(name, device=device, threads=1, min_score=LOWEST_SCORE)
        )

    def face_detector(self) -> Detector:
        """The detector for faces that are to be told apart."""
        from ...face import load_detector

        name, device = detector_name(self.settings), self.settings.device
        return self._once("face detector", lambda: load_detector(name, device=device, threads=1))

    def embedder(self, name: str | None = None) -> Embedder:
        """What tells faces apart: the one that is set, or the one of this name that made a gallery."""
        from ...face import load_embedder

        chosen, device = name or embedder_name(self.settings), self.settings.device
        return self._once(("embedder", chosen), lambda: load_embedder(chosen, device=device, threads=1))

    def people(self) -> PersonDetector:
        """What finds people, as `foley.detect` would load it."""
        from ...foley import load_people

        preset, device = self.settings.preset, self.settings.device
        return self._once("people", lambda: load_people(preset=preset, device=device, threads=1))

    def pose(self) -> MediaPipePose:
        """What finds the landmarks of bodies."""
        from ...foley import load_pose

        return self._once("pose", lambda: load_pose(preset=self.settings.preset))

    def _once(self, key: Hashable, load: Callable[[], T]) -> T:
        """What was loaded under this key, or is loaded now."""
        if key not in self._loaded:
            self._loaded[key] = load()
        model: T = self._loaded[key]
        return model
