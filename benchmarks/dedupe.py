"""Deduplicate 100,000 synthetic embeddings with planted identities: time, memory, precision and recall of pairs.

    python benchmarks/dedupe.py [--faces 100000] [--dimension 512]

An identity is a random direction, a face of it that direction plus noise: two faces of one person have a mean
similarity of about 0.6 (ArcFace models on good photos), strangers about 0. Every tenth face is a hard one (0.45).
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from typing import Any

import numpy as np

from perceptkit.face.grouping import MODES, group

Array = np.ndarray[Any, Any]


def planted(faces: int, dimension: int, seed: int = 0) -> tuple[Array, Array]:
    """Unit embeddings (N, D) and the identity of each; identities have 1 to about 60 faces, most of them few."""
    random = np.random.default_rng(seed)
    sizes = np.minimum(random.zipf(1.6, faces), 60)
    identity = np.repeat(np.arange(faces), sizes)[:faces]
    random.shuffle(identity)
    centres = random.standard_normal((int(identity.max()) + 1, dimension)).astype(np.float32)
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    noise = random.standard_normal((faces, dimension)).astype(np.float32)
    noise /= np.linalg.norm(noise, axis=1, keepdims=True)
    share = np.where(random.random(faces) < 0.1, 0.45 / 0.6**0.5, 0.6**0.5).astype(np.float32)[:, None]
    vectors = share * centres[identity] + np.sqrt(1 - share**2) * noise
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True), identity


def pair_scores(found: Array, truth: Array) -> tuple[float, float]:
    """Precision and recall over pairs of faces said to be, and planted as, the same person."""

    def pairs(*columns: Array) -> float:
        _, counts = np.unique(np.stack(columns), axis=1, return_counts=True)
        return float((counts * (counts - 1) / 2).sum())

    both = pairs(found, truth)
    return both / max(pairs(found), 1), both / max(pairs(truth), 1)


def main() -> None:
    """Print one row a mode."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--faces", type=int, default=100_000)
    parser.add_argument("--dimension", type=int, default=512)
    arguments = parser.parse_args()
    vectors, truth = planted(arguments.faces, arguments.dimension)
    print(f"{arguments.faces:,} faces x {arguments.dimension}, {len(np.unique(truth)):,} planted people")
    for mode in MODES:
        start = time.perf_counter()
        found = group(vectors, 0.4, mode=mode)
        seconds = time.perf_counter() - start
        precision, recall = pair_scores(found, truth)
        people = len(np.unique(found))
        print(f"{mode:8} {seconds:6.1f} s  people {people:6,}  precision {precision:.4f}  recall {recall:.4f}")
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform == "darwin" else 1)
    print(f"peak memory {kilobytes / 1e6:.2f} GB")


if __name__ == "__main__":
    main()
