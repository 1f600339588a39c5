"""Recordings as objects that move: read by the standard's words, by programs for sound, and by EBU's ADM renderer."""

from __future__ import annotations

import json
import logging
import re
import shutil
import subprocess
import warnings
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import soundfile
from readers import heard_by_all, tags

from perceptkit import audio
from perceptkit.audio.adm import write_adm
from perceptkit.audio.motion import TICKS, Block, blocks
from perceptkit.audio.types import AngleTrack, Recording

RATE = 8000
MORNING = datetime(2026, 3, 29, 7, 30, 15, tzinfo=UTC)
SPACE = {"adm": "urn:ebu:metadata-schema:ebuCore_2014"}
Doubles = np.ndarray[Any, np.dtype[np.float64]]


def track(angles: dict[float, float], elevation: list[float] | None = None) -> AngleTrack:
    times, azimuth = (np.array(list(values), np.float64) for values in (angles, angles.values()))
    return AngleTrack(times, azimuth, None if elevation is None else np.array(elevation))


def recorded(
    folder: Path, angles: dict[float, float], *, seconds: float = 2, channels: int = 1, subtype: str = "PCM_16"
) -> Recording:
    """A recording of noise, with every value that a sample can have in its reach, and its directions."""
    path = folder / f"source-{channels}.wav"
    samples = np.random.default_rng(7).uniform(-1, 1, (round(seconds * RATE), channels))
    soundfile.write(path, samples, RATE, subtype=subtype)
    return Recording(path, RATE, channels, len(samples), subtype, track(angles), started=MORNING)


def written(recording: Recording, **options: Any) -> Path:
    path = recording.path.with_name("adm.wav")
    write_adm(recording, path, name=options.pop("name", "walk"), **options)
    return path


def chunks(path: Path) -> dict[bytes, bytes]:
    """The chunks of a file of less than 4 GiB, in their order."""
    data, at = path.read_bytes(), 12
    found: dict[bytes, bytes] = {}
    while at < len(data):
        name, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        if size == 0xFFFFFFFF:
            size = int.from_bytes(found[b"ds64"][8:16], "little")
        found[name] = data[at + 8 : at + 8 + size]
        at += 8 + size + size % 2
    assert at == len(data)
    return found


def model(path: Path) -> ElementTree.Element:
    found = ElementTree.fromstring(chunks(path)[b"axml"]).find(".//adm:audioFormatExtended", SPACE)
    assert found is not None
    return found


def ticks(text: str | None) -> int:
    assert text is not None
    hours, minutes, seconds, rest = map(int, re.fullmatch(r"(\d\d):(\d\d):(\d\d)\.(\d{5})", text).groups())  # type: ignore[union-attr]
    return ((60 * hours + minutes) * 60 + seconds) * TICKS + rest


def replayed(motion: list[Block], times: Doubles) -> Doubles:
    """Where a simple renderer has the source: numbers between a block's start and end, not the short way round."""
    position, found = motion[0].azimuth, np.full(times.shape, np.nan)
    for block in motion:
        if block.jump or block is motion[0]:
            position = block.azimuth
        inside = (times * TICKS >= block.start) & (times * TICKS <= block.start + block.duration)
        share = (times[inside] * TICKS - block.start) / block.duration
        found[inside] = position + share * (block.azimuth - position)
        position = block.azimuth
    return found


def check_whole(motion: list[Block], length: int) -> None:
    assert motion[0].start == 0
    assert all(before.start + before.duration == after.start for before, after in pairwise(motion))
    assert motion[-1].start + motion[-1].duration == length
    assert all(block.duration > 0 and -180 <= block.azimuth <= 180 for block in motion)


def test_a_source_that_stays_is_one_block() -> None:
    assert blocks(track({0.5: 45, 1: 45, 1.5: 45}, [10, 10, 10]), 3 * TICKS) == [Block(0, 3 * TICKS, 45, 10)]


def test_a_source_without_angles_is_in_front() -> None:
    assert blocks(track({}), 2 * TICKS) == [Block(0, 2 * TICKS, 0, 0)]


