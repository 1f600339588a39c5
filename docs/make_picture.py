"""Draw the picture of a contact sheet that the README shows.

    python docs/make_picture.py sheet.html      # then take a screenshot of it, 1180 x 760 pixels

The faces are drawn: real ones are personal data and do not belong into a repository.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from perceptkit.face.extracting.sheet import Card, people_page

SKINS = ("#f2c9a5", "#8d5a3b", "#e3ab84", "#c68a5e", "#5c3a28", "#f7d9c0")
HAIRS = ("#2b1d14", "#6b4423", "#c9a14a", "#17120f", "#8c8c8c", "#a63d1e")
PLACES = ("#9db4c0", "#c2a878", "#7d8f69", "#b08ea2", "#5f7a8c", "#d6cfc4")


def drawn_face(person: int, seen: int) -> bytes:
    """A simple face: the person decides hair and skin, the sighting the background, the light and a slight turn."""
    random = np.random.default_rng(person * 100 + seen)
    side = 640
    image = Image.new("RGB", (side, side), PLACES[int(random.integers(len(PLACES)))])
    draw = ImageDraw.Draw(image)
    turn = int(random.uniform(-30, 30))
    skin, hair = SKINS[person % len(SKINS)], HAIRS[(person * 5 + 1) % len(HAIRS)]
    draw.ellipse((60, 560, 580, 900), fill=("#34495e", "#7b3f3f", "#3f6b52")[person % 3])
    if person % 2:
        draw.rounded_rectangle((135, 110, 505, 600), 170, fill=hair)
    draw.rectangle((265, 470, 375, 600), fill=skin)
    draw.ellipse((160, 120, 480, 540), fill=skin)
    draw.pieslice((150, 90, 490, 430), 180, 360, fill=hair)
    draw.ellipse((170 + turn, 215, 470 + turn, 480), fill=skin)
    for x in (255, 385):
        draw.ellipse((x - 26 + turn, 292, x + 26 + turn, 330), fill="white")
        draw.ellipse((x - 14 + turn, 296, x + 14 + turn, 326), fill="#33261d")
        draw.line((x - 34 + turn, 272, x + 34 + turn, 268), fill=hair, width=10)
    draw.line([(320 + turn, 320), (306 + turn * 2, 392), (330 + turn, 398)], fill="#00000055", width=5)
    draw.arc((262 + turn, 385, 378 + turn, 460), 20, 160, fill="#8a3b3b", width=9)
    blurred = image.filter(ImageFilter.GaussianBlur(1.5 + 6 * max(0, seen - 3)))
    small = blurred.resize((160, 160), Image.Resampling.LANCZOS)
    light = np.clip(np.asarray(small, float) * random.uniform(0.85, 1.1), 0, 255).astype(np.uint8)
    data = io.BytesIO()
    Image.fromarray(light).save(data, "JPEG", quality=88)
    return data.getvalue()


def main() -> None:
    """Write the page."""
    people = []
    for person, count in enumerate((7, 5, 4, 3, 1, 1, 1, 1, 1, 1)):
        cards = [
            Card(f"{person:08x}{seen:08x}", f"holiday/IMG_{4000 + person * 37 + seen * 11}.jpg", None,
                 quality=max(0.95 - 0.08 * seen, 0.2), score=0.9, best=seen == 0, headshot=drawn_face(person, seen))
            for seen in range(count)
        ]  # fmt: skip
        people.append((person, cards))
    facts = {
        "Detector": "yunet",
        "Embedder": "mobilefacenet",
        "Same person from": "0.40 cosine similarity",
        "Licence of the models": "MIT; Apache-2.0",
    }
    with Path(sys.argv[1]).open("w", encoding="utf-8") as page:
        page.writelines(people_page(people, title="People in your photos", facts=facts))


if __name__ == "__main__":
    main()
