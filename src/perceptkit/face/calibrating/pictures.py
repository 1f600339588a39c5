"""The pictures of a calibration: the ROC, and how alike pairs of one person and of two are."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from ...arrays import Integers, Picture
from ...colours import Colour
from ...output import count
from ...pages import FADED, FINER, INK, RULE, fill, fitting, text_width, write
from .pairs import BINS, PairCounts
from .rates import OperatingPoint, error_rates, lowest_rate, percent, power

__all__ = ["roc_picture", "scores_picture"]

GENUINE: Colour = (0, 114, 178)
IMPOSTOR: Colour = (213, 94, 0)
_PALE_GENUINE: Colour = (166, 205, 228)
_PALE_IMPOSTOR: Colour = (245, 205, 172)
_BOTH: Colour = (182, 170, 166)
_UNSAID: Colour = (244, 244, 244)
_BAND: Colour = (226, 240, 229)
_CHOSEN: Colour = (0, 125, 90)
_OWN: Colour = (150, 150, 150)

_Doubles = np.ndarray[Any, np.dtype[np.float64]]

_WIDE, _MARGIN = 1200, 48
_LEFT, _RIGHT = 120, _WIDE - 60
_ABOVE = 0.03  # of the axis, so that a perfect curve does not lie on its frame
_FLOORS = (0.999, 0.998, 0.995, 0.99, 0.98, 0.95, 0.9, 0.8, 0.5, 0.0)  # where the axis of an ROC may begin
_LOWEST = -6  # power of ten of the lowest false match rate that is drawn, if no lower one is asked for
_COARSE = 200  # of the fine bins in one bar: 0.02


def roc_picture(
    counts: PairCounts, points: Sequence[OperatingPoint], chosen: OperatingPoint | None, *, people: int, title: str
) -> Picture:
    """The share of genuine pairs that match over the false match rate, RGB uint8 (740, 1200, 3).

    What the data cannot say is on grey. The points have their intervals of 95 %, the chosen one is green.
    """
    page = Image.new("RGB", (_WIDE * FINER, 740 * FINER), "white")
    write(page, _MARGIN, 54, fitting(f"ROC of {title}", 24, _WIDE - 2 * _MARGIN), 24)
    impostor, genuine = int(counts.impostor.sum()), int(counts.genuine.sum())
    about = f"{count(genuine, 'genuine pair', 'genuine pairs')}, {count(impostor, 'impostor pair', 'impostor pairs')}"
    write(page, _MARGIN, 82, about, 15, FADED)
    if not genuine:
        write(page, _WIDE / 2, 370, "No person has two photos, so there are no genuine pairs.", 20, FADED, "ms")
        return np.asarray(page.reduce(FINER))
    _, fmr, fnmr = error_rates(counts)
    limit = lowest_rate(people)
    asked = math.floor(math.log10(min(point.rate for point in points)) + 1e-9)
    lowest = min(asked, max(_LOWEST, math.floor(math.log10(limit))))
    least = min(
        1 - float(fnmr[fmr >= 10.0**lowest].max()),
        *(1 - point.fnmr_interval[1] for point in points if point.fnmr_interval),
        1 - 4 / genuine,  # a finer axis would show what so few pairs cannot say
    )
    floor = next((floor for floor in _FLOORS if floor <= least), 0.0)
    plot = _Plot(_LEFT, _RIGHT, 136, 640, (lowest, 0.0), (floor, 1.0 + _ABOVE * (1 - floor)))

    fill(page, (plot.left, plot.top, plot.x(math.log10(limit)), plot.bottom), _UNSAID)
    for exponent in range(lowest, 1):
        plot.upright(page, exponent, f"1e{exponent}" if exponent else "1")
    for share in np.linspace(floor, 1, 6):
        plot.level(page, share, f"{100 * share:.4g} %")
    write(page, plot.left, plot.top - 16, "genuine pairs that match", 15, FADED)
    write(page, plot.right, plot.bottom + 54, "false match rate: impostor pairs that match", 15, FADED, "rs")
    seen = (fmr >= 10.0**lowest) & (1 - fnmr >= floor)
    for part, colour in ((seen, _PALE_GENUINE), (seen & (fmr >= limit), GENUINE)):
        plot.steps(page, np.log10(fmr[part]), 1 - fnmr[part], colour)
    if plot.x(math.log10(limit)) - plot.left > 240:
        write(page, plot.left + 14, plot.bottom - 16, "too few people to say", 15, FADED)
    for point in points:
        _mark(page, plot, point, _CHOSEN if point is chosen else INK)
    note = "Points with intervals of 95 %, and their thresholds." if any(point.fmr for point in points) else ""
    write(page, _MARGIN, 718, f"{note} The green one was chosen." if chosen else note, 14, FADED)
    return np.asarray(page.reduce(FINER))


def scores_picture(
    counts: PairCounts, points: Sequence[OperatingPoint], chosen: OperatingPoint | None, *, usual: float, title: str
) -> Picture:
    """Histograms of the similarity of genuine and of impostor pairs, RGB uint8 (980, 1200, 3).

    Each is a share of its own kind, above on a linear axis and below on a logarithmic one, which shows the tails.
    Lines are the thresholds; a band is the interval of the chosen one. Where none was chosen, a faint line is the
    `usual` one, the embedder's own.
    """
    shares = [_shares(kind) for kind in (counts.impostor, counts.genuine)]
    used = np.flatnonzero(shares[0] + shares[1])
    step = 2 / len(shares[0])
    # The embedder's own threshold is within the picture even where no pair comes near it.
    start = max(-1.0, math.floor(min(-1 + used[0] * step, usual) * 10 - 0.5) / 10)
    end = min(1.0, math.ceil(max(-1 + (used[-1] + 1) * step, usual) * 10 + 0.5) / 10)
    most = float(max(share.max() for share in shares))
    least = 10.0 ** math.floor(math.log10(min(float(share[share > 0].min()) for share in shares if share.any())))
    page = Image.new("RGB", (_WIDE * FINER, 980 * FINER), "white")
    write(page, _MARGIN, 54, fitting(f"Similarity of pairs, {title}", 24, _WIDE - 2 * _MARGIN), 24)
    x = float(_MARGIN)
    for kind, colour, name in (
        (counts.impostor, _PALE_IMPOSTOR, "impostor pairs (two people)"),
        (counts.genuine, _PALE_GENUINE, "genuine pairs (one person)"),
    ):
        text = f"{int(kind.sum()):,} {name}"
        fill(page, (x, 72, x + 26, 86), colour)
        write(page, x + 36, 85, text, 15, FADED)
        x += 36 + text_width(text, 15) + 36
    fill(page, (x, 72, x + 26, 86), _BOTH)
    write(page, x + 36, 85, "both", 15, FADED)
    plots = (
        _Plot(_LEFT, _RIGHT, 190, 520, (start, end), (0.0, most * 1.05)),
        _Plot(_LEFT, _RIGHT, 590, 870, (start, end), (math.log10(least), max(math.log10(most), math.log10(least) + 1))),
    )
    for plot in plots:
        if chosen is not None and chosen.threshold_interval is not None:
            low, high = (plot.x(value) for value in chosen.threshold_interval)
            fill(page, (low, plot.top, max(high, low + 1), plot.bottom), _BAND)
    for share in _round_steps(most * 1.05):
        plots[0].level(page, share, f"{100 * share:g} %")
    for exponent in range(round(math.log10(least)), math.floor(math.log10(most)) + 1):
        plots[1].level(page, exponent, f"{100 * 10.0**exponent:g} %" if exponent >= -5 else f"1e{exponent + 2} %")
    _draw_bars(page, plots[0], shares, lambda share: share, start)
    _draw_bars(page, plots[1], shares, lambda share: np.log10(np.maximum(share, least)), start)
    for tenth in range(math.ceil(start * 10 - 1e-9), math.floor(end * 10 + 1e-9) + 1):
        for plot in plots:
            plot.tick(page, tenth / 10, f"{tenth / 10:.1f}")
    write(page, _LEFT, plots[1].top - 18, "the same on a logarithmic axis", 15, FADED)
    write(page, _RIGHT, plots[1].bottom + 54, "cosine similarity", 15, FADED, "rs")
    _draw_thresholds(page, plots, _flags(points, chosen, usual))
    note = f"Bars are {_COARSE * 2 / BINS:g} wide, in shares of their own kind."
    if chosen is None:
        note += " The faint line is the threshold of the embedder itself: none was chosen."
    else:
        note += " Lines are thresholds at a false match rate; the green one was chosen, with its interval of 95 %."
    write(page, _MARGIN, 958, note, 14, FADED)
    return np.asarray(page.reduce(FINER))


@dataclass(frozen=True, slots=True)
class _Plot:
    """A rectangle of the page, and which values are at its sides."""

    left: float
    right: float
    top: float
    bottom: float
    across: tuple[float, float]
    up: tuple[float, float]

    def x(self, value: float) -> float:
        share = (value - self.across[0]) / (self.across[1] - self.across[0])
        return self.left + min(max(share, 0.0), 1.0) * (self.right - self.left)

    def y(self, value: float) -> float:
        share = (value - self.up[0]) / (self.up[1] - self.up[0])
        return self.bottom - min(max(share, 0.0), 1.0) * (self.bottom - self.top)

    def upright(self, page: Image.Image, value: float, text: str) -> None:
        x = self.x(value)
        fill(page, (x - 0.5, self.top, x + 0.5, self.bottom + 8), RULE)
        write(page, x, self.bottom + 28, text, 15, FADED, "ms")

    def tick(self, page: Image.Image, value: float, text: str) -> None:
        x = self.x(value)
        fill(page, (x - 0.5, self.bottom, x + 0.5, self.bottom + 6), FADED)
        write(page, x, self.bottom + 26, text, 15, FADED, "ms")

    def level(self, page: Image.Image, value: float, text: str) -> None:
        y = self.y(value)
        fill(page, (self.left, y - 0.5, self.right, y + 0.5), RULE)
        write(page, self.left - 12, y + 5, text, 15, FADED, "rs")

    def steps(self, page: Image.Image, across: _Doubles, up: _Doubles, colour: Colour) -> None:
        changes = np.append(True, (np.diff(across) != 0) | (np.diff(up) != 0))  # the fine bins mostly hold no pair
        across, up = across[changes].repeat(2)[1:], up[changes].repeat(2)[:-1]
        places = dict.fromkeys(
            (round(self.x(x) * FINER), round(self.y(y) * FINER)) for x, y in zip(across, up, strict=True)
        )
        ImageDraw.Draw(page).line(list(places), fill=colour, width=2 * FINER, joint="curve")


def _mark(page: Image.Image, plot: _Plot, point: OperatingPoint, colour: Colour) -> None:
    """An operating point with its intervals and its threshold."""
    if point.fnmr is None or point.fmr_interval is None or not point.fmr:
        return
    x, y = plot.x(math.log10(point.fmr)), plot.y(1 - point.fnmr)
    low, high = (plot.x(math.log10(max(value, 1e-12))) for value in point.fmr_interval)
    fill(page, (low, y - 0.75, high, y + 0.75), colour)
    if point.fnmr_interval is not None:
        top, bottom = (plot.y(1 - value) for value in point.fnmr_interval)
        fill(page, (x - 0.75, top, x + 0.75, bottom), colour)
    corners = [FINER * value for value in (x - 5, y - 5, x + 5, y + 5)]
    ImageDraw.Draw(page).ellipse(corners, fill=colour, outline="white", width=FINER)
    write(page, x + 10, y + 24, f"{point.threshold:.3f}", 16, colour)
    write(page, x + 10, y + 42, f"misses {percent(point.fnmr)}", 13, FADED)


def _draw_bars(
    page: Image.Image, plot: _Plot, shares: Sequence[_Doubles], scaled: Callable[[_Doubles], _Doubles], start: float
) -> None:
    """Two histograms over each other: where both are, in a colour of its own."""
    impostor, genuine = (scaled(share) for share in shares)
    step = 2 / len(impostor)
    for n in range(len(impostor)):
        x1, x2 = plot.x(-1 + n * step), plot.x(-1 + (n + 1) * step)
        if x2 > x1:
            higher, colour = (impostor[n], _PALE_IMPOSTOR) if impostor[n] > genuine[n] else (genuine[n], _PALE_GENUINE)
            fill(page, (x1, plot.y(higher), x2, plot.bottom), colour)
            fill(page, (x1, plot.y(min(impostor[n], genuine[n])), x2, plot.bottom), _BOTH)
    fill(page, (plot.left, plot.bottom - 0.5, plot.right, plot.bottom + 0.5), FADED)


def _flags(
    points: Sequence[OperatingPoint], chosen: OperatingPoint | None, usual: float
) -> list[tuple[float, str, Colour]]:
    """The thresholds that are drawn, lowest first: where, what is written beside them, and their colours."""
    flags = [
        (point.threshold, f"{point.threshold:.3f} at {power(point.rate)}", _CHOSEN if point is chosen else INK)
        for point in points
        if point.threshold is not None
    ]
    if chosen is None:
        flags.append((usual, f"own, {usual:.3f}", _OWN))
    return sorted(flags)


def _draw_thresholds(page: Image.Image, plots: Sequence[_Plot], flags: Sequence[tuple[float, str, Colour]]) -> None:
    """Lines through both plots, with labels at their right like flags: the further left, the higher."""
    for place, (threshold, text, colour) in enumerate(flags):
        x, high = plots[0].x(threshold), plots[0].top - 12 - 18 * (len(flags) - 1 - place)
        write(page, x + 6, high, text, 14, colour)
        fill(page, (x - 0.75, high - 12, x + 0.75, plots[0].bottom), colour)
        fill(page, (x - 0.75, plots[1].top, x + 0.75, plots[1].bottom), colour)


def _shares(histogram: Integers) -> _Doubles:
    """A histogram in wider bars, as shares of all."""
    wider = histogram.reshape(-1, _COARSE).sum(axis=1)
    return np.asarray(wider / max(int(wider.sum()), 1), np.float64)


def _round_steps(most: float) -> list[float]:
    """Round numbers from 0 to `most`, about five."""
    rough = most / 5
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= rough)
    return [n * step for n in range(math.floor(most / step) + 1)]
