"""The row that describes a model: what it builds, the files it needs, and on what terms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

__all__ = ["Model", "WeightsFile", "split_address"]


@dataclass(frozen=True, slots=True)
class WeightsFile:
    """One file of weights.

    `name` is what it is called in a models folder and in the cache. `urls` are tried in order; one that reads
    "zip:URL#MEMBER" stands for a single member of a zip archive. `sha256` is the digest of the file itself, never
    of an archive around it. `bytes` is its size, None when nobody has published it. `others` are the digests and sizes
    of files that hold the same network packed in another way, and do as well.
    """

    name: str
    urls: tuple[str, ...]
    sha256: str
    bytes: int | None
    others: tuple[tuple[str, int], ...] = ()

    @property
    def upstream_names(self) -> tuple[str, ...]:
        """What the file is called where it comes from, without `name` itself."""
        names = []
        for url, member in map(split_address, self.urls):
            names.append(PurePosixPath(member or unquote(urlsplit(url).path)).name)
        return tuple(name for name in dict.fromkeys(names) if name and name != self.name)


@dataclass(frozen=True, slots=True)
class Model:
    """One row of a model table.

    `build` makes the model from the paths of `files`, in their order. `commercial` says whether the weights may be
    used commercially; None means that their terms leave it unclear. `source` is a page a person can read.
    """

    build: Callable[..., Any]
    files: tuple[WeightsFile, ...]
    licence: str
    commercial: bool | None
    source: str


def split_address(address: str) -> tuple[str, str | None]:
    """The URL to download and, when the address is "zip:URL#MEMBER", the member to take out of that archive."""
    if not address.startswith("zip:"):
        return address, None
    url, _, member = address.removeprefix("zip:").partition("#")
    return url, member
