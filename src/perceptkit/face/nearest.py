"""Find the vectors that are nearest to others among any number of them: exact, block by block, in bounded memory.

A block is small enough for the cache of the processor: its lengths are checked and all queries compared with it while
it is there. So the vectors are read once, and reading them is what takes the time.

A fast product is rounded in another way in another place of a block. It only says which vectors can be among the
nearest; how near these are is worked out again, so that equal vectors are equally near in every search.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..arrays import Floats, Integers
from ..errors import InputError

__all__ = ["check_lengths", "nearest", "unit_blocks"]

_BLOCK = 1 << 20  # bytes: what one core has to itself, and so little that BLAS does not share out a single query
_LENGTH_ERROR = 1e-3  # that a vector may differ from length 1: one rounded to float16 does so by less


def nearest(vectors: Floats, queries: Floats, top: int) -> tuple[Integers, Floats]:
    """The rows of the `top` vectors (N, D) that are nearest to each query (Q, D), nearest first, and how near.

    Both are (Q, K), K the smaller of `top` and N; near is the cosine, as all are of unit length, right to float32. Of
    two that are equally near, the one of the lower row comes first. `vectors` may be mapped from a file.
    Raises InputError for vectors that are not of length 1, or of another dimension than the queries.
    """
    if vectors.shape[1:] != queries.shape[1:]:
        raise InputError(f"the vectors have {vectors.shape[1]} numbers, those searched for {queries.shape[1]}")
    check_lengths(queries)
    keep = min(top, len(vectors))
    rows = np.zeros((len(queries), keep), np.int64)
    similarity = np.full((len(queries), keep), -np.inf, np.float32)
    across = np.ascontiguousarray(queries.T)
    error = np.float32((vectors.shape[1] + 2) * np.finfo(np.float32).eps)  # twice what a product can be wrong by
    for start, block in unit_blocks(vectors, at_least=keep):
        found = (block @ across).T
        for query in np.flatnonzero(found.max(axis=1) > similarity[:, -1] - error):
            least = similarity[query, -1] - error
            if keep < len(block):
                least = max(least, np.partition(found[query], -keep)[-keep] - 2 * error)
            better = np.flatnonzero(found[query] > least)
            # Those of a later row must be nearer to take a place.
            values = np.concatenate([similarity[query], _cosines(block, better, queries[query])])
            order = np.argsort(-values, kind="stable")[:keep]
            rows[query] = np.concatenate([rows[query], start + better])[order]
            similarity[query] = values[order]
    return rows, similarity


def check_lengths(vectors: Floats) -> None:
    """Raise InputError unless all vectors (N, D) are of length 1, which no vector with a NaN is."""
    for _ in unit_blocks(vectors):
        pass


def unit_blocks(vectors: Floats, *, at_least: int = 1) -> Iterator[tuple[int, Floats]]:
    """Pieces of unit vectors (N, D) in order, each with its first row: as many rows as fit a cache, or `at_least`.

    Raises InputError at the first piece with a vector that is not of length 1.
    """
    size = max(at_least, _BLOCK // max(4 * vectors.shape[1], 1))
    for start in range(0, len(vectors), size):
        # What is not aligned, as in a file, would be copied by each product of its own accord.
        block = np.require(vectors[start : start + size], requirements="A")
        with np.errstate(over="ignore", invalid="ignore"):
            squares = (block[:, None, :] @ block[:, :, None]).ravel()  # a dot product a row: twice as fast as einsum
            wrong = ~(np.abs(squares - 1) < 2 * _LENGTH_ERROR)  # true for NaN too
        if wrong.any():
            raise InputError(f"a vector is not of length 1 (row {start + int(np.argmax(wrong))})")
        yield start, block


def _cosines(vectors: Floats, rows: Integers, query: Floats) -> Floats:
    """How near some rows of unit vectors (N, D) are to a query (D,), the same for equal vectors wherever they lie."""
    step = max(1, _BLOCK // max(8 * vectors.shape[1], 1))
    double = query.astype(np.float64)  # the products of float32 are exact in it
    parts = [(vectors[rows[at : at + step]] * double).sum(axis=1) for at in range(0, len(rows), step)]
    return np.concatenate([np.empty(0), *parts]).astype(np.float32)
