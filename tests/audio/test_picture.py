"""What a recording looks like at a glance: what is drawn, and where."""

import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from PIL import Image

from perceptkit.arrays import Floats, Picture
from perceptkit.audio.angles import CONVENTIONS, Convention
from perceptkit.audio.picture import draw
from perceptkit.audio.types import AngleTrack, Gap, Recording
from perceptkit.errors import InputError, MediaError

NOTHING = AngleTrack(np.empty(0), np.empty(0))
NORTH = Convention("north")

SOUND, GAP = (92, 116, 140), (255, 205, 150)
DIRECTION, HELD, ELEVATION, MEAN = (0, 90, 156), (150, 192, 226), (122, 190, 160), (213, 94, 0)

LEFT, RIGHT, FAR_RIGHT = 156, 1132, 1552  # the axis of time, with and without a rose beside it
TOP, ONE_LANE = 152, 160
ANGLES, ANGLES_HIGH = TOP + ONE_LANE + 56, 280  # under one channel
ROSE_X, ROSE_Y, ROSE_RADIUS = 1356, (TOP + ANGLES + ANGLES_HIGH) / 2 - 42, 132


def test_a_click_is_drawn_at_its_time(tmp_path: Path) -> None:
    samples = np.zeros(480_000)  # more than one block
    samples[[120_000, 400_001]] = 0.9, -0.9
    page = picture(recorded(tmp_path, samples, rate=48_000))
    middle = TOP + ONE_LANE // 2
    up = page[TOP : middle - 10, LEFT:FAR_RIGHT]
    down = page[middle + 10 : TOP + ONE_LANE, LEFT:FAR_RIGHT]
    assert places(up) == pytest.approx([2.5 / 10 * (FAR_RIGHT - LEFT)], abs=1.5)
    assert places(down) == pytest.approx([400_001 / 480_000 * (FAR_RIGHT - LEFT)], abs=1.5)


def test_the_last_sample_is_at_the_end_of_the_axis(tmp_path: Path) -> None:
    samples = np.zeros(16_000)
    samples[[0, -1]] = 0.9
    page = picture(recorded(tmp_path, samples))
    assert places(page[TOP : TOP + 60, LEFT:FAR_RIGHT]) == pytest.approx([0, FAR_RIGHT - LEFT - 1], abs=1.5)


@pytest.mark.parametrize(("peak", "larger"), [(0.9, 1), (0.3, 2), (0.04, 20), (0.004, 100), (0.0008, 100)])
def test_quiet_sound_is_drawn_larger_in_steps(tmp_path: Path, peak: float, larger: int) -> None:
    page = picture(recorded(tmp_path, np.tile([peak, -peak], 8000), subtype="FLOAT"))
    rows = np.flatnonzero(near(page[TOP : TOP + ONE_LANE, 800], SOUND))
    assert len(rows) == pytest.approx(peak * larger * (ONE_LANE - 8), abs=3)


def test_four_channels_are_drawn_of_six_all_on_one_scale(tmp_path: Path) -> None:
    samples = np.tile([0.1, 0.4, 0.0, 0.2, 0.9, 0.3], (16_000, 1)) * np.tile([[1], [-1]], (8000, 1))
    page = picture(recorded(tmp_path, samples))
    lane = 76
    highs = [int(near(page[TOP + lane * n : TOP + lane * (n + 1), 800], SOUND).sum()) for n in range(4)]
    assert highs == pytest.approx([0.1 * (lane - 8), 0.4 * (lane - 8), 1, 0.2 * (lane - 8)], abs=2)
    assert not near(page[TOP + 4 * lane :], SOUND).any()


