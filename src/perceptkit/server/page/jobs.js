// The list of the own jobs.

import { announce, confirmed, icon, iconButton, make, wrong } from "./elements.js";
import { FEATURES, featureOf } from "./features.js";
import { left, moment, sentence } from "./formats.js";
import { keptRows } from "./rows.js";
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
    make("h2", { tabindex: -1 }, "Your work"),
    said,
    empty,
    rows,
  );
  const showRows = keptRows(
    rows,
    (job) => job.job_id,
    (job) => jobRow(job.job_id, failed),
  );

  function show() {
    const jobs = store.all();
    empty.hidden = jobs.length > 0;
    showRows(jobs);
  }

  /** What another browser began or deleted meanwhile. */
  const wake = () => document.visibilityState === "visible" && store.refresh().catch(failed);

  const failed = (error) => store.isSilent() || said.replaceChildren(wrong(error)); // silence is said elsewhere
  const deaf = store.listen(show);
  document.addEventListener("visibilitychange", wake);
  show();
  empty.hidden = true; // until the server has said so
  store.refresh().catch(failed);
  return {
    element,
    leave() {
      deaf();
      document.removeEventListener("visibilitychange", wake);
    },
  };
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
  if (job.status === "processing" && !job.progress_percentage) progress.removeAttribute("value");
  else progress.value = job.progress_percentage;
  if (store.beingCancelled(job)) text.textContent = "Being cancelled";
  else if (job.status === "pending") text.textContent = "";
  else text.textContent = job.progress_percentage ? `${Math.floor(job.progress_percentage)} % ${remaining(job)}` : "";
}

function remaining(job) {
  const seconds = store.timeLeft(job);
  return seconds === null ? "" : `· ${left(seconds)}`;
}

function cancelButton(job, failed) {
  return iconButton(`Cancel ${job.filename}`, "close", () => cancelJob(job).catch(failed));
}

export async function cancelJob(job) {
  announce("Being cancelled.");
  await store.cancel(job.job_id);
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
