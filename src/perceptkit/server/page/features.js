// What can be done with files: a row each. `start` sends the files and gives the ids of the jobs.

import { ask, form, send } from "./api.js";

/** The server's choices and defaults, asked for once. */
let asked = null;
export const choices = () =>
  (asked ??= ask("GET", "/page/choices.json").catch((error) => {
    asked = null;
    throw error;
  }));

/** What is shown until the server has answered: only its defaults. */
export const NOTHING_KNOWN = { gaze_models: [], surfaces: [], sensitivities: [] };

const DEFAULT = { value: "", text: "Default" };

export const FEATURES = {
  faces: {
    title: "Faces",
    about: "Unique people in photos and videos",
    takes: "photos and videos",
    accept: ["image/", "video/"],
    options: () => [
      {
        name: "similarity_threshold",
        text: "Similarity",
        kind: "range",
        from: 0.2,
        to: 0.8,
        step: 0.02,
        hint: "Lower puts more faces together as one person.",
        optional: "Use the model's own threshold",
      },
    ],
    async start(files, options, sending) {
      const sent = send("/api/faces", form({ file: files, ...options }), sending);
      const answer = await (files.length > 1 ? sent : sent.catch((error) => blame(error, files[0])));
      return [answer.job_id];
    },
  },
  gaze: {
    title: "Gaze",
    about: "Who looks where, and when at the camera",
    takes: "videos",
    accept: ["video/"],
    asks: true, // its options are the server's to know
    options: (known) => [
      {
        name: "model",
        text: "Model",
        kind: "select",
        values: [DEFAULT, ...known.gaze_models.map(named)],
      },
    ],
    start: (files, options, sending) =>
      oneByOne(files, sending, async (file, part) => {
        const answer = await send("/api/upload", form({ file, ...options }), part);
        return answer.job_id;
      }),
  },
  footsteps: {
    title: "Footsteps",
    about: "Find the steps, give them a sound",
    takes: "videos",
    accept: ["video/"],
    asks: true, // its options are the server's to know
    options: (known) => [
      {
        name: "surface_type",
        text: "Surface",
        kind: "select",
        values: known.surfaces.map(named),
        value: known.surface,
      },
      {
        name: "sensitivity",
        text: "Sensitivity",
        kind: "select",
        values: known.sensitivities.map(named),
        value: known.sensitivity,
      },
      { name: "create_annotated", text: "Draw the skeletons too", kind: "check" },
    ],
    start: (files, options, sending) =>
      oneByOne(files, sending, async (file, part) => {
        const sent = await send("/api/upload-video", form({ file, ...options, add_audio: "true" }), part);
        const answer = await ask("POST", `/api/process/${encodeURIComponent(sent.task_id)}`);
        return answer.job_id;
      }),
  },
};

/** Which feature made a job. */
export const featureOf = (job) => ({ faces: "faces", gaze: "gaze" })[job.kind] ?? "footsteps";

/** Whether a feature can use a file; types that the browser does not know are left to the server. */
export const takes = (feature, file) =>
  !file.type || FEATURES[feature].accept.some((prefix) => file.type.startsWith(prefix));

/** Send files after one another; the progress is that of all of them. */
async function oneByOne(files, { onprogress, onstarted, signal }, start) {
  const total = files.reduce((sum, file) => sum + file.size, 0) || 1;
  let before = 0;
  const ids = [];
  for (const file of files) {
    const part = { signal, onprogress: (share) => onprogress((before + share * file.size) / total) };
    ids.push(await start(file, part).catch((error) => blame(error, file)));
    onstarted(file);
    before += file.size;
  }
  return ids;
}

/** Throw a problem; when it is about what was sent, with the `file` that it is about. */
function blame(error, file) {
  if ([413, 415, 422].includes(error.status)) error.file = file;
  throw error;
}

function named(name) {
  return { value: name, text: name.replaceAll("_", " ") };
}
