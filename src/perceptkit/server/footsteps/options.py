"""What can be chosen for footsteps: how they are found, and what they sound like."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from ...foley import defaults
from ...foley.surfaces import SHOES, SURFACES

__all__ = ["LOUDNESS", "ORIGINALS", "ROOMS", "SENSITIVITIES", "LiveOptions", "Options", "Sound"]

# The tables of the library with these rows bring numpy and more with them; a test holds them together.
SENSITIVITIES = ("low", "medium", "high")
ROOMS = ("dry", "outdoor", "room", "hall")
ORIGINALS = ("keep", "duck", "mute")
LOUDNESS = ("film", "web")


def _one_of(what: str, names: Collection[str]) -> AfterValidator:
    """For the type of a name that is one of these; the error for another one says all of them."""

    def check(name: str) -> str:
        if name not in names:
            raise ValueError(f"unknown {what} {name[:60]!r}; choose from: {', '.join(names)}")
        return name

    return AfterValidator(check)


def _listed(names: Collection[str]) -> Any:
    """The same for the documentation."""
    return Field(json_schema_extra={"enum": list(names)})


_GROUNDS = ("auto", *SURFACES)

Surface = Annotated[str, _one_of("surface", _GROUNDS), _listed(_GROUNDS)]
Shoe = Annotated[str, _one_of("shoe", SHOES), _listed(SHOES)]
Room = Annotated[str, _one_of("room", ROOMS), _listed(ROOMS)]
Sensitivity = Annotated[str, _one_of("sensitivity", SENSITIVITIES), _listed(SENSITIVITIES)]
Original = Annotated[str, _one_of("use of the original sound", ORIGINALS), _listed(ORIGINALS)]
Loudness = Annotated[str, _one_of("loudness", LOUDNESS), _listed(LOUDNESS)]


class Options(BaseModel):
    """How the footsteps of a video are found, and what is made with that."""

    sensitivity: Annotated[Sensitivity, Field(description="low: few false footsteps; high: few missed ones.")] = (
        defaults.SENSITIVITY
    )
    yolo_conf: Annotated[
        float,
        Field(
            description="The score from which on somebody new counts as found. Who is followed already may score less.",
            gt=0,
            lt=1,
        ),
    ] = defaults.CERTAIN_PERSON
    use_hybrid: Annotated[
        bool,
        Field(description="Of no effect: people are always found by a detector and followed by their landmarks."),
    ] = True
    create_annotated: Annotated[
        bool, Field(description="Also make the video with skeletons and contacts drawn into it.")
    ] = False
    add_audio: Annotated[bool, Field(description="Also make the video with the sound of the footsteps.")] = False
    surface_type: Annotated[Surface, Field(description="What people walk on; auto: what the pictures show.")] = (
        defaults.SURFACE
    )
    webhook_url: Annotated[
        str | None, Field(description="An address that is told when a job about this video has ended.", max_length=2000)
    ] = None


class Sound(BaseModel):
    """What the footsteps of a video sound like."""

    model_config = ConfigDict(json_schema_extra={"example": {"surface_type": "gravel", "shoe": "boot"}})

    surface_type: Annotated[
        Surface | None,
        Field(description="What people walk on; auto: what the pictures show. Else: as given with the upload."),
    ] = None
    shoe: Annotated[Shoe, Field(description="What they wear.")] = defaults.SHOE
    room: Annotated[Room | None, Field(description="Where they are. Else: where one walks on the surface.")] = None
    original: Annotated[
        Original, Field(description="The video's own sound: kept, 12 dB down under the steps (duck), or left out.")
    ] = defaults.ORIGINAL
    loudness: Annotated[Loudness, Field(description="Of the footsteps: film (-23 LUFS) or web (-16 LUFS).")] = (
        defaults.LOUDNESS
    )
    seed: Annotated[int, Field(description="Another number makes other steps.", ge=0, le=2**31 - 1)] = 0
    offset_ms: Annotated[
        float,
        Field(
            description="All footsteps so much later (earlier: negative).", ge=-60_000, le=60_000, allow_inf_nan=False
        ),
    ] = 0.0


class LiveOptions(BaseModel):
    """How footsteps before a camera are found, and what they sound like."""

    surface_type: Annotated[Surface, Field(description="What people walk on; auto: what the picture shows.")] = "auto"
    shoe: Annotated[Shoe, Field(description="What they wear.")] = defaults.SHOE
    sensitivity: Annotated[Sensitivity, Field(description="low: few false footsteps; high: few missed ones.")] = (
        defaults.SENSITIVITY
    )
