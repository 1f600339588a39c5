"""The main job, on real photos: who is in them? Writes demo-out/ and says what to open.

Photos and weights come from the folder `shared` beside the project (or PERCEPTKIT_MODELS) when it is there. Without
it, put photos of your own into `photos/`; the weights are downloaded.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from perceptkit import errors, face
from perceptkit.output import count

SHARED = Path(__file__).resolve().parent.parent.parent / "shared"
OUTPUT = Path("demo-out")


def main() -> None:
    """Extract the people and print them."""
    models = Path(os.environ.get("PERCEPTKIT_MODELS") or SHARED / "models")
    photos = models.parent / "media" / "faces" / "people"
    if not photos.is_dir():
        photos = Path("photos")
        if not photos.is_dir():
            sys.exit(
                "no photos to show: put some into the folder 'photos' and run this again.\n"
                "Weights are downloaded on first use; without a network set PERCEPTKIT_MODELS to a folder of them."
            )
    if models.is_dir():
        os.environ["PERCEPTKIT_MODELS"] = str(models)
    shutil.rmtree(OUTPUT, ignore_errors=True)
    try:
        result = face.extract(photos, OUTPUT, preset="permissive")
    except errors.PerceptkitError as error:
        sys.exit(f"error: {error}")
    print(f"{result.photos} photos, {len(result.sightings)} faces, {len(result.people)} people")
    for person in result.people:
        names = sorted({Path(sighting.source).name for sighting in person.sightings})
        print(f"  person {person.id}: {count(len(person.sightings), 'face', 'faces')} in {', '.join(names[:3])}")
    print(f"open {OUTPUT / 'people.html'}")


if __name__ == "__main__":
    main()
