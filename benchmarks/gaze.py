"""Gaze, end to end: a video file -> the annotated video, side by side with the plain loop that everybody writes.

    python benchmarks/gaze.py [--video FILE] [--runs 3] [--seconds 6]
    python benchmarks/gaze.py --memory 10          # peak memory over ten minutes of 1080p

The plain loop decodes with OpenCV, detects faces in every frame, runs the gaze network on one crop after the other,
draws, and writes with OpenCV, each library with its defaults. Both take the same SCRFD-500M and MobileOne-S0 files, on
the CPU, both warm, in turn in one process; medians of the runs and the ratio are printed. Then the limit: what running
the networks takes by itself, as many times and on as many CPUs, and the share of it that is reached.

The gaze network here has random weights: it costs what the real one costs, and its answers mean nothing.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, cast

import av
import cv2
import numpy as np

from perceptkit import face, gaze, video
from perceptkit.models import Session, cpu_count
from perceptkit.threads import spread

SHARED = Path(__file__).resolve().parent.parent.parent / "shared"
MODELS = Path(os.environ.get("PERCEPTKIT_MODELS") or SHARED / "models")
DETECTOR, GAZE = MODELS / "scrfd-500m.onnx", MODELS / "mobileone-s0-random-weights.onnx"


def main() -> None:
    """Print the table, or the memory over time."""
    parser = argparse.ArgumentParser(description="gaze: a video to an annotated video, with a plain loop beside")
    parser.add_argument("--video", type=Path, default=MODELS.parent / "media" / "video" / "classroom.mp4")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=6.0, help="how much of the video is taken")
    parser.add_argument("--memory", type=float, metavar="MINUTES", help="measure memory on a video of this length")
    arguments = parser.parse_args()
    if not DETECTOR.exists() or not GAZE.exists() or not arguments.video.exists():
        sys.exit("needs the weights (PERCEPTKIT_MODELS) and a video (--video); see --help")
    with tempfile.TemporaryDirectory() as scratch:
        if arguments.memory:
            measure_memory(arguments.video, arguments.memory, Path(scratch))
        else:
            clip = Path(scratch) / "clip.mp4"
            with (
                video.read(arguments.video, end=arguments.seconds) as frames,
                video.Writer(clip, frames.info, quality=16, preset="medium") as writer,
            ):
                for frame in frames:
                    writer.write(frame)
            measure(clip, arguments.runs, Path(scratch))


def measure(clip: Path, runs: int, scratch: Path) -> None:
    """Time the plain loop and our settings in turn."""
    systems: dict[str, Callable[[], int]] = {
        "plain loop": plain_loop(clip, scratch / "plain.mp4"),
        "perceptkit, f32": perceptkit(clip, scratch, device="cpu"),
        "perceptkit, f32, detect-every 5": perceptkit(clip, scratch, device="cpu", detect_every=5),
    }
    if openvino():
        systems["perceptkit, openvino bf16, detect-every 5"] = perceptkit(
            clip, scratch, device="openvino", precision="bf16", detect_every=5
        )
    times: dict[str, list[float]] = {name: [] for name in systems}
    faces = {}
    for run in range(runs + 1):  # the first run warms up
        for name, system in systems.items():
            start = time.perf_counter()
            faces[name] = system()
            seconds = time.perf_counter() - start
            print(f"  {'warm-up' if not run else f'run {run}':8} {name:42} {seconds:6.1f} s", flush=True)
            if run:
                times[name].append(seconds)
    count = video.info(clip).expected_frames or 0
    print(f"{clip.name}: {count} frames, {cpu_count()} CPUs, median of {runs} runs (slowest to fastest)")
    for name, taken in times.items():
        rates = sorted(count / each for each in taken)
        line = (
            f"  {name:42} {statistics.median(rates):5.1f} frames/s ({rates[0]:.1f} to {rates[-1]:.1f}), "
            f"{faces[name]} faces"
        )
        if name != "plain loop":
            ratios = [plain / ours for ours, plain in zip(taken, times["plain loop"], strict=True)]
            limit = systems[name].limit()  # type: ignore[attr-defined]
            line += (
                f"; ratio {statistics.median(ratios):.2f}x ({min(ratios):.2f} to {max(ratios):.2f})"
                f"; networks alone {count / limit:.1f} frames/s, reached {limit / statistics.median(taken):.0%}"
            )
        print(line)


class perceptkit:  # noqa: N801 - it reads as a function
    """Our system with some settings, loaded once."""

    def __init__(
        self, clip: Path, scratch: Path, *, device: str, precision: str = "f32", detect_every: int = 1
    ) -> None:
        self.detect = face.load_detector(DETECTOR, device=device, threads=1, min_score=0.5)  # as the plain loop
        self.estimate = cast(Any, gaze.load_gaze(GAZE, device=device, threads=1, precision=precision))
        self.sessions = Counted(self.detect.session), Counted(self.estimate.session)
        self.detect.session = cast(Session, self.sessions[0])
        self.estimate.session = cast(Session, self.sessions[1])
        self.run = partial(
            gaze.annotate_video,
            clip,
            scratch / "ours.mp4",
            detector=self.detect,
            gaze=self.estimate,
            detect_every=detect_every,
        )

    def __call__(self) -> int:
        """Annotate; how many faces there were."""
        for session in self.sessions:
            session.shapes.clear()
        return int(self.run().summary["attention"]["faces"])

    def limit(self) -> float:
        """Seconds that running the networks as often as in the last call takes by itself, on all CPUs."""
        work = [
            partial(session.session, np.zeros(shape, np.float32))
            for session in self.sessions
            for shape, times in session.shapes.items()
            for _ in range(times)
        ]
        start = time.perf_counter()
        for _ in spread(lambda run: run() and None, work, workers=cpu_count()):
            pass
        return time.perf_counter() - start


class Counted:
    """A session that remembers the shapes it was called with."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.inputs, self.device, self.path = session.inputs, session.device, session.path
        self.shapes: Counter[tuple[int, ...]] = Counter()

    def __call__(self, tensor: Any) -> Any:
        """Run and remember."""
        self.shapes[tensor.shape] += 1
        return self.session(tensor)


