"""Search a million synthetic embeddings for a face: time a query, recall, memory; ours, plain numpy and faiss.

    python benchmarks/search.py [--rows 1000000] [--dimension 512] [--queries 40] [--decay 0]

A person is a random direction with ten faces: that direction plus noise, with a similarity to it whose square is
spread evenly over 0.5 to 0.8. The queries are further faces of people of the set. With `--decay` a direction's numbers
become smaller as 1/n**decay, so that strangers are more alike and harder to tell apart. The file is written by
`save_embeddings` into a temporary folder, and each way of searching runs in a process of its own. "Private" memory is
what the process holds for itself; the rest of its peak are pages of the file, which the system takes back at will.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from perceptkit.face import Embeddings, save_embeddings
from perceptkit.face.approximate import load_index
from perceptkit.face.nearest import nearest
from perceptkit.face.store import open_embeddings

Array = np.ndarray[Any, Any]
Search = Callable[[Array, int], Array]
"""From queries (Q, D) and a number to the rows of the nearest (Q, number)."""

TOP = 5
PERSON = 10  # faces each
BLOCK = 50_000


def main() -> None:
    """Write the set, run each way of searching, print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--dimension", type=int, default=512)
    parser.add_argument("--queries", type=int, default=40)
    parser.add_argument("--decay", type=float, default=0)
    parser.add_argument("--part", choices=["write", *SEARCHES], help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.part == "write":
        print(json.dumps(write(arguments)))
    elif arguments.part:
        print(json.dumps(measure(arguments.folder, SEARCHES[arguments.part])))
    else:
        table(arguments)


def table(arguments: argparse.Namespace) -> None:
    """One row a way of searching."""
    with tempfile.TemporaryDirectory() as scratch:

        def run(part: str) -> dict[str, float]:
            sizes = [f"--{name}={getattr(arguments, name)}" for name in ("rows", "dimension", "queries", "decay")]
            command = [sys.executable, __file__, *sizes, "--part", part, "--folder", scratch]
            output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            return dict(json.loads(output))

        written = run("write")
        print(f"{arguments.rows:,} x {arguments.dimension}, ten faces a person, decay {arguments.decay:g}")
        print("written: {seconds:.1f} s, {size:.2f} GB, peak memory {peak:.2f} GB".format(**written))
        print(f"to read the vectors once, in memory already: {written['pass'] * 1000:.0f} ms\n")
        print("                             ready   first     one query       of ten  recall       memory (GB)")
        print("                                 s      ms      ms  ratio          ms      @5      peak  private")
        usual = 0.0
        for name in SEARCHES:
            for title in (name, f"{name}, again") if name == "perceptkit faiss" else (name,):
                row = run(name)
                usual = usual or row["one"]
                print(
                    f"{title:25} {row['ready']:8.2f} {row['first']:7.0f} {row['one']:7.1f}  {row['one'] / usual:5.2f} "
                    f"{row['ten']:11.1f} {row['recall']:7.3f} {row['peak']:9.2f} {row['private']:8.2f}",
                    flush=True,
                )
        print("\nready: loaded or opened, and the index built. first: the first query, the file not in memory before.")


def write(arguments: argparse.Namespace) -> dict[str, float]:
    """Write the set and the queries; how long the writer took, how large it all became."""
    random = np.random.default_rng(0)
    rows, dimension = arguments.rows, arguments.dimension
    scale = (np.arange(1, dimension + 1) ** -arguments.decay).astype(np.float32)

    def directions(count: int) -> Array:
        return unit(random.standard_normal((count, dimension), dtype=np.float32) * scale)

    people = directions(rows // PERSON + 1)

    def faces(persons: Array) -> Array:
        share = np.sqrt(random.uniform(0.5, 0.8, len(persons))).astype(np.float32)[:, None]
        return unit(share * people[persons] + np.sqrt(1 - share**2) * directions(len(persons)))

    whose = random.permutation(np.arange(rows) // PERSON)
    vectors = np.empty((rows, dimension), np.float32)
    for start in range(0, rows, BLOCK):
        vectors[start : start + BLOCK] = faces(whose[start : start + BLOCK])
    np.save(arguments.folder / "queries.npy", faces(random.choice(whose, arguments.queries)))
    ids = tuple(f"{row:016x}" for row in range(rows))
    sources = tuple(f"/photos/of/many/people/{row // 1000:04}/photo-{row:07}.jpg" for row in range(rows))
    embeddings = Embeddings("benchmark", "0" * 64, ids, sources, np.ones(rows, np.float32), vectors)
    path = arguments.folder / "embeddings.npz"
    seconds = timed(lambda: save_embeddings(path, embeddings))
    once = min(timed(vectors.sum) for _ in range(3))
    return {"seconds": seconds, "size": path.stat().st_size / 1e9, "peak": peak(), "pass": once}


def unit(vectors: Array) -> Array:
    """The vectors (N, D), of length 1."""
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def measure(folder: Path, ready: Callable[[Path], Search]) -> dict[str, float]:
    """Time one way of searching, and compare what it finds with what the first way found."""
    queries = np.load(folder / "queries.npy")
    forget(folder / "embeddings.npz")
    start = time.perf_counter()
    search = ready(folder)
    opened = time.perf_counter() - start
    first = timed(lambda: search(queries[:1], TOP))
    found, seconds = [], []
    for query in queries:
        start = time.perf_counter()
        found.append(set(search(query[None], TOP)[0].tolist()))
        seconds.append(time.perf_counter() - start)
    ten = min(timed(lambda: search(queries[:10], TOP)) for _ in range(3)) / len(queries[:10])
    truth = folder / "truth.json"
    if not truth.exists():
        truth.write_text(json.dumps([sorted(rows) for rows in found]))
    right = [len(rows & set(true)) / len(true) for rows, true in zip(found, json.loads(truth.read_text()), strict=True)]
    return {
        "ready": opened,
        "first": first * 1000,
        "one": float(np.median(seconds)) * 1000,
        "ten": ten * 1000,
        "recall": float(np.mean(right)),
        "peak": peak(),
        "private": private(),
    }


def plain(folder: Path) -> Search:
    """What one would write without a library: load it all, compare with it all, sort it all."""
    with np.load(folder / "embeddings.npz") as arrays:
        vectors = arrays["embeddings"]
    return lambda queries, top: np.stack([np.argsort(-(vectors @ query), kind="stable")[:top] for query in queries])


def exact(folder: Path) -> Search:
    """Our exact search, of the mapped file."""
    vectors = open_embeddings(folder).vectors
    return lambda queries, top: nearest(vectors, queries, top)[0]


def faiss_flat(folder: Path) -> Search:
    """The exact index of faiss, which holds the vectors in memory."""
    import faiss

    with np.load(folder / "embeddings.npz") as arrays:
        vectors = arrays["embeddings"]
    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors)
    return lambda queries, top: np.asarray(index.search(queries, top)[1])


def indexed(folder: Path) -> Search:
    """Our search with the `faiss` extra: builds the index, or reads it when it is there."""
    index = load_index(folder)
    return lambda queries, top: index.nearest(queries, top)[0]


SEARCHES: dict[str, Callable[[Path], Search]] = {
    "numpy load, argsort": plain,  # the peer: the others are held against it
    "perceptkit exact": exact,
    "faiss IndexFlatIP": faiss_flat,
    "perceptkit faiss": indexed,
}


def forget(path: Path) -> None:
    """Take a file out of the system's memory, where that can be asked for, so that it is read from the disk."""
    if hasattr(os, "posix_fadvise"):
        with path.open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def timed(work: Callable[[], object]) -> float:
    """Seconds that some work takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def peak() -> float:
    """The most memory this process had so far (GB), mapped pages among it."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e9 if sys.platform == "darwin" else 1e9 / 1024)


def private() -> float:
    """Memory that this process holds now and no file stands behind (GB); NaN where the system does not say."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) * 1024 / 1e9 for line in lines if line.startswith("RssAnon")), float("nan"))


if __name__ == "__main__":
    main()
