"""The main jobs: who is in these photos, who of them is Anna, where does everybody in this video look, who puts which
foot down when, what does that sound like, and where does a sound come from? Writes demo-out/ and says what to open.

Real photos, a video and weights are taken from the folder `shared` beside the project (or where PERCEPTKIT_MODELS is).
Where there are none, and no network to get weights from, the same jobs run on painted faces with stand-in networks of
a few hundred bytes, and on the landmarks of somebody who walks only in numbers.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import numpy as np

from perceptkit import audio, errors, face, foley, gaze
from perceptkit.output import count

PROJECT = Path(__file__).resolve().parent.parent
MODELS = Path(os.environ.get("PERCEPTKIT_MODELS") or PROJECT.parent / "shared" / "models")
OUTPUT = Path("demo-out")


def main() -> None:
    """Do the jobs and print what came of them."""
    media = MODELS.parent / "media"
    shutil.rmtree(OUTPUT, ignore_errors=True)
    try:
        if media.is_dir():
            os.environ["PERCEPTKIT_MODELS"] = str(MODELS)
            people = face.extract(media / "faces" / "people", OUTPUT / "people", preset="permissive")
            anna = sorted((media / "faces" / "people").glob("person01_*"))[:2]
            known = face.enrol("Anna", anna, gallery=OUTPUT / "gallery", preset="permissive")
            named = face.identify(media / "faces" / "people", gallery=known.gallery, preset="permissive")
            film = media / "video" / "classroom.mp4"
            followed = face.track(film, OUTPUT / "tracks", gallery=known.gallery, preset="permissive")
            seen = gaze.annotate_video(media / "video" / "classroom.mp4", OUTPUT / "gaze", preset="permissive")
            found = foley.detect(media / "video" / "walk-grass-side.mp4", preset="permissive")
            heard = foley.add_sound(
                found.source, found.steps, OUTPUT / "footsteps.mp4", foley.Style("grass"), drawn=found
            )
            found.save(heard.folder, sounds=heard.sounds)
            steps = list(found.steps)
        else:
            print("No real photos and weights here: painted faces and stand-in networks instead.")
            people, known, named, followed, seen = use_painted(OUTPUT / "input")
            steps = walk_in_numbers()
            foley.write_sound(steps, OUTPUT / "footsteps.wav", foley.Style("grass"))
        recording = record_passer_by(OUTPUT / "passing.wav")
        picture = audio.draw(recording)
        heard_at = audio.estimate_file(recording.path)
    except errors.PerceptkitError as error:
        sys.exit(f"error: {error}")
    print_people(people)
    print_names(known, named, followed)
    print_gaze(seen)
    print_steps(steps)
    if media.is_dir():
        print(f"open {OUTPUT / 'footsteps.mp4'} (with sound) and {OUTPUT / 'footsteps-foley' / 'timeline.png'}")
    else:
        print(f"listen to {OUTPUT / 'footsteps.wav'}")
    print_directions(recording, heard_at)
    print(f"open {picture}")
    print("for all of it as a web page: .venv/bin/perceptkit serve --preset permissive")


def print_people(result: face.Extraction) -> None:
    """Who is on which photos."""
    faces, people = count(len(result.sightings), "face", "faces"), count(len(result.people), "person", "people")
    print(f"{count(result.photos, 'photo', 'photos')}, {faces}, {people}")
    for person in result.people:
        names = [Path(sighting.source).name for sighting in person.sightings]
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        print(f"  person {person.id}: {count(len(names), 'face', 'faces')} in {', '.join(names[:3])}{more}")
    print(f"open {result.folder / 'people.html'}")


def print_names(known: face.Enrolment, named: face.Identification, followed: face.Tracking) -> None:
    """Who was found again."""
    print(f"\n{known}")
    for seen in named.faces:
        if seen.identity.name is not None:
            print(f"  {seen.identity.name} in {Path(seen.source).name}: similarity {seen.identity.similarity:.2f}")
    print(f"{named}\n{followed}")
    print(f"open {known.picture}, {followed.picture} and {followed.folder / 'tracks.png'}")


def print_gaze(result: gaze.Annotation) -> None:
    """Who looked at the camera for how long."""
    print(f"\n{count(result.frames, 'frame', 'frames')} of video")
    for track in result.summary["attention"]["tracks"]:
        print(
            f"  track {track['track']}: seen {track['seconds_visible']:.1f} s, "
            f"looked at the camera {track['seconds_at_camera']:.1f} s"
        )
    print(f"open {result.picture} and {result.folder / 'timeline.png'}")


def print_steps(steps: list[foley.Footstep]) -> None:
    """Who put which foot down when."""
    print()
    for person in sorted({step.person for step in steps}):
        strikes = [step for step in steps if step.person == person and step.event == "heel_strike"]
        first = ", ".join(f"{step.foot} {step.time:.2f} s" for step in strikes[:6])
        print(f"person {person}: {count(len(strikes), 'step', 'steps')}: {first}{', ...' if len(strikes) > 6 else ''}")


def print_directions(recording: audio.Recording, found: audio.Directions) -> None:
    """Where the sound was, and where it was heard."""
    print(f"\n{recording.path}: {recording.duration:.0f} s, {count(len(recording.angles), 'angle', 'angles')}")
    for time in (1.0, 3.0, 5.0):
        (told,), (heard,) = recording.angles.at([time]), found.track.at([time])
        print(f"  at {time:.0f} s it is at {round(told):+d} degrees, and is heard at {round(heard):+d}")


def record_passer_by(path: Path) -> audio.Recording:
    """Two microphones record somebody who passes from the right to the left, in six seconds: chunks with angles."""
    rate, chunk = 16_000, 1_024
    time = np.arange(6 * rate) / rate
    azimuth = -60 + 20 * time
    later = (
        0.2 / 343 * np.sin(np.radians(azimuth)) / 2
    )  # seconds by which the first microphone is later, and half of it
    noise = np.random.default_rng(1).normal(0, 0.05, len(time))
    heard = np.stack([np.interp(time + way, time, noise) for way in (-later, later)], axis=1)
    with audio.Recorder(path, rate, 2) as recorder:
        for start in range(0, len(time), chunk):
            recorder.write(heard[start : start + chunk], angle=azimuth[start])
    return recorder.close()


def walk_in_numbers() -> list[foley.Footstep]:
    """The footsteps of somebody whose landmarks are computed, from the tests."""
    from walker import Walk

    walk = Walk()
    return foley.detect_footsteps(walk.poses([number / 30 for number in range(round(walk.length * 30))]))


def use_painted(
    folder: Path,
) -> tuple[face.Extraction, face.Enrolment, face.Identification, face.Tracking, gaze.Annotation]:
    """The same jobs on photos and a video that are painted here, with the networks of the tests."""
    sys.path.insert(0, str(PROJECT / "tests"))
    from tiny_networks import blank, paint, write_embedder, write_gaze, write_photo, write_scrfd, write_video

    photos = folder / "photos"
    photos.mkdir(parents=True)
    for number in range(12):
        write_photo(photos / f"{number:02}.png", (64, 64, number % 4), (352, 224, (number + 1) % 5), noise=number + 1)
    detector, embedder = write_scrfd(folder / "detector.onnx"), write_embedder(folder / "embedder.onnx")
    people = face.extract(photos, OUTPUT / "people", detector=detector, embedder=embedder, threshold=0.9)
    models = {"detector": detector, "embedder": embedder, "threshold": 0.9}
    anna = write_photo(folder / "anna.png", (64, 64, 1), noise=99)
    known = face.enrol("Anna", anna, gallery=OUTPUT / "gallery", **models)
    named = face.identify(photos, gallery=known.gallery, **models)
    estimator = write_gaze(folder / "gaze.onnx")
    seen = gaze.annotate_video(photos, OUTPUT / "gaze", detector=detector, gaze=estimator, rate=5)
    frames = [paint(blank(), 32 * (number // 4), 64, person=1, noise=number + 1) for number in range(40)]
    film = write_video(folder / "film.mp4", frames, times=[number / 20 for number in range(40)])
    followed = face.track(film, OUTPUT / "tracks", gallery=known.gallery, **models)
    return people, known, named, followed, seen


if __name__ == "__main__":
    main()
