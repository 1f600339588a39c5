"""The message for weights that cannot be had: what was tried, and every way out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .places import cache_folder, models_folder
from .presets import available_presets
from .row import Model, WeightsFile

__all__ = ["missing_message"]


def missing_message(
    file: WeightsFile, failures: Sequence[tuple[str, str]], *, alternatives: Mapping[str, Model] | None
) -> str:
    """About a screenful for a person who needs `file`; `failures` are pairs of a place that was tried and why not."""
    size = "" if file.bytes is None else f" ({file.bytes / 1e6:.1f} MB)"
    lines = [f"cannot get the weights {file.name}{size}"]
    lines += [f"  {place}: {reason}" for place, reason in failures]
    if not file.urls:
        lines.append("  no address is known to download it from")
    folder = models_folder()
    lines += [
        "To put it there by hand, get it on another machine and save it as one of",
        f"  {folder / file.name} (in the folder named by PERCEPTKIT_MODELS)"
        if folder
        else f"  {file.name} in a folder of yours, and set PERCEPTKIT_MODELS to that folder",
        f"  {cache_folder() / file.name} (in the cache)",
        f"Its sha256 must be {file.sha256}.",
        f"To use a mirror, set PERCEPTKIT_MIRROR to an address that serves it as ADDRESS/{file.name}.",
    ]
    if alternatives is not None:
        lines.append(f"Presets whose weights are on this machine: {_presets(alternatives)}")
    return "\n".join(lines)


def _presets(alternatives: Mapping[str, Model]) -> str:
    presets = available_presets(alternatives)
    if not presets:
        return "none"
    name = presets[0] if len(presets) == 1 else "NAME"
    return f"{', '.join(presets)} (use --preset {name} or PERCEPTKIT_PRESET={name})"