def test_steady_motion_goes_by_steps_of_five_degrees_reached_at_the_end_of_each() -> None:
    found = blocks(track({0: 20, 0.5: 15, 1: 10}), 2 * TICKS)
    assert found == [
        Block(0, 500, 19.95, 0),  # nothing to come from: it stands still for 5 ms
        Block(500, 49_500, 15, 0),
        Block(50_000, 50_000, 10, 0),
        Block(100_000, 100_000, 10, 0),
    ]


@pytest.mark.parametrize(("start", "end"), [(175, -175), (-175, 175)])
def test_behind_the_head_it_changes_sides_at_once(start: float, end: float) -> None:
    side = np.sign(start)
    assert blocks(track({0: start, 1: end}), TICKS)[1:] == [
        Block(500, 49_500, side * 180, 0),
        Block(50_000, 500, side * -179.95, 0, jump=True),
        Block(50_500, 49_500, end, 0),
    ]


@pytest.mark.parametrize("side", [1, -1])
def test_a_corner_behind_the_head_is_no_jump_ahead(side: int) -> None:
    """Also when an angle is exactly at 180, where the source goes on at another speed, or comes back, or stays."""
    motion = blocks(track({0: side * 170, 0.5: -180, 1: side * -160}), TICKS)
    assert replayed(motion, np.array([0.25, 0.75])).tolist() == pytest.approx([side * 175, side * -170])
    assert [block.duration for block in motion if block.jump] == [500]
    back = blocks(track({0: side * 170, 0.5: -180, 1: side * 170}), TICKS)
    assert replayed(back, np.array([0.25, 0.75])).tolist() == pytest.approx([side * 175, side * 175])
    assert blocks(track({0: -180}), TICKS) == [Block(0, TICKS, -180, 0)]
    left = blocks(track({0: -180, 0.5: -180, 1: side * 170}), TICKS)
    assert replayed(left, np.array([0.25, 0.75])).tolist() == pytest.approx([-180, side * 175])


def test_before_the_first_angle_and_over_long_gaps_it_stays() -> None:
    motion = blocks(track({1: 30, 3: -60}), 4 * TICKS)
    found = replayed(motion, np.array([0, 0.5, 1, 2, 2.99, 3, 3.5]))
    assert found.tolist() == pytest.approx([30, 30, 30, 30, 30, -60, -60])


def test_elevation_moves_too_and_holds_where_it_is_not_known() -> None:
    motion = blocks(track({0: 0, 0.5: 0, 1: 0}, [np.nan, 10, 30]), 2 * TICKS)
    assert [(block.start + block.duration, block.elevation) for block in motion] == [
        *((50_000, 10), (62_500, 15), (75_000, 20), (87_500, 25), (100_000, 30), (200_000, 30))
    ]


@pytest.mark.parametrize("seed", range(4))
def test_the_motion_stays_within_half_a_degree(seed: int) -> None:
    random = np.random.default_rng(seed)
    times = 0.2 * np.arange(300) + random.uniform(0, 0.15, 300)
    azimuth = audio.wrap(np.cumsum(random.normal(0, 8 * (seed + 1), 300)) + np.linspace(0, 720, 300))
    angles = AngleTrack(times, azimuth)
    motion = blocks(angles, 60 * TICKS)
    check_whole(motion, 60 * TICKS)
    moments = random.uniform(times[0] + 0.01, 60, 20_000)
    off = np.abs(audio.difference(replayed(motion, moments), angles.at(moments)))
    near_seam = np.abs(angles.at(moments)) > 170  # where it changes sides, and stands for 5 ms
    assert off[~near_seam].max() < 0.52  # with the rounding to hundredths
    assert np.mean(off[near_seam] > 0.52) < 0.05


def test_no_block_is_a_long_way_so_that_gains_that_are_faded_pass_what_lies_between() -> None:
    motion = blocks(track({0: 90, 1: -80}), TICKS)
    ways = [abs(after.azimuth - before.azimuth) for before, after in pairwise(motion)]
    assert max(ways) <= 5


