// The list of the own jobs.

import { announce, confirmed, icon, iconButton, make, wrong } from "./elements.js";
import { FEATURES, featureOf } from "./features.js";
import { left, moment, sentence } from "./formats.js";
import * as store from "./store.js";

const WORDS = {
  pending: "waits",
  processing: "under way",
  completed: "done",
  failed: "failed",
  cancelled: "cancelled",
  interrupted: "interrupted",
};

export function jobList() {
  const rows = make("ul", {});
  const said = make("div", {});
  const empty = make("p", { class: "empty", hidden: true }, "Nothing yet. What you start is listed here.");
  const element = make(
    "section",
    { class: "card", "aria-label": "Own jobs" },
    make("h2", {}, "Your work"),
    said,
    empty,
    rows,
  );
  const shown = new Map(); // job id -> its row, which is changed rather than made anew: buttons keep the focus

  function show() {
    const jobs = store.all();
    empty.hidden = jobs.length > 0;
    for (const [id, row] of shown) {
      if (!store.find(id)) {
        row.element.remove();
        shown.delete(id);
      }
    }
    jobs.forEach((job, at) => {
      if (!shown.has(job.job_id)) shown.set(job.job_id, jobRow(job.job_id, failed));
      const row = shown.get(job.job_id);
      row.show(job);
      if (rows.children[at] !== row.element) rows.insertBefore(row.element, rows.children[at] ?? null);
    });
  }

  const failed = (error) => said.replaceChildren(wrong(error));
  const leave = store.listen(show);
  show();
  empty.hidden = true; // until the server has said so
  store.refresh().catch(failed);
  return { element, leave };
}

function jobRow(id, failed) {
  const element = make("li", { class: "job" });
  let last = "";

  function show(job) {
    const now = JSON.stringify([job.status, job.error]);
    if (now !== last) element.replaceChildren(...parts(job));
    last = now;
    const progress = element.querySelector("progress");
    if (progress) fillProgress(job, progress, element.querySelector(".how-far"));
  }

  function parts(job) {
    const href = `#/jobs/${encodeURIComponent(id)}`;
    return [
      make(
        "div",
        { class: "job-line" },
        icon(featureOf(job)),
        make(
          "div",
          { class: "about" },
          make("a", { class: "name", href, title: job.filename }, job.filename),
          make(
            "div",
            { class: "facts" },
            FEATURES[featureOf(job)].title,
            make("span", { class: "numbers" }, moment(job.created_at)),
          ),
        ),
        make("span", { class: `chip ${job.status}` }, WORDS[job.status]),
        store.ended(job) ? deleteButton(job, failed) : cancelButton(job, failed),
      ),
      store.ended(job)
        ? null
        : make(
            "div",
            { class: "going" },
            make("progress", { max: "100", "aria-label": `Progress of ${job.filename}` }),
            make("span", { class: "how-far numbers small faded" }),
          ),
      job.error ? make("p", { class: "failure" }, sentence(job.error)) : null,
    ].filter(Boolean);
  }

  return { element, show };
}

/** Show how far a job is on a bar and in words. */
export function fillProgress(job, progress, text) {
  if (job.status === "processing" && job.total_frames) progress.value = job.progress_percentage;
  else progress.removeAttribute("value");
  if (job.status === "pending") text.textContent = "";
  else text.textContent = job.total_frames ? `${Math.floor(job.progress_percentage)} % ${remaining(job)}` : "";
}

function remaining(job) {
  const seconds = store.timeLeft(job);
  return seconds === null ? "" : `· ${left(seconds)}`;
}

function cancelButton(job, failed) {
  return iconButton(`Cancel ${job.filename}`, "close", () => cancelJob(job).catch(failed));
}

export async function cancelJob(job) {
  await store.cancel(job.job_id);
  announce("Being cancelled.");
}

function deleteButton(job, failed) {
  return iconButton(`Delete ${job.filename}`, "delete", () => deleteJob(job).catch(failed));
}

/** Ask, then delete a job with all its files: whether it was done. */
export async function deleteJob(job) {
  const sure = await confirmed(
    `Delete ${job.filename}?`,
    "The upload and everything that was made of it is deleted from the server.",
    "Delete",
  );
  if (!sure) return false;
  await store.remove(job.job_id);
  announce("Deleted.");
  return true;
}
