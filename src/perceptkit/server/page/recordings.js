// The own recordings: listen, take along, delete.

import { ask } from "./api.js";
import { announce, confirmed, icon, iconButton, make, wrong } from "./elements.js";
import { clock, moment, size } from "./formats.js";
import { keptRows } from "./rows.js";

export function recordingList() {
  const rows = make("ul", {});
  const said = make("div", {});
  const empty = make("p", { class: "empty", hidden: true }, "Nothing recorded yet.");
  const element = make(
    "section",
    { class: "card", "aria-label": "Recordings" },
    make("h2", { tabindex: -1 }, "Recordings"),
    said,
    empty,
    rows,
  );

  const showRows = keptRows(
    rows,
    (recording) => recording.id,
    () => recordingRow(remove),
  );
  const failed = (error) => said.replaceChildren(wrong(error));

  async function refresh() {
    try {
      const { recordings } = await ask("GET", "/api/audio/recordings");
      said.replaceChildren();
      empty.hidden = recordings.length > 0;
      showRows(recordings);
    } catch (error) {
      failed(error);
    }
  }

  async function remove(recording) {
    const sure = await confirmed(
      `Delete ${recording.filename}?`,
      "The sound and its angles are deleted from the server.",
      "Delete",
    );
    if (!sure) return;
    try {
      await ask("DELETE", address(recording));
      announce("Deleted.");
      await refresh();
    } catch (error) {
      failed(error);
    }
  }

  refresh();
  return { element, refresh };
}

const address = (recording) => `/api/audio/recordings/${encodeURIComponent(recording.id)}`;

function recordingRow(remove) {
  const element = make("li", { class: "job" });
  let last = "";

  function show(recording) {
    const now = JSON.stringify([recording.state, recording.duration]);
    if (now !== last) element.replaceChildren(...parts(recording, remove));
    last = now;
  }

  return { element, show };
}

function parts(recording, remove) {
  const goesOn = recording.state === "recording";
  const facts = [moment(recording.started), clock(recording.duration, 1), size(recording.bytes)];
  if (recording.state !== "complete") facts.push(goesOn ? "goes on" : recording.state);
  const sound = address(recording);
  const link = (text, href, name) => make("a", { class: "button", href, download: name }, icon("download"), text);
  const stem = recording.filename.replace(/\.wav$/i, "");
  return [
    make(
      "div",
      { class: "job-line" },
      icon("microphone"),
      make(
        "div",
        { class: "about" },
        make("span", { class: "name", title: recording.filename }, recording.filename),
        make(
          "div",
          { class: "facts numbers" },
          facts.map((fact) => make("span", {}, fact)),
        ),
      ),
      goesOn ? null : iconButton(`Delete ${recording.filename}`, "delete", () => remove(recording)),
    ),
    goesOn
      ? null
      : make(
          "div",
          { class: "recording-use" },
          make("audio", { controls: true, preload: "none", src: sound, "aria-label": recording.filename }),
          link("WAV", sound, `${stem}.wav`),
          link("Angles", `${sound}/angles?format=csv`, `${stem}.csv`),
        ),
  ].filter(Boolean);
}
