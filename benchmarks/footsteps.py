"""Footsteps, end to end: a video -> events, side by side with the plain loop that everybody writes.

    python benchmarks/footsteps.py [--video FILE] [--runs 3]

The plain loop decodes with OpenCV, runs YOLOv8 on every frame, and MediaPipe's Pose Landmarker on the crop of the
largest person, in one thread. Both take the same files, both are warm, in turn in one process; medians of the runs and
the ratio are printed, then what each stage takes by itself.

`detect(clip)` is the detector in the form that the scorer of the gait benchmark calls:

    cd shared/bench/gait && PYTHONPATH=REPOSITORY/benchmarks python score.py footsteps:detect --split dev
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from perceptkit import foley, video
from perceptkit.foley.camera import CameraMotion

SHARED = Path(__file__).resolve().parent.parent.parent / "shared"
MODELS = Path(os.environ.get("PERCEPTKIT_MODELS") or SHARED / "models")
PEOPLE, POSE = MODELS / "yolov8n-int8.onnx", MODELS / "pose-landmarker-lite.task"

_SHORT = {"left": "L", "right": "R", "heel_strike": "HS", "toe_off": "TO"}


def detect(clip: dict[str, Any]) -> list[tuple[str, str, float, float]]:
    """Footsteps of a clip of the gait benchmark: foot (L, R), type (HS, TO), seconds, confidence."""
    times = np.arange(len(clip["lm"])) / clip["fps"]
    poses = foley.to_poses(times, clip["lm"][..., :3], clip["vis"])
    return [
        (_SHORT[step.foot], _SHORT[step.event], step.time, step.confidence) for step in foley.detect_footsteps(poses)
    ]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="footsteps: a video to events, with a plain loop beside")
    parser.add_argument("--video", type=Path, default=MODELS.parent / "media" / "video" / "walk-grass-side.mp4")
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    if not PEOPLE.exists() or not POSE.exists() or not arguments.video.exists():
        sys.exit("needs the weights (PERCEPTKIT_MODELS) and a video (--video); see --help")
    measure(arguments.video, arguments.runs)
    measure_stages(arguments.video)


def measure(clip: Path, runs: int) -> None:
    """Time the plain loop and ours in turn."""
    people, pose = foley.load_people(PEOPLE, device="cpu", threads=1), foley.load_pose(POSE)
    systems: dict[str, Callable[[], Any]] = {
        "plain loop": plain_loop(clip),
        "perceptkit": lambda: foley.detect(clip, people=people, pose=pose),
    }
    times: dict[str, list[float]] = {name: [] for name in systems}
    for run in range(runs + 1):  # the first run warms up
        for name, system in systems.items():
            start = time.perf_counter()
            system()
            if run:
                times[name].append(time.perf_counter() - start)
    info = video.info(clip)
    count = info.frames or 0
    print(f"{clip.name}: {count} frames, {float(info.rate):g} a second; median of {runs} runs")
    for name, taken in times.items():
        rates = [count / each for each in taken]
        print(f"  {name:12} {statistics.median(rates):6.1f} frames/s ({min(rates):.1f} to {max(rates):.1f})")
    ratios = [plain / ours for plain, ours in zip(times["plain loop"], times["perceptkit"], strict=True)]
    print(
        f"  ratio {statistics.median(ratios):.2f}x ({min(ratios):.2f} to {max(ratios):.2f}), everybody in the picture"
    )


def plain_loop(clip: Path) -> Callable[[], int]:
    """One frame after the other, every library as it comes."""
    import mediapipe
    import onnxruntime
    from mediapipe.tasks.python import BaseOptions, vision

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    network = onnxruntime.InferenceSession(str(PEOPLE), options, providers=["CPUExecutionProvider"])

    def run() -> int:
        landmarker = vision.PoseLandmarker.create_from_options(
            vision.PoseLandmarkerOptions(
                base_options=BaseOptions(model_asset_path=str(POSE)), running_mode=vision.RunningMode.VIDEO
            )
        )
        capture, found, index = cv2.VideoCapture(str(clip)), 0, 0
        rate = capture.get(cv2.CAP_PROP_FPS)
        while True:
            there, frame = capture.read()
            if not there:
                break
            scale = 640 / max(frame.shape[:2])
            square = np.full((640, 640, 3), 114, np.uint8)
            small = cv2.resize(frame, None, fx=scale, fy=scale)
            square[: small.shape[0], : small.shape[1]] = small
            tensor = cv2.cvtColor(square, cv2.COLOR_BGR2RGB).astype(np.float32).transpose(2, 0, 1)[None] / 255
            output = network.run(None, {"images": tensor})[0][0]
            sure = output[:, output[4] > 0.5]
            if sure.shape[1]:
                x, y, width, height = sure[:4, (sure[2] * sure[3]).argmax()] / scale
                x1, y1 = max(0, int(x - width * 0.6)), max(0, int(y - height * 0.6))
                crop = frame[y1 : int(y + height * 0.6), x1 : int(x + width * 0.6)]
                picture = np.ascontiguousarray(cv2.cvtColor(crop, cv2.COLOR_BGR2RGB))
                shown = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=picture)
                found += bool(landmarker.detect_for_video(shown, round(index * 1000 / rate)).pose_landmarks)
            index += 1
        landmarker.close()
        return found

    return run


def measure_stages(clip: Path) -> None:
    """What each stage takes by itself, one after the other."""
    with video.read(clip) as frames:
        shown = list(frames)
    people, pose = foley.load_people(PEOPLE, device="cpu", threads=1), foley.load_pose(POSE)
    boxes = [people([frame.image])[0][0] for frame in shown[::30]]
    box = max((each for found in boxes for each in found), key=lambda each: float(each[3] - each[1]))
    camera = CameraMotion()
    found = foley.detect(clip, people=people, pose=pose)

    def follow() -> None:
        with closing(pose.follow()) as follower:
            for frame in shown[:60]:
                follower(frame.time, frame.image, box)

    def decode() -> None:
        with video.read(clip) as frames:
            for _ in frames:
                pass

    seconds = len(shown) / float(video.info(clip).rate)
    tracks = len(found.poses) / len(shown) * seconds
    stages: dict[str, tuple[Callable[[], Any], float, str]] = {
        "decoding": (decode, len(shown), "a frame"),
        "finding people": (lambda: [people([frame.image]) for frame in shown[:20]], 20, "a search"),
        "landmarks": (follow, 60, "a person and frame"),
        "camera motion": (lambda: [camera(frame.image, box[None]) for frame in shown[:60]], 60, "a frame"),
        "events": (lambda: foley.detect_footsteps(found.poses), tracks, "a second of track"),
    }
    for name, (stage, count, of) in stages.items():
        stage()
        taken = []
        for _ in range(5):
            start = time.perf_counter()
            stage()
            taken.append(time.perf_counter() - start)
        print(f"  {name:16} {np.median(taken) / count * 1000:7.2f} ms {of}")


if __name__ == "__main__":
    main()
