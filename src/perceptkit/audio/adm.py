"""A recording and its motion in the Audio Definition Model (ADM), as programs for mixing read it: `write_adm`.

The source is an object in the sense of ITU-R BS.2076: it is at a place, and moves by blocks. ADM counts azimuths as we
do.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

from .. import __version__
from .angles import AZIMUTH
from .motion import TICKS, Block, blocks
from .sound import Form, kept_as, read_bytes
from .types import Recording
from .wav import RIFF_LIMIT, WavWriter, bext_chunk, chunk

__all__ = ["axml", "chna", "write_adm"]


def write_adm(
    recording: Recording, path: Path, *, name: str, heading: float | None = None, limit: int = RIFF_LIMIT
) -> None:
    """Write a recording to a new file as ITU-R BS.2088-1 says: the samples as they are, their motion, their start.

    It is a WAV with the chunks `chna` and `axml`, for every program that reads WAV, and a BW64 if it has more than
    `limit` bytes, as with EBU's libbw64; many programs do not know that name. Each channel is an object of its own, all
    at the same place. What has neither 16 nor 24 bits is written in 24: programs for ADM read whole numbers only.
    `heading` is needed for angles that count from north. Raises InputError without it, MediaError for what cannot be
    read; other errors are those of the file.
    """
    track = recording.angles.to(AZIMUTH, heading=heading)
    subtype = kept_as(recording.subtype)
    form = Form(recording.sample_rate, recording.channels, "PCM_24" if subtype == "FLOAT" else subtype)
    first = chna(form.channels)
    if recording.started is not None:
        first = bext_chunk(recording.started, form, "times are in UTC", f"perceptkit {__version__}") + first
    with path.open("wb", buffering=0) as file:
        writer = WavWriter(file, form, before=first, limit=limit, large="BW64")
        for data in read_bytes(recording.path, 0, recording.samples, form):
            writer.write(data)
        length = -(-writer.samples * TICKS // form.sample_rate)  # rounded up, so that the last sample has a place too
        writer.finish(chunk(b"axml", axml(name, form, blocks(track, length))))


_NAMESPACE = "urn:ebu:metadata-schema:ebuCore_2014"
_TYPE = {"typeLabel": "0003", "typeDefinition": "Objects"}
_CODING = {"formatLabel": "0001", "formatDefinition": "PCM"}
_PACK, _CHANNEL, _STREAM, _TRACK = "AP_00031001", "AC_00031001", "AS_00031001", "AT_00031001_01"


def axml(name: str, form: Form, motion: Sequence[Block]) -> bytes:
    """The content of the chunk `axml` (BS.2076-1 in the frame of EBU Tech 3293): one motion for all channels.

    Each channel is an object of its own with the same pack, and so at the same place at all times; its gain is 1 by
    their number. So nothing is thrown away, and what comes from there is the mean of the channels, as loud as one of
    them where they are alike; a program shows them apart, so that one can be muted or moved. Several channels in one
    pack would be the same to a renderer, but would need the motion once for each.
    """
    root = ElementTree.Element("ebuCoreMain", {"xmlns": _NAMESPACE, "xml:lang": "en"})
    model = _child(_child(_child(root, "coreMetadata"), "format"), "audioFormatExtended")
    name = _clean(name)
    length = _time(motion[-1].start + motion[-1].duration)
    objects = [f"AO_{0x1001 + index:04x}" for index in range(form.channels)]
    tracks = [_track_uid(index) for index in range(form.channels)]

    programme = _named(model, "audioProgramme", "APR_1001", name, start=_time(0), end=length)
    _child(programme, "audioContentIDRef", "ACO_1001")
    content = _named(model, "audioContent", "ACO_1001", name)
    for each in objects:
        _child(content, "audioObjectIDRef", each)
    for number, (each, track) in enumerate(zip(objects, tracks, strict=True), 1):
        title = name if form.channels == 1 else f"{name} {number}"
        item = _named(model, "audioObject", each, title, start=_time(0), duration=length)
        _child(item, "audioPackFormatIDRef", _PACK)
        _child(item, "audioTrackUIDRef", track)
    _child(_named(model, "audioPackFormat", _PACK, name, **_TYPE), "audioChannelFormatIDRef", _CHANNEL)
    channel = _named(model, "audioChannelFormat", _CHANNEL, name, **_TYPE)
    for number, block in enumerate(motion, 1):
        _block(channel, number, block, gain=1 / form.channels)
    stream = _named(model, "audioStreamFormat", _STREAM, f"PCM {name}", **_CODING)
    _child(stream, "audioChannelFormatIDRef", _CHANNEL)
    _child(stream, "audioTrackFormatIDRef", _TRACK)
    _child(_named(model, "audioTrackFormat", _TRACK, f"PCM {name}", **_CODING), "audioStreamFormatIDRef", _STREAM)
    for track in tracks:
        facts = {"UID": track, "sampleRate": str(form.sample_rate), "bitDepth": str(8 * form.width)}
        item = ElementTree.SubElement(model, "audioTrackUID", facts)
        _child(item, "audioTrackFormatIDRef", _TRACK)
        _child(item, "audioPackFormatIDRef", _PACK)
    ElementTree.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ElementTree.tostring(root, encoding="unicode")}\n'.encode()


def chna(channels: int) -> bytes:
    """The chunk `chna` (ITU-R BS.2088-1): which track of the model each channel of the samples is."""
    rows = (
        struct.pack("<H12s14s11sx", index + 1, _track_uid(index).encode(), _TRACK.encode(), _PACK.encode())
        for index in range(channels)
    )
    return chunk(b"chna", struct.pack("<HH", channels, channels) + b"".join(rows))


def _block(channel: ElementTree.Element, number: int, block: Block, *, gain: float) -> None:
    times = {"rtime": _time(block.start), "duration": _time(block.duration)}
    identity = {"audioBlockFormatID": f"{_CHANNEL.replace('AC', 'AB')}_{number:08x}"}
    element = ElementTree.SubElement(channel, "audioBlockFormat", identity | times)
    values = {"azimuth": block.azimuth, "elevation": block.elevation, "distance": 1.0}
    for coordinate, value in values.items():
        _child(element, "position", f"{value:.2f}").set("coordinate", coordinate)
    if gain != 1:
        _child(element, "gain", f"{gain:.8f}")
    if block.jump:
        _child(element, "jumpPosition", "1")


def _named(model: ElementTree.Element, kind: str, identity: str, name: str, **facts: str) -> ElementTree.Element:
    """A part of the model with its identity and its name."""
    return ElementTree.SubElement(model, kind, {f"{kind}ID": identity, f"{kind}Name": name} | facts)


def _child(parent: ElementTree.Element, name: str, text: str | None = None) -> ElementTree.Element:
    element = ElementTree.SubElement(parent, name)
    element.text = text
    return element


def _track_uid(index: int) -> str:
    return f"ATU_{index + 1:08x}"


def _time(ticks: int) -> str:
    """A time as hh:mm:ss.zzzzz."""
    seconds, rest = divmod(ticks, TICKS)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{rest:05}"


def _clean(text: str) -> str:
    """A name without what XML 1.0 cannot hold, escaped or not: control characters, and bytes that are no text."""
    return re.sub(r"[^ -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "?", text)
