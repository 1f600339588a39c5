"""People out of a cache of embeddings, ours or one of before, into a gallery."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from ...arrays import Floats
from ...errors import InputError
from ..embed import Embedder
from ..loading import load_embedder_of
from ..reference.functions import load_embeddings_cache
from .files import changing, is_gallery, load_gallery
from .layout import JSON
from .people import Enrolled, Gallery, Prototype, check_name, mean_of

__all__ = ["import_cache"]

_SAYS_MODEL = ".npz"  # the ending of caches that say which embedder made them; pickles do not


def import_cache(
    folder: str | Path,
    path: str | Path,
    *,
    embedder: str | Path | Embedder | None = None,
    preset: str | None = None,
    device: str = "auto",
) -> tuple[str, ...]:
    """Add the people of a cache of embeddings to a gallery, all or none; a gallery that is not there is made.

    The cache is a file of `face.save_embeddings_cache`, or a pickle of before, of which nothing is executed. The
    embedder is the one that made it, by default the gallery's. Returns the names, in order. Raises InputError for what
    is no cache, names that cannot be kept or are in the gallery, and embeddings of another length or of another
    embedder; ModelError or DeviceError when the embedder or the disk fails.
    """
    folder, path = Path(folder).expanduser(), Path(path)
    made = load_gallery(folder) if is_gallery(folder) else None
    embed = load_embedder_of(made, embedder, preset=preset, device=device, threads=1)
    for name, of in ((JSON, "a gallery"), ("run.json", "faces extract")):
        if path.suffix == _SAYS_MODEL and (path.parent / name).exists():
            raise InputError(
                f"{path} is a result of {of}, which says nothing of who is who there; enrol the people here"
            )
    says_model = path.suffix.lower() == _SAYS_MODEL
    cache = load_embeddings_cache(path, model_sha256=embed.sha256 if says_model else None)
    people = tuple(_enrolled(name, vectors, path, embed) for name, vectors in cache.items())
    names = tuple(person.name for person in people)
    if twice := [name for name in names if names.count(name) > 1]:
        raise InputError(f"{path} has {twice[0]!r} twice; give the two different names")
    with changing(folder, make=Gallery(embed.name, embed.sha256, ())) as change:
        change.gallery.require_model(embed.name, embed.sha256)
        if taken := [name for name in names if name in change.gallery.names]:
            raise InputError(
                f"{', '.join(taken[:20])}: in the gallery already; nobody was added. Remove or rename them there first"
            )
        change.save(replace(change.gallery, people=(*change.gallery.people, *people)))
    return names


def _enrolled(name: str, vectors: Floats, path: Path, embed: Embedder) -> Enrolled:
    if vectors.shape[1] != embed.dimension:
        raise InputError(
            f"{path}: the embeddings of {name!r} have {vectors.shape[1]} numbers, those of {embed.name} have "
            f"{embed.dimension}; name the embedder that made them"
        )
    try:
        name = check_name(name)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    rows = {hashlib.sha256(vector.tobytes()).hexdigest()[:16]: row for row, vector in enumerate(vectors)}
    source = str(path).encode(errors="backslashreplace").decode()  # a name of a file need not be Unicode
    prototypes = tuple(Prototype(face, source, None, None, None) for face in rows)
    kept = vectors[list(rows.values())]
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return Enrolled(uuid4().hex, name, now, prototypes, kept, mean_of(kept, prototypes))
