// The video of a result with its timeline.

import { ask } from "./api.js";
import { make } from "./elements.js";
import { featureOf } from "./features.js";
import { timeline } from "./timeline.js";

export async function player(job) {
  const id = encodeURIComponent(job.job_id);
  const [found, listed] = await Promise.all([
    ask("GET", `/api/jobs/${id}/timeline`),
    ask("GET", `/api/jobs/${id}/files`),
  ]);
  const video = make("video", {
    controls: true,
    playsinline: true,
    preload: "metadata",
    src: source(job, listed.files),
  });
  const said = make(
    "p",
    { class: "notice", hidden: true },
    "This browser cannot play the video. It can be downloaded below.",
  );
  video.addEventListener("error", () => {
    video.hidden = true;
    said.hidden = false;
  });
  return make(
    "div",
    { class: "player" },
    make("figure", { class: "screen" }, video, said),
    make("section", { class: "card", "aria-label": "Timeline" }, timeline(found, video, legend(job))),
  );
}

/** The video to play: the one with the sound of the steps, else what else was made, else the original. */
function source(job, files) {
  const id = encodeURIComponent(job.job_id);
  if (featureOf(job) === "gaze") return `/api/play_video/${id}`;
  const videos = files.filter((file) => file.type.startsWith("video/"));
  const heard = videos.find((file) => file.name === "footsteps.mp4") ?? videos[0];
  return heard?.url ?? `/api/play_original/${id}`;
}

function legend(job) {
  if (featureOf(job) === "gaze")
    return [
      ["span", "visible"],
      ["span strong", "at the camera"],
    ];
  return [
    ["span", "on the ground"],
    ["mark", "heel strike"],
    ["mark off", "toe off"],
  ];
}
