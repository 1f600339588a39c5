"""The main job: who is in these photos? Writes demo-out/ and says what to open.

Real photos and weights are taken from the folder `shared` beside the project (or where PERCEPTKIT_MODELS is). Where
there are none, and no network to get weights from, the same job runs on painted faces with stand-in networks of a few
hundred bytes, which shows everything but real faces.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from perceptkit import errors, face
from perceptkit.output import count

PROJECT = Path(__file__).resolve().parent.parent
MODELS = Path(os.environ.get("PERCEPTKIT_MODELS") or PROJECT.parent / "shared" / "models")
OUTPUT = Path("demo-out")


def main() -> None:
    """Extract the people and print them."""
    photos = MODELS.parent / "media" / "faces" / "people"
    shutil.rmtree(OUTPUT, ignore_errors=True)
    try:
        if photos.is_dir():
            os.environ["PERCEPTKIT_MODELS"] = str(MODELS)
            result = face.extract(photos, OUTPUT, preset="permissive")
        else:
            print("No real photos and weights here: painted faces and stand-in networks instead.")
            result = extract_painted(OUTPUT / "input", OUTPUT / "result")
    except errors.PerceptkitError as error:
        sys.exit(f"error: {error}")
    faces, people = count(len(result.sightings), "face", "faces"), count(len(result.people), "person", "people")
    print(f"{count(result.photos, 'photo', 'photos')}, {faces}, {people}")
    for person in result.people:
        names = [Path(sighting.source).name for sighting in person.sightings]
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        print(f"  person {person.id}: {count(len(names), 'face', 'faces')} in {', '.join(names[:3])}{more}")
    print(f"open {result.folder / 'people.html'}")


def extract_painted(folder: Path, output: Path) -> face.Extraction:
    """The same job on twelve photos that are painted here, with the networks of the tests."""
    sys.path.insert(0, str(PROJECT / "tests"))
    from tiny_networks import write_embedder, write_photo, write_scrfd

    photos = folder / "photos"
    photos.mkdir(parents=True)
    for number in range(12):
        write_photo(photos / f"{number:02}.png", (64, 64, number % 4), (352, 224, (number + 1) % 5), noise=number + 1)
    detector, embedder = write_scrfd(folder / "detector.onnx"), write_embedder(folder / "embedder.onnx")
    return face.extract(photos, output, detector=detector, embedder=embedder, threshold=0.9)


if __name__ == "__main__":
    main()