def plain_loop(source: Path, target: Path) -> Callable[[], int]:
    """One frame after the other, one face after the other, every library as it comes."""
    import onnxruntime

    find = plain_detector()
    network = onnxruntime.InferenceSession(str(GAZE), providers=["CPUExecutionProvider"])
    name = network.get_inputs()[0].name
    mean, std = np.array([0.485, 0.456, 0.406], np.float32), np.array([0.229, 0.224, 0.225], np.float32)
    bins = np.arange(90, dtype=np.float32)

    def degrees(logits: Any) -> float:
        likely = np.exp(logits - logits.max(1, keepdims=True))
        return float((likely / likely.sum(1, keepdims=True) * bins).sum() * 4 - 180)

    def run() -> int:
        capture, faces = cv2.VideoCapture(str(source)), 0
        size = int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)), int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
        writer = cv2.VideoWriter(str(target), cv2.VideoWriter.fourcc(*"mp4v"), capture.get(cv2.CAP_PROP_FPS), size)
        while True:
            there, frame = capture.read()
            if not there:
                break
            for box in find(frame):
                x1, y1, x2, y2 = (max(0, int(value)) for value in box[:4])
                crop = cv2.resize(cv2.cvtColor(frame[y1:y2, x1:x2], cv2.COLOR_BGR2RGB), (448, 448))
                tensor = ((crop.astype(np.float32) / 255 - mean) / std).transpose(2, 0, 1)[None]
                yaw, pitch = (np.radians(degrees(output)) for output in network.run(None, {name: tensor}))
                centre, length = ((x1 + x2) // 2, (y1 + y2) // 2), x2 - x1
                tip = (
                    int(centre[0] - length * np.sin(yaw) * np.cos(pitch)),
                    int(centre[1] - length * np.sin(pitch)),
                )
                cv2.rectangle(frame, (x1, y1), (x2, y2), (0, 255, 0), 2)
                cv2.arrowedLine(frame, centre, tip, (0, 0, 255), 2)
                faces += 1
            writer.write(frame)
        writer.release()
        return faces

    return run


def plain_detector() -> Callable[[Any], Any]:
    """insightface's SCRFD at its usual 640 x 640; where it is not installed, ours, one image at a time."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            from insightface.model_zoo import get_model
        except ImportError:
            print("insightface is not installed: the plain loop takes our detector")
            ours = face.load_detector(DETECTOR, device="cpu")
            return lambda frame: [found.box for found in ours([cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)])[0]]
        model = get_model(str(DETECTOR), providers=["CPUExecutionProvider"])
    model.prepare(-1, input_size=(640, 640), det_thresh=0.5)
    return lambda frame: model.detect(frame)[0]


def openvino() -> bool:
    """Whether OpenVINO is installed."""
    try:
        import openvino as _  # noqa: F401
    except ImportError:
        print("openvino is not installed: no bf16 (pip install 'perceptkit[openvino]')")
        return False
    return True


def measure_memory(source: Path, minutes: float, scratch: Path) -> None:
    """Peak memory at every tenth of a long 1080p video, which is the source again and again."""
    large = scratch / "large.mp4"
    with video.read(source) as frames:
        info = frames.info
        about = video.VideoInfo(1920, 1080, info.rate, None, None, False, time_base=info.time_base)
        with video.Writer(large, about) as writer:
            for frame in frames:
                writer.write(frame)
    looped = scratch / "looped.mp4"
    loop(large, looped, minutes * 60)
    code = (
        "import sys; from perceptkit import gaze; "
        f"gaze.annotate_video({str(looped)!r}, {str(scratch / 'out')!r}, detector={str(DETECTOR)!r}, "
        f"gaze={str(GAZE)!r}, every=10, progress=lambda done, total: print(done, total, flush=True))"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    shown = 0
    print(f"{minutes:g} minutes of 1920 x 1080, gaze on every 10th frame, all frames written")
    for line in process.stdout:
        done, total = map(int, line.split())
        if done * 10 >= total * (shown + 1):
            shown = done * 10 // total
            status = Path(f"/proc/{process.pid}/status").read_text()
            now, peak = (
                int(next(row for row in status.splitlines() if row.startswith(key)).split()[1]) / 1e6
                for key in ("VmRSS", "VmHWM")
            )
            print(f"  {shown * 10:3} %: {now:.2f} GB now, {peak:.2f} GB peak", flush=True)
    if process.wait():
        sys.exit("the run failed")


def loop(source: Path, target: Path, seconds: float) -> None:
    """The packets of a video again and again."""
    with av.open(str(target), "w") as output:
        stream = None
        offset = 0
        while stream is None or offset * float(stream.time_base or 1) < seconds:
            with av.open(str(source)) as container:
                original = container.streams.video[0]
                stream = stream or output.add_stream_from_template(original)
                length = original.duration or 0
                for packet in container.demux(original):
                    if packet.dts is None:
                        continue
                    packet.pts, packet.dts = (packet.pts or 0) + offset, packet.dts + offset
                    packet.stream = stream
                    output.mux(packet)
                offset += length


if __name__ == "__main__":
    main()