def test_an_hour_of_circles_has_at_most_ten_thousand_blocks() -> None:
    times = np.arange(0, 3600, 0.5)
    motion = blocks(AngleTrack(times, audio.wrap(36 * times)), 3600 * TICKS)
    check_whole(motion, 3600 * TICKS)
    assert 1000 < len(motion) <= 10_000
    moments = np.arange(0.2, 3599, 0.731)
    off = np.abs(audio.difference(replayed(motion, moments), audio.wrap(36 * moments)))
    assert np.quantile(off, 0.99) < 1


def test_motion_that_is_too_fast_to_be_told_is_said(caplog: pytest.LogCaptureFixture) -> None:
    times = np.arange(0, 1200, 0.05)
    wild = AngleTrack(times, np.random.default_rng(3).uniform(-180, 180, len(times)))
    with caplog.at_level(logging.WARNING, "perceptkit"):
        motion = blocks(wild, 1200 * TICKS)
    check_whole(motion, 1200 * TICKS)
    assert len(motion) <= 10_000
    assert "too fast" in caplog.text


@pytest.mark.parametrize("length", [1, 13, 500, 501, 1001])
def test_the_shortest_recordings_have_motion(length: int) -> None:
    check_whole(blocks(track({0: 90, 0.00001: 80, 0.004: -170, 0.02: 10}), length), length)


@pytest.mark.parametrize(("subtype", "channels"), [("PCM_16", 1), ("PCM_24", 2), ("PCM_16", 5)])
def test_the_samples_are_copied_bit_by_bit_for_every_reader(subtype: str, channels: int, tmp_path: Path) -> None:
    recording = recorded(tmp_path, {0: 90, 1: 0}, channels=channels, subtype=subtype, seconds=1.03)
    original = chunks(recording.path)[b"data"]
    path = written(recording)
    assert chunks(path)[b"data"] == original
    wanted, _ = soundfile.read(recording.path, dtype="int32", always_2d=True)
    for heard in heard_by_all(path).values():
        assert (heard.rate, heard.channels) == (RATE, channels)
        assert np.array_equal(heard.samples, wanted)


def test_floating_point_samples_become_24_bits_which_programs_for_adm_read(tmp_path: Path) -> None:
    recording = recorded(tmp_path, {0: 90, 1: 0}, subtype="FLOAT")
    path = written(recording)
    assert soundfile.info(path).subtype == "PCM_24"
    wanted, heard = (soundfile.read(each, dtype="float32")[0] for each in (recording.path, path))
    np.testing.assert_allclose(heard, wanted, rtol=0, atol=2.0**-23)


def test_other_kinds_of_sound_are_kept_without_loss_where_that_can_be(tmp_path: Path) -> None:
    samples = np.random.default_rng(1).integers(-(1 << 23), 1 << 23, (1000, 1), dtype=np.int32) << 8
    path = tmp_path / "sound.flac"
    soundfile.write(path, samples, RATE, subtype="PCM_24")
    copy = written(audio.read(path))
    assert soundfile.info(copy).subtype == "PCM_24"
    assert np.array_equal(soundfile.read(copy, dtype="int32", always_2d=True)[0], samples)


def test_the_chunks_stand_in_the_order_of_the_standard(tmp_path: Path) -> None:
    path = written(recorded(tmp_path, {0: 90}, channels=2))
    found = chunks(path)
    assert list(found) == [b"JUNK", b"fmt ", b"bext", b"chna", b"data", b"axml"]
    assert found[b"chna"] == b"\2\0\2\0" + b"".join(
        bytes([number, 0]) + f"ATU_0000000{number}AT_00031001_01AP_00031001".encode() + b"\0" for number in (1, 2)
    )
    said = tags(path)
    assert (said["date"], said["time_reference"]) == ("2026-03-29", str((7 * 3600 + 30 * 60 + 15) * RATE))


def test_a_recording_of_unknown_start_has_no_bext(tmp_path: Path) -> None:
    path = tmp_path / "plain.wav"
    soundfile.write(path, np.zeros(RATE), RATE)
    assert b"bext" not in chunks(written(audio.read(path)))


