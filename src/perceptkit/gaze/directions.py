"""The one place where the signs of a gaze are written down.

Angles are degrees: yaw > 0 looks to image-left, pitch > 0 looks up, (0, 0) looks into the lens. The same direction as
a unit vector has camera axes, x to image-right, y down, z away from the camera:

    g = (-cos(pitch) sin(yaw), -sin(pitch), -cos(pitch) cos(yaw))

(the convention of Gaze360 and L2CS-Net: Kellnhofer et al., ICCV 2019; Abdelrahman et al., arXiv:2203.03339).
"""

from __future__ import annotations

import math

import numpy as np

from ..arrays import Floats

__all__ = ["angles", "direction", "off_camera"]


def direction(yaw: float, pitch: float) -> Floats:
    """The unit vector (3,) float32 of a yaw and a pitch in degrees."""
    y, p = math.radians(yaw), math.radians(pitch)
    return np.array([-math.cos(p) * math.sin(y), -math.sin(p), -math.cos(p) * math.cos(y)], np.float32)


def angles(vector: Floats) -> tuple[float, float]:
    """Yaw (-180..180) and pitch (-90..90) in degrees of a vector (3,) of any length but zero."""
    x, y, z = (float(value) for value in vector)
    length = math.sqrt(x * x + y * y + z * z)
    return math.degrees(math.atan2(-x, -z)), math.degrees(math.asin(max(-1.0, min(1.0, -y / length))))


def off_camera(yaw: float, pitch: float) -> float:
    """The angle in degrees (0..180) between a gaze and the way into the lens: acos(cos(pitch) cos(yaw))."""
    cosine = math.cos(math.radians(pitch)) * math.cos(math.radians(yaw))
    return math.degrees(math.acos(max(-1.0, min(1.0, cosine))))