def test_a_gap_is_marked_where_sound_is_missing(tmp_path: Path) -> None:
    gaps = (Gap(2.0, 16_000, "missing"), Gap(7.0, 0, "overflow"), Gap(10.0, 0, "missing"))
    page = picture(recorded(tmp_path, np.zeros(160_000), gaps=gaps))
    marked = np.flatnonzero(near(page[TOP + 20, LEFT:FAR_RIGHT], GAP))
    second = (FAR_RIGHT - LEFT) / 10
    runs = np.split(marked, np.flatnonzero(np.diff(marked) > 1) + 1)
    assert [run[0] for run in runs] == pytest.approx([2 * second, 7 * second, 10 * second - 2], abs=2)
    assert [len(run) for run in runs] == pytest.approx([second, 2, 2], abs=2)


@pytest.mark.parametrize(
    ("azimuth", "convention", "towards"),
    [
        (90, CONVENTIONS["azimuth"], (-1, 0)),
        (-90, CONVENTIONS["azimuth"], (1, 0)),
        (0, CONVENTIONS["azimuth"], (0, -1)),
        (-180, CONVENTIONS["azimuth"], (0, 1)),
        (90, CONVENTIONS["dial"], (1, 0)),
        (0, CONVENTIONS["unit-circle"], (1, 0)),
        (90, NORTH, (-1, 0)),  # counter-clockwise from north: west
        (90, CONVENTIONS["compass"], (1, 0)),  # east
        (180, CONVENTIONS["compass"], (0, 1)),
    ],
)
def test_the_rose_has_left_at_the_left_and_east_at_the_right(
    tmp_path: Path, azimuth: float, convention: Convention, towards: tuple[int, int]
) -> None:
    page = picture(recorded(tmp_path, np.zeros(16_000), track([0.0], [azimuth], convention=convention)))
    along, aside = rose(page, DIRECTION) @ np.array(towards), rose(page, DIRECTION) @ np.array(towards[::-1])
    assert len(along) > 300
    assert along.min() > 0
    assert along.max() == pytest.approx(ROSE_RADIUS, abs=2)
    assert np.abs(aside).max() < ROSE_RADIUS * np.sin(np.radians(5)) + 2  # ten degrees wide
    assert (rose(page, MEAN) @ np.array(towards)).max() == pytest.approx(ROSE_RADIUS, abs=6)


def test_sectors_are_as_large_in_area_as_in_time(tmp_path: Path) -> None:
    many_on_the_left = np.linspace(0, 2, 100, endpoint=False)
    angles = track([*many_on_the_left, 2.0], [*np.full(100, 90.0), -90.0])
    x, _ = rose(picture(recorded(tmp_path, np.zeros(160_000), angles)), DIRECTION).T  # 2 s left, 8 s right
    assert x.max() == pytest.approx(ROSE_RADIUS, abs=2)
    assert x.min() == pytest.approx(-ROSE_RADIUS / 2, abs=2)


def test_the_rose_counts_where_a_source_passed_between_two_angles(tmp_path: Path) -> None:
    angles = track([0.0, 0.999], [-45.0, 45.0])  # as much time in each direction between them
    x, y = rose(picture(recorded(tmp_path, np.zeros(16_000), angles)), DIRECTION).T
    ahead = np.abs(x) < -y * np.tan(np.radians(4))
    assert -y[ahead].min() == pytest.approx(ROSE_RADIUS, abs=6)


def test_the_mean_line_is_as_long_as_the_angles_agree(tmp_path: Path) -> None:
    angles = track([0.0, 5.0], [30.0, -30.0])
    tip = rose(picture(recorded(tmp_path, np.zeros(160_000), angles)), MEAN)[:, 1].min()
    assert -tip == pytest.approx(ROSE_RADIUS * np.cos(np.radians(30)) + 5, abs=2)  # and the dot at its end
    opposite = track([0.0, 5.0], [90.0, -90.0])
    assert not len(rose(picture(recorded(tmp_path, np.zeros(160_000), opposite)), MEAN))