def test_a_file_over_the_limit_is_a_bw64(tmp_path: Path) -> None:
    recording = recorded(tmp_path, {0: 90, 1: 0}, channels=2)
    path = written(recording, limit=0)
    found = chunks(path)
    data = path.read_bytes()
    assert (data[:4], data[4:8], next(iter(found))) == (b"BW64", b"\xff" * 4, b"ds64")
    assert int.from_bytes(found[b"ds64"][:8], "little") == len(data) - 8
    assert found[b"data"] == chunks(recording.path)[b"data"]
    if shutil.which("ffprobe"):
        asked = ["ffprobe", "-v", "error", "-show_streams", "-of", "json", str(path)]
        (stream,) = json.loads(subprocess.run(asked, capture_output=True, check=True).stdout)["streams"]
        facts = stream["codec_name"], stream["channels"], stream["sample_rate"], stream["duration_ts"]
        assert facts == ("pcm_s16le", 2, str(RATE), 2 * RATE)


def test_the_model_has_every_part_and_every_reference_leads_to_one(tmp_path: Path) -> None:
    found = model(written(recorded(tmp_path, {0: 10, 1: 0}, channels=3)))
    assert [each.tag.partition("}")[2] for each in found] == [
        *("audioProgramme", "audioContent", "audioObject", "audioObject", "audioObject", "audioPackFormat"),
        *("audioChannelFormat", "audioStreamFormat", "audioTrackFormat"),
        *("audioTrackUID", "audioTrackUID", "audioTrackUID"),
    ]
    names = {each.get(f"{each.tag.partition('}')[2]}ID") or each.get("UID") for each in found}
    assert None not in names
    assert len(names) == len(found)
    references = [each.text for each in found.iter() if each.tag.endswith("IDRef")]
    assert set(references) < names
    assert {each for each in names if each not in references} == {"APR_1001"}  # nothing lies idle
    gains = {each.text for each in found.iter(f"{{{SPACE['adm']}}}gain")}
    assert gains == {"0.33333333"}


def test_the_blocks_of_the_model_add_up_to_the_length_of_the_sound(tmp_path: Path) -> None:
    recording = recorded(tmp_path, {0: 170, 0.7: -170, 1: -160}, seconds=1.2345)
    found = model(written(recording))
    whole = ticks("00:00:01.23450")
    item, programme = found.find("adm:audioObject", SPACE), found.find("adm:audioProgramme", SPACE)
    assert item is not None
    assert programme is not None
    assert ticks(item.get("duration")) == ticks(programme.get("end")) == whole
    rows = found.findall(".//adm:audioBlockFormat", SPACE)
    times = [(ticks(row.get("rtime")), ticks(row.get("duration"))) for row in rows]
    assert all(start + duration == after for (start, duration), (after, _) in pairwise(times))
    assert sum(times[-1]) == whole
    positions = [
        {each.get("coordinate"): float(each.text or "nan") for each in row.findall("adm:position", SPACE)}
        for row in rows
    ]
    assert all(position["distance"] == 1 and position["elevation"] == 0 for position in positions)
    assert positions[-1]["azimuth"] == -160
    assert [row.findtext("adm:jumpPosition", None, SPACE) for row in rows].count("1") == 1


def test_a_name_cannot_break_the_model(tmp_path: Path) -> None:
    name = 'rock & "roll" <é 語>\x01\udce4\n'
    found = model(written(recorded(tmp_path, {0: 10}), name=name))
    item = found.find("adm:audioObject", SPACE)
    assert item is not None
    assert item.get("audioObjectName") == 'rock & "roll" <é 語>???'


