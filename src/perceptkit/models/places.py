"""Where weights lie on this machine: the folder of the user, which is only read, and the cache, which is ours."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from platformdirs import user_cache_path

from ..errors import InputError, ModelError, write_error
from .content import looks_right
from .row import Model, WeightsFile

__all__ = ["cache_folder", "candidates", "locate", "models_folder", "writing"]

_NO_ACCESS = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR, errno.EEXIST)


def models_folder() -> Path | None:
    """The folder named by PERCEPTKIT_MODELS, None when that is not set; InputError when it is no folder."""
    named = os.environ.get("PERCEPTKIT_MODELS")
    if not named:
        return None
    folder = _expand(named)
    if folder is None or not folder.is_dir():
        raise InputError(f"PERCEPTKIT_MODELS is {named!r}, which is not a folder; correct it or unset it")
    return folder


def cache_folder() -> Path:
    """The `models` folder of the cache: of PERCEPTKIT_CACHE, else of the platform's cache for perceptkit.

    It need not exist. Raises ModelError when there is no home folder to have a cache in.
    """
    cache = _expand(os.environ.get("PERCEPTKIT_CACHE"))
    if cache is None:
        raise ModelError("there is no home folder to keep weights in; set PERCEPTKIT_CACHE to a folder for them")
    return cache / "models"


def _expand(named: str | None) -> Path | None:
    """A folder as the user named it, else the platform's cache; None when it is in a home folder and there is none."""
    try:
        # Not every release of platformdirs refuses to work without a home; some leave a "~" for others to find.
        return (Path(named) if named else user_cache_path("perceptkit", appauthor=False)).expanduser()
    except RuntimeError:
        return None


def candidates(file: WeightsFile) -> Iterator[Path]:
    """The files that may be `file`, best first: the user's by its own name, by its upstream names, the cached one."""
    folder = models_folder()
    if folder is not None:
        for name in (file.name, *file.upstream_names):
            if (folder / name).is_file():
                yield folder / name
    cached = cache_folder() / file.name
    if cached.is_file():
        yield cached


def locate(model: Model) -> tuple[Path, ...] | None:
    """Where the files of a model are on this machine; None when one would have to be downloaded.

    It is cheap and hashes nothing: a file counts when it has the right size, or, where the size is not known, when
    it does not begin like something else. `fetch` and `verify` look closer.
    """
    paths = []
    for file in model.files:
        path = next((path for path in candidates(file) if looks_right(path, file)), None)
        if path is None:
            return None
        paths.append(path)
    return tuple(paths)


@contextmanager
def writing(cache: Path) -> Iterator[None]:
    """Turn an OSError of the block, which writes to the cache, into an error that says what to do."""
    try:
        yield
    except OSError as error:
        if error.errno in _NO_ACCESS:
            raise ModelError(
                f"cannot keep weights in {cache}: {error.strerror}; set PERCEPTKIT_CACHE to a folder that can be "
                "written, or PERCEPTKIT_MODELS to one that has the weights"
            ) from error
        raise write_error(cache, error) from error