def test_left_is_above_and_nothing_is_known_before_the_first_angle(tmp_path: Path) -> None:
    times = np.arange(4, 10, 0.5)
    page = panel(picture(recorded(tmp_path, np.zeros(160_000), track(times, np.linspace(60, 115, 12)))))
    rows, columns = np.nonzero(near(page, DIRECTION))
    assert columns.min() == pytest.approx(4 / 10 * (RIGHT - LEFT), abs=2)
    assert columns.max() == pytest.approx(RIGHT - LEFT - 1, abs=2)
    assert rows[columns < columns.min() + 4].mean() == pytest.approx((180 - 60) / 360 * ANGLES_HIGH, abs=2)
    assert rows[columns > columns.max() - 4].mean() == pytest.approx((180 - 115) / 360 * ANGLES_HIGH, abs=2)


@pytest.mark.parametrize(("convention", "sign"), [(CONVENTIONS["azimuth"], 1), (NORTH, -1), (CONVENTIONS["sofa"], 1)])
def test_no_line_is_drawn_through_the_front_from_179_to_minus_179(
    tmp_path: Path, convention: Convention, sign: int
) -> None:
    times = np.arange(0, 10, 0.4)
    angles = track(times, [150 + 20 * n % 60 - 360 * (20 * n % 60 > 25) for n in range(25)], convention=convention)
    page = panel(picture(recorded(tmp_path, np.zeros(160_000), angles)))
    blue = page[..., 2].astype(int) - page[..., 0] > 20
    assert not blue[60 : ANGLES_HIGH - 60].any()
    rows = np.flatnonzero(blue.any(axis=1))
    assert (rows.min(), rows.max()) == pytest.approx((0, ANGLES_HIGH - 1), abs=1)


def test_east_is_above_in_angles_from_north(tmp_path: Path) -> None:
    angles = track(np.arange(0, 10, 0.5), np.full(20, 90.0), convention=CONVENTIONS["compass"])
    rows, _ = np.nonzero(near(panel(picture(recorded(tmp_path, np.zeros(160_000), angles))), DIRECTION))
    assert rows.mean() == pytest.approx(ANGLES_HIGH / 4, abs=2)