def ear() -> Any:
    """EBU's ADM renderer, the reference implementation of ITU-R BS.2127."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the way in which it finds its data
        return pytest.importorskip("ear.cmdline.render_file")


def rendered(path: Path, layout: str) -> tuple[list[str], Doubles]:
    """The loudspeakers of a layout, and what each of them plays: (samples, loudspeakers)."""
    renderer = ear()
    driver = renderer.OfflineRenderDriver(
        target_layout=layout,
        speakers_file=None,
        output_gain_db=0,
        fail_on_overload=False,
        enable_block_duration_fix=False,
    )
    loudspeakers, upmix, _ = driver.load_output_layout()
    with renderer.openBw64Adm(str(path)) as file:
        file.adm.validate()
        renderer.timing_fixes.check_blockFormat_timings(file.adm)
        played = np.concatenate(list(driver.render_input_file(file, loudspeakers, upmix)))
    return [channel.name for channel in loudspeakers.channels], played


def levels(path: Path, layout: str, parts: int) -> dict[str, list[float]]:
    """How loud each loudspeaker is in each part of the time, as a share of the loudest."""
    names, played = rendered(path, layout)
    energy = [np.sqrt(np.mean(part**2, axis=0)) for part in np.array_split(played, parts)]
    return {name: [float(each[index] / max(each)) for each in energy] for index, name in enumerate(names)}


@pytest.mark.parametrize("limit", [0, 1 << 32])
def test_ebus_renderer_moves_the_sound_from_left_to_right(limit: int, tmp_path: Path) -> None:
    path = written(recorded(tmp_path, {0: 60, 1: 0, 2: -60}), limit=limit)
    left, right = levels(path, "0+2+0", 8).values()
    assert left[:3] == pytest.approx([1, 1, 1])
    assert right[-3:] == pytest.approx([1, 1, 1])
    assert max(right[:2]) < 1e-6
    assert max(left[-2:]) < 1e-6
    assert right == pytest.approx(left[::-1], abs=0.05)


def test_ebus_renderer_passes_every_loudspeaker_on_the_way(tmp_path: Path) -> None:
    path = written(recorded(tmp_path, {0: 110, 1: 0, 2: -110}))
    found = levels(path, "0+5+0", 22)  # a part is 10 degrees
    assert max(found["LFE1"]) < 1e-6
    loudest = [max(found, key=lambda name: found[name][part]) for part in range(22)]
    assert loudest == sorted(loudest, key=["M+110", "M+030", "M+000", "M-030", "M-110"].index)
    assert set(loudest) == set(found) - {"LFE1"}


def test_ebus_renderer_passes_behind_the_head(tmp_path: Path) -> None:
    found = levels(written(recorded(tmp_path, {0: 110, 1: 180, 2: -110})), "0+5+0", 20)
    assert max(max(found[name]) for name in ("M+000", "M+030", "M-030", "LFE1")) < 1e-6
    assert found["M+110"][:10] == [1] * 10
    assert found["M-110"][10:] == [1] * 10
    assert found["M-110"][0] < 0.2
    assert found["M+110"][-1] < 0.2


def test_channels_that_are_alike_sound_as_one(tmp_path: Path) -> None:
    one, three = recorded(tmp_path, {0: 60, 1: -60}), tmp_path / "three.wav"
    samples, _ = soundfile.read(one.path, always_2d=True)
    soundfile.write(three, np.repeat(samples, 3, axis=1), RATE)
    many = Recording(three, RATE, 3, one.samples, "PCM_16", one.angles)
    _, wanted = rendered(written(one), "0+5+0")
    _, found = rendered(written(many), "0+5+0")
    np.testing.assert_allclose(found, wanted, atol=1e-6)


def test_ebus_renderer_finds_an_object_for_each_channel_and_all_of_the_time(tmp_path: Path) -> None:
    renderer = ear()
    recording = recorded(tmp_path, {0: 10, 1: 30}, channels=3, subtype="PCM_24", seconds=1.23456)
    with renderer.openBw64Adm(str(written(recording, name="walk & talk"))) as file:
        file.adm.validate()
        assert [item.track_spec.track_index for item in file.selected_items] == [0, 1, 2]
        names = [each.audioObjectName for each in file.adm.audioObjects]
        last = file.adm["AC_00031001"].audioBlockFormats[-1]
    assert names == ["walk & talk 1", "walk & talk 2", "walk & talk 3"]
    assert last.rtime + last.duration >= recording.samples / RATE
    assert float(last.rtime + last.duration) == pytest.approx(recording.duration, abs=1e-5)
