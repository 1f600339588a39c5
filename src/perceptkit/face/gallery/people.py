"""The people who are known by name, as data."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

import numpy as np

from ...arrays import Floats
from ...errors import InputError
from ..units import centre

__all__ = ["Enrolled", "Gallery", "Prototype", "check_name", "mean_of"]

_LONGEST_NAME = 200  # characters
_JOINERS = "\u200c\u200d"  # belong to names in some scripts
_UNSHOWABLE = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


@dataclass(frozen=True, slots=True)
class Prototype:
    """A face that was kept when somebody was enrolled. `time` is in seconds (None for a photo), `quality` 0..1, `yaw`
    in degrees, above 0 to image-left; both are None for a face of a cache that does not say them."""

    id: str
    source: str
    time: float | None
    quality: float | None
    yaw: float | None


@dataclass(frozen=True, slots=True, eq=False)
class Enrolled:
    """Somebody in a gallery: the faces that were kept, with their embeddings (P, D) row by row, and the mean (D,) of
    these, weighted by quality and of unit length. `enrolled` is the time of the last enrolment (UTC, ISO 8601)."""

    id: str
    name: str
    enrolled: str
    prototypes: tuple[Prototype, ...]
    vectors: Floats
    mean: Floats

    def __repr__(self) -> str:
        return f"Enrolled({self.name!r}, {len(self.prototypes)} faces)"


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Gallery:
    """People known by name, in the order in which they came, all of one embedder."""

    model: str
    model_sha256: str
    people: tuple[Enrolled, ...]

    def __repr__(self) -> str:
        return f"Gallery({len(self.people)} people, {self.model})"

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all people."""
        return tuple(person.name for person in self.people)

    def person(self, name: str) -> Enrolled:
        """The person of a name; InputError when there is none."""
        wanted = unicodedata.normalize("NFC", name).strip()
        for person in self.people:
            if person.name == wanted:
                return person
        known = ", ".join(self.names[:20]) or "nobody"
        raise InputError(f"nobody in the gallery is called {name!r}; it knows: {known}")

    def require_model(self, name: str, sha256: str) -> None:
        """Raise InputError unless the people were enrolled with this very embedder."""
        if self.model_sha256 != sha256:
            raise InputError(
                f"the gallery was made with {self.model} (sha256 {self.model_sha256[:12]}), not with {name} "
                f"(sha256 {sha256[:12]}); embeddings of two models cannot be compared. "
                f"Take the embedder that made it, or enrol everybody again with {name} in another gallery"
            )


def check_name(name: str) -> str:
    """A name as it is kept: composed (Unicode NFC), without spaces around it.

    Raises InputError for one that is empty, longer than 200 characters, or "unknown", and for characters that cannot be
    seen or that reorder text.
    """
    clean = unicodedata.normalize("NFC", name).strip()
    if not clean:
        raise InputError("the name is empty; give the name of the person")
    if len(clean) > _LONGEST_NAME:
        raise InputError(f"the name has {len(clean)} characters; give at most {_LONGEST_NAME}")
    hidden = any(unicodedata.category(letter) in _UNSHOWABLE and letter not in _JOINERS for letter in clean)
    if hidden or clean != clean.strip(_JOINERS):
        raise InputError(f"the name {clean!r} has characters that cannot be shown; leave them out")
    if clean.casefold() == "unknown":
        raise InputError('nobody can be called "unknown": it is what strangers are called')
    return clean


def mean_of(vectors: Floats, prototypes: tuple[Prototype, ...]) -> Floats:
    """The mean (D,) of embeddings (P, D), weighted by the quality of their faces (unknown counts as 1) and of unit
    length."""
    quality = [1 if prototype.quality is None else prototype.quality for prototype in prototypes]
    return centre(vectors, np.array(quality, np.float32))
