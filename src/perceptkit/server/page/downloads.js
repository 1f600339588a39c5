// The files of a result, to take along.

import { icon, make } from "./elements.js";
import { size } from "./formats.js";

// What people look for first; the names are those that the command line writes too.
const ABOUT = {
  "people.html": "The people as a page of its own",
  "faces.jsonl": "Every face, a line each",
  "embeddings.npz": "What faces are compared by, for programs",
  "sources.jsonl": "What became of each file",
  "run.json": "With which models and options",
  "annotated.mp4": "The video with what was found drawn on it",
  "footsteps.mp4": "The video with the sound of the steps",
  "footsteps.wav": "The sound of the steps alone",
  "gaze.csv": "Every face in every frame, as a table",
  "gaze.jsonl": "Every face in every frame, for programs",
  "heatmap.png": "Where people looked, as a picture",
  "events.csv": "Every step, as a table",
  "events.json": "Every step, for programs",
  "events.edl": "The steps for video editors",
  "events.rpp": "The steps as a REAPER project",
  "events.mid": "The steps as MIDI notes",
  "labels.txt": "The steps as Audacity labels",
  "timecode.txt": "The steps with their timecodes",
  "poses.npz": "The poses, for programs",
  "stats.json": "Steps a minute and other sums",
  "timeline.png": "The timeline as a picture",
  "timeline.json": "The timeline for programs",
  "summary.json": "Sums for each track",
};

export function downloads(files) {
  const filled = files.filter((file) => file.bytes > 0);
  if (!filled.length) return "";
  return make(
    "section",
    { class: "card", "aria-label": "Downloads" },
    make("h2", {}, "Downloads"),
    make("ul", { class: "downloads" }, filled.map(row)),
  );
}

function row(file) {
  return make(
    "li",
    {},
    make("a", { href: file.url, download: file.name }, icon("download"), make("span", { class: "name" }, file.name)),
    make("span", { class: "about faded small" }, ABOUT[file.name] ?? ""),
    make("span", { class: "faded small numbers" }, size(file.bytes)),
  );
}