def test_a_direction_that_is_held_is_paler_than_one_that_is_measured(tmp_path: Path) -> None:
    angles = track([0.0, 0.5, 1.0, 6.0], [45.0, 45.0, 45.0, -45.0])
    page = panel(picture(recorded(tmp_path, np.zeros(160_000), angles)))
    second = (RIGHT - LEFT) / 10
    left, right = (near(page[round(share * ANGLES_HIGH)], HELD) for share in (0.375, 0.625))
    assert places(page[: ANGLES_HIGH // 2], DIRECTION) == pytest.approx([second / 2], abs=8)
    assert np.flatnonzero(left)[[0, -1]] == pytest.approx([second, 6 * second], abs=5)
    assert np.flatnonzero(right)[[0, -1]] == pytest.approx([6 * second, 10 * second], abs=5)
    assert not near(page[110:170, : round(5 * second)], HELD).any()  # and no line from one to the next


def test_elevation_is_drawn_where_there_is_one(tmp_path: Path) -> None:
    times = np.arange(0, 10, 0.5)
    angles = track(times, np.full(20, -90.0), elevation=np.full(20, 45.0))
    rows, columns = np.nonzero(near(panel(picture(recorded(tmp_path, np.zeros(160_000), angles))), ELEVATION))
    assert rows.mean() == pytest.approx((180 - 45) / 360 * ANGLES_HIGH, abs=2)
    assert len(np.unique(columns)) == pytest.approx(RIGHT - LEFT, abs=12)  # but for the lines of the grid


@pytest.mark.parametrize("samples", [[], [0.5], [0.5, -0.5, 0.1], np.zeros(16_000)])
@pytest.mark.parametrize("angles", [NOTHING, AngleTrack(np.zeros(1), np.zeros(1)), AngleTrack(np.ones(2), np.zeros(2))])
def test_short_and_silent_recordings_have_a_picture(tmp_path: Path, samples: Any, angles: AngleTrack) -> None:
    recording = recorded(tmp_path, samples, angles)
    page = picture(recording)
    known = len(angles) == 1 and len(samples) > 0  # the others begin after the sound
    assert near(page, SOUND).any() == (len(samples) > 0)
    assert (len(rose(page, DIRECTION)) > 100) == known
    assert page.shape == (ANGLES + (ANGLES_HIGH if known else 100) + 56, 1600, 3)


def test_angles_before_and_after_the_sound_do_no_harm(tmp_path: Path) -> None:
    angles = track([-3.0, -1.0, 4.0, 20.0, 30.0], [0.0, 90.0, -90.0, 0.0, 10.0])
    x, y = rose(picture(recorded(tmp_path, np.zeros(160_000), angles)), DIRECTION).T
    assert np.abs(y).max() < 15  # 4 s at the left, 6 s at the right
    assert x.min() == pytest.approx(-ROSE_RADIUS * np.sqrt(4 / 6), abs=2)


def test_samples_that_are_no_numbers_do_no_harm(tmp_path: Path) -> None:
    samples = np.tile([0.9, -0.9], 8000)
    samples[100], samples[9000:] = np.inf, np.nan
    page = picture(recorded(tmp_path, samples, subtype="FLOAT"))
    columns = np.flatnonzero(near(page[TOP + 20, LEFT:FAR_RIGHT], SOUND))
    assert columns.max() == pytest.approx(9 / 16 * (FAR_RIGHT - LEFT), abs=2)


class Long(Recording):
    """Ten hours of sound that is made while it is read: a tone that stops after the half."""

    def blocks(self, start: float = 0.0, end: float | None = None, *, size: int = 1 << 18) -> Iterator[Floats]:
        """As a recording gives them."""
        loud = np.tile(np.array([[0.9], [-0.9]], np.float32), (size // 2, 1))
        silent = np.zeros_like(loud)
        for first in range(0, self.samples, size):
            yield (loud if first < self.samples / 2 else silent)[: self.samples - first]


def test_hours_need_no_more_memory_than_minutes_and_are_no_solid_block(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    times = np.sort(random.uniform(0, 36_000, 500_000))
    angles = AngleTrack(times, random.uniform(-180, 180, 500_000))
    recording = Long(tmp_path / "long.wav", 2000, 1, 72_000_000, "PCM_16", angles)
    tracemalloc.start()
    page = picture(recording)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 150e6  # the samples alone are 288 MB
    columns = np.flatnonzero(near(page[TOP + 20, LEFT:RIGHT], SOUND))
    assert columns[[0, -1]] == pytest.approx([0, (RIGHT - LEFT) / 2], abs=4)
    assert 150 < panel(page).mean(axis=(0, 1))[0] < 235


def test_a_source_that_stays_is_a_strong_line_among_many_angles(tmp_path: Path) -> None:
    times = np.linspace(0, 36_000, 500_000, endpoint=False)
    azimuth = np.where(np.arange(500_000) % 50, 90.0, -90.0)  # every fiftieth comes from elsewhere
    page = panel(picture(Long(tmp_path / "long.wav", 10, 1, 360_000, "PCM_16", AngleTrack(times, azimuth))))
    strong, faint = page[ANGLES_HIGH // 4], page[3 * ANGLES_HIGH // 4]
    assert near(strong, DIRECTION, within=20).mean() > 0.9
    assert not near(faint, DIRECTION, within=60).any()
    assert (faint[:, 0] < 225).mean() > 0.9


def test_the_line_of_facts_grows_with_what_there_is_to_say(tmp_path: Path) -> None:
    plain = heading_end(picture(recorded(tmp_path, np.zeros(16_000))))
    started = datetime(2025, 3, 4, tzinfo=UTC)
    dated = heading_end(picture(recorded(tmp_path, np.zeros(16_000), started=started)))
    gaps = (Gap(0.5, 1600, "missing"),)
    broken = heading_end(picture(recorded(tmp_path, np.zeros(16_000), started=started, gaps=gaps, state="interrupted")))
    assert plain < dated < broken < FAR_RIGHT


def test_a_long_name_in_other_letters_stays_on_the_page(tmp_path: Path) -> None:
    name = "Größe_日本語_" + "sehr-lang-" * 20 + ".wav"
    page = picture(recorded(tmp_path, np.zeros(16_000), name=name))
    assert page[20:70, :FAR_RIGHT].min() < 100
    assert (page[20:70, FAR_RIGHT:] == 255).all()


def test_a_picture_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    class Damaged(Recording):
        def blocks(self, start: float = 0.0, end: float | None = None, *, size: int = 1 << 18) -> Iterator[Floats]:
            yield np.zeros((size, 1), np.float32)
            raise MediaError("the disk has a hole")

    target = tmp_path / "picture.png"
    target.write_bytes(b"the one from before")
    with pytest.raises(MediaError, match="hole"):
        draw(Damaged(tmp_path / "a.wav", 16_000, 1, 1 << 20, "PCM_16", NOTHING), target)
    assert target.read_bytes() == b"the one from before"
    assert [path.name for path in tmp_path.iterdir()] == ["picture.png"]
    with pytest.raises(InputError, match="No such file or directory"):
        draw(recorded(tmp_path, np.zeros(10)), tmp_path / "nowhere" / "picture.png")


def test_a_picture_does_not_replace_the_sound(tmp_path: Path) -> None:
    recording = recorded(tmp_path, np.zeros(10))
    with pytest.raises(InputError, match="written over"):
        draw(recording, recording.path)


def recorded(
    folder: Path,
    samples: Any,
    angles: AngleTrack = NOTHING,
    *,
    rate: int = 16_000,
    subtype: str = "PCM_16",
    name: str = "sound.wav",
    **facts: Any,
) -> Recording:
    """A recording of samples (samples,) or (samples, channels), in a file."""
    path = folder / name
    array = np.asarray(samples, np.float64)
    soundfile.write(path, array, rate, subtype=subtype)
    channels = 1 if array.ndim == 1 else array.shape[1]
    return Recording(path, rate, channels, len(array), subtype, angles, **facts)


def track(times: Any, azimuth: Any, **more: Any) -> AngleTrack:
    return AngleTrack(np.asarray(times, np.float64), np.asarray(azimuth, np.float64), **more)


def picture(recording: Recording) -> Picture:
    """What is drawn of a recording, RGB."""
    path = draw(recording, recording.path.with_name("picture.png"))
    with Image.open(path) as image:
        assert (image.format, image.mode, image.width) == ("PNG", "RGB", 1600)
        return np.asarray(image)


def near(page: Picture, colour: tuple[int, int, int], within: int = 12) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Which pixels have a colour."""
    return np.asarray((np.abs(page.astype(int) - colour) <= within).all(axis=-1))


def places(strip: Picture, colour: tuple[int, int, int] = SOUND) -> list[float]:
    """The middles of the runs of columns in which something has a colour."""
    columns = np.flatnonzero(near(strip, colour).any(axis=0))
    return [float(run.mean()) for run in np.split(columns, np.flatnonzero(np.diff(columns) > 1) + 1) if len(run)]


def panel(page: Picture) -> Picture:
    """The directions over time, under one channel."""
    return page[ANGLES : ANGLES + ANGLES_HIGH, LEFT:RIGHT]


def rose(page: Picture, colour: tuple[int, int, int]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Where the rose has a colour, (N, 2): to the right of its middle, and below."""
    rows, columns = np.nonzero(near(page[:, 1180:], colour))
    return np.column_stack([columns + 1180.5 - ROSE_X, rows + 0.5 - ROSE_Y])


def heading_end(page: Picture) -> int:
    """Where the line under the name ends."""
    return int(np.flatnonzero((page[72:94] < 200).any(axis=(0, 2))).max())
