"""What people walk on in a video: a vision model is asked, and where that fails the colours of the ground.

    advice = suggest("walk.mp4", steps=found.steps)     # the key comes from the environment
    print(advice.surface, advice.note)                  # what it is, and who says so

Pictures leave this machine only where there is a key, or where somebody has named the endpoint.
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ..errors import InputError
from ..output import count
from . import defaults
from .ground import LOOKS, View, guess_ground, look
from .surfaces import SURFACES
from .types import Footstep
from .vision import NoAnswerError, Send, ask, choose_endpoint

__all__ = ["AUTO", "SYNONYMS", "Advice", "suggest"]

AUTO = "auto"
"""In the place of a surface: what `suggest` says."""

log = logging.getLogger("perceptkit")

SYNONYMS: Mapping[str, str] = {
    **dict.fromkeys(("asphalt", "tarmac", "cement", "pavement", "sidewalk", "road", "street"), "concrete"),
    **dict.fromkeys(("stone", "brick", "cobblestone", "paving"), "concrete"),
    **dict.fromkeys(("wooden", "hardwood", "parquet", "laminate", "plank", "timber", "decking"), "wood"),
    **dict.fromkeys(("ceramic", "porcelain", "marble", "linoleum", "vinyl"), "tile"),
    **dict.fromkeys(("steel", "iron", "aluminium", "aluminum", "grating"), "metal"),
    **dict.fromkeys(("pebble", "shingle", "rubble", "scree"), "gravel"),
    **dict.fromkeys(("beach", "dune"), "sand"),
    **dict.fromkeys(("ice", "slush"), "snow"),
    **dict.fromkeys(("lawn", "turf", "meadow", "field"), "grass"),
    **dict.fromkeys(("leaf", "foliage", "undergrowth"), "leaves"),
    **dict.fromkeys(("dirt", "soil", "earth", "clay"), "mud"),
    **dict.fromkeys(("puddle", "pool"), "water"),
    **dict.fromkeys(("rug", "carpeting", "carpeted"), "carpet"),
}
"""Other words that models use, and the surfaces they stand for."""

_MOST_FRAMES = 32
_TEXTS = {
    "environment": "where it is, such as indoors, a street, a park",
    "weather": "such as dry, rain, snow; unknown where it cannot be seen",
    "reasoning": "one or two sentences: what in the pictures shows it",
}


@dataclass(frozen=True, slots=True)
class Advice:
    """What people walk on: `surface` is a name of SURFACES, `suggestions` are other surfaces or things to consider.

    `environment` and `weather` are "unknown" where only the colours were looked at. `origin` tells a model's answer
    from a guess by the colours and from the default; `note` says what was done and why.
    """

    surface: str
    environment: str
    weather: str
    reasoning: str
    suggestions: tuple[str, ...]
    origin: Literal["model", "guess", "default"]
    note: str


def suggest(
    source: str | Path,
    *,
    steps: Sequence[Footstep] = (),
    frames: int = defaults.ADVICE_FRAMES,
    endpoint: str | None = None,
    model: str | None = None,
    key: str | None = None,
    timeout: float = defaults.ADVICE_TIMEOUT,
    send: Send | None = None,
) -> Advice:
    """Suggest the surface that people walk on in a video or a folder of photos.

    `frames` pictures, at `steps` where there are some, are sent to a vision `model` at an OpenAI-compatible `endpoint`.
    What is None comes from PERCEPTKIT_VISION_ENDPOINT, _MODEL and _KEY; else it is OpenRouter with the key in
    OPENROUTER_API_KEY (and for api.openai.com that in OPENAI_API_KEY). Another endpoint is asked without a key where
    there is none. `timeout` is in seconds, for a request; it is sent once more when the endpoint is busy, silent or
    not to be understood.

    Without a key, a network or a good answer, the surface is guessed from the colours of the ground, or the default;
    `note` says so, and it is logged as a warning. Raises MediaError for a source that cannot be read, InputError for
    values that make no sense and for a key that would be sent over plain http to another machine.
    """
    if not 1 <= frames <= _MOST_FRAMES:
        raise InputError(f"frames is {frames}; give 1 to {_MOST_FRAMES}")
    if not (math.isfinite(timeout) and timeout > 0):
        raise InputError(f"timeout is {timeout}; give seconds, more than 0")
    chosen = choose_endpoint(endpoint, model, key)
    views = look(source, steps=steps, frames=frames)
    if chosen.lacks:
        return _guess(views, f"no key for {chosen.host} (set PERCEPTKIT_VISION_KEY or {chosen.lacks})")
    note = f"asked {chosen.model} at {chosen.host} with {count(len(views), 'frame', 'frames')}"
    try:
        advice = ask(
            chosen,
            _question(len(views)),
            pictures=[view.image for view in views],
            fields=_fields(),
            read=lambda found: _read(found, note),
            timeout=timeout,
            send=send,
        )
    except NoAnswerError as error:
        return _guess(views, f"the endpoint {chosen.host} {error}")
    log.info("%s: %s", source, note)
    return advice


def _guess(views: Sequence[View], why: str) -> Advice:
    """What the colours say, or else the default; `why` nobody else was asked."""
    guess = guess_ground(views)
    if guess.surface is None:
        reasoning = f"the colours {guess.where} could be those of several surfaces"
        note = f"{why}; not sure of the colours {guess.where}, so it is {defaults.SURFACE} by default"
        advice = Advice(defaults.SURFACE, "unknown", "unknown", reasoning, (), "default", note)
    else:
        about = LOOKS[guess.surface]
        reasoning = f"a guess: {guess.share:.0%} of the patches {guess.where} are {about.about}"
        note = f"{why}; guessed {guess.surface} from the colours {guess.where}"
        advice = Advice(guess.surface, about.environment, "unknown", reasoning, about.others, "guess", note)
    log.warning("%s", note)
    return advice


def _question(pictures: int) -> str:
    """What is wanted, in words, for endpoints that know no schema."""
    return (
        f"These are {count(pictures, 'picture', 'pictures')} of one video, in order of time. What do the people in "
        "it walk on? It decides how their footsteps will sound. Answer with one JSON object and nothing else: "
        f"surface (one of {', '.join(SURFACES)}), {', '.join(f'{name} ({about})' for name, about in _TEXTS.items())}, "
        "suggestions (a list of other surfaces that it could be, or of things that change the sound)."
    )


def _fields() -> dict[str, Any]:
    """What is wanted, as JSON schema."""
    return {
        "surface": {"type": "string", "enum": [*SURFACES]},
        **{name: {"type": "string", "description": about} for name, about in _TEXTS.items()},
        "suggestions": {"type": "array", "items": {"type": "string"}},
    }


def _read(found: Mapping[str, Any], note: str) -> Advice:
    """The advice in a model's answer, which need not keep to the schema."""
    surface = _surface(found["surface"])
    if surface is None:
        raise NoAnswerError("named no surface that there is")
    others = found.get("suggestions")
    suggestions = [_text(each) for each in (others if isinstance(others, list) else [others])[:12]]
    return Advice(
        surface,
        _text(found.get("environment")) or "unknown",
        _text(found.get("weather")) or "unknown",
        _text(found.get("reasoning")),
        tuple(filter(None, suggestions)),
        "model",
        note,
    )


def _surface(said: object) -> str | None:
    """The surface that is meant: its name, one in a longer phrase, or a synonym."""
    words = re.findall("[a-z]+", said.lower()) if isinstance(said, str) else []
    words = [form for word in words for form in (word, word.removesuffix("s"))]
    named = (word for word in words if word in SURFACES)
    meant = (SYNONYMS[word] for word in words if word in SYNONYMS)
    return next(named, None) or next(meant, None)


def _text(value: object) -> str:
    """A text as one line that is safe to print; nothing for what is no text."""
    line = " ".join(value.split()) if isinstance(value, str) else ""
    return "".join(letter for letter in line if letter.isprintable())[:1000]
