"""Get the weights of a model: from the user's folder, from the cache, or from the network."""

from __future__ import annotations

import glob
import hashlib
import logging
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import quote

from ..errors import InputError, ModelError
from ..locks import locked
from .archive import extract_member
from .check import FileState, examine, is_users_own
from .content import damage, disguise, mismatch
from .download import MAXIMUM_BYTES, Downloader, Progress, download
from .missing import missing_message
from .places import cache_folder, writing
from .row import Model, WeightsFile, split_address

__all__ = ["fetch"]

log = logging.getLogger("perceptkit")


def fetch(
    model: Model,
    *,
    progress: Progress | None = None,
    alternatives: Mapping[str, Model] | None = None,
    download: Downloader = download,
) -> tuple[Path, ...]:
    """The paths of a model's files, in their order; what is not on this machine is downloaded.

    Each file is looked for in the folder PERCEPTKIT_MODELS, which is only read, then in the cache, then at
    PERCEPTKIT_MIRROR and the addresses of its row. Its sha256 is checked every time. `progress` is called with the
    bytes done and in total (None: not known) of the file that is being downloaded. `alternatives` are rows by name:
    when the weights cannot be had, the error says which presets of them are on this machine.

    Raises ModelError when a file cannot be had or is not the registered one, DeviceError when the disk is full,
    InputError when an environment variable makes no sense.
    """
    states = [examine(file) for file in model.files]
    for file, state in zip(model.files, states, strict=True):
        _refuse_users_own(file, state)
    paths = []
    for file, state in zip(model.files, states, strict=True):
        if state.state == "ok" and state.path is not None:
            paths.append(state.path)
        else:
            paths.append(_into_cache(file, state, progress=progress, alternatives=alternatives, download=download))
    if any(state.state != "ok" for state in states):
        _log_licence(model)
    return tuple(paths)


def _refuse_users_own(file: WeightsFile, state: FileState) -> None:
    """Stop at a wrong file that the user put there on purpose: going on with another would surprise."""
    if state.state != "wrong" or state.path is None or not is_users_own(state.path, file):
        return
    advice = "replace or remove it"
    if damage(state.path, file) is None:
        advice += f"; if you mean to use this very file, pass its path instead of a name, e.g. --detector {state.path}"
    raise ModelError(f"{state.path} {state.problem}; {advice}")


def _into_cache(
    file: WeightsFile,
    state: FileState,
    *,
    progress: Progress | None,
    alternatives: Mapping[str, Model] | None,
    download: Downloader,
) -> Path:
    """Download a file into the cache; one that is there and wrong stays until the new one is verified."""
    failures = []
    if state.problem is not None:
        log.warning("%s %s; downloading it", state.path, state.problem)
        failures.append((str(state.path), state.problem))
    cache = cache_folder()
    target = cache / file.name
    with writing(cache):
        cache.mkdir(parents=True, exist_ok=True)
        with locked(cache / f"{file.name}.lock"):
            if target.exists() and mismatch(target, file) is None:
                return target  # Another process fetched it while this one waited.
            for address in _addresses(file):
                try:
                    fresh = _bring(file, address, cache, progress=progress, download=download)
                except ModelError as error:
                    failures.append((address, str(error)))
                    continue
                fresh.replace(target)
                # Also what is left of the addresses that failed.
                _remove(cache, f"{glob.escape(file.name)}.????????.part*")
                return target
    raise ModelError(missing_message(file, failures, alternatives=alternatives))


def _addresses(file: WeightsFile) -> Iterable[str]:
    """Where to download from, the mirror first."""
    mirror = os.environ.get("PERCEPTKIT_MIRROR")
    if not mirror:
        return file.urls
    if not mirror.startswith(("https://", "http://")):
        raise InputError(f"PERCEPTKIT_MIRROR is {mirror!r}; it must be an address that begins with https:// or http://")
    return (f"{mirror.rstrip('/')}/{quote(file.name)}", *file.urls)


def _bring(file: WeightsFile, address: str, cache: Path, *, progress: Progress | None, download: Downloader) -> Path:
    """Download from one address; the verified file, still under its temporary name."""
    url, member = split_address(address)
    # A part for each address: what one of them sent is never continued with bytes of another.
    part = cache / f"{file.name}.{hashlib.sha256(address.encode()).hexdigest()[:8]}.part"
    # A file continued from an earlier run may have been spoiled then; it gets a second try from the beginning.
    tries = 2 if part.exists() else 1
    while True:
        log.info("downloading %s from %s", file.name, url)
        download(url, part, expected=None if member else file.bytes, progress=progress)
        try:
            return _verified(file, part, member)
        except ModelError as error:
            _remove(cache, f"{glob.escape(part.name)}*")
            tries -= 1
            if tries == 0:
                raise ModelError(f"what it sent {error}") from error


def _verified(file: WeightsFile, part: Path, member: str | None) -> Path:
    """What was downloaded, taken out of its archive if it is in one; ModelError when it is not the registered file."""
    fresh = part
    if member is not None:
        if problem := disguise(part):
            raise ModelError(problem)
        fresh = part.with_name(part.name + ".member")
        extract_member(part, member, fresh, limit_bytes=file.bytes or MAXIMUM_BYTES)
    if problem := mismatch(fresh, file):
        raise ModelError(problem)
    return fresh


def _remove(folder: Path, pattern: str) -> None:
    for path in folder.glob(pattern):
        path.unlink(missing_ok=True)


def _log_licence(model: Model) -> None:
    """One line, once, when weights arrive on this machine."""
    names = ", ".join(file.name for file in model.files)
    terms = {
        True: "commercial use is allowed",
        False: "they may NOT be used commercially",
        None: "it is unclear whether they may be used commercially",
    }[model.commercial]
    level = logging.INFO if model.commercial else logging.WARNING
    log.log(level, "weights %s: licence %s; %s; see %s", names, model.licence, terms, model.source)
