// The calls that run, and one of them in full.

import { jobPath, get } from "./api.js";
import { $, make, mark, show, sync, write } from "./dom.js";
import { eventLine } from "./events.js";
import { deathItem } from "./parts.js";
import { STAGES } from "./model.js";
import { clock, duration, millis, plural, safe } from "./text.js";

export function showJobs(status, elapsed, steer) {
  const jobs = [...(status.jobs ?? [])].sort((one, other) => other.age - one.age);
  const resuming = jobs.filter((job) => job.state === "resuming").length;
  write($("jobs-sum"), jobs.length ? `${plural(jobs.length, "call")}${resuming ? `, ${resuming} resuming` : ""}` : "");
  show($("jobs"), jobs.length > 0);
  show($("no-jobs"), jobs.length === 0);
  sync(
    $("job-rows"),
    jobs,
    (job) => job.id,
    (job) => makeRow(job, steer),
    (row, job) => showRow(row, job, status, elapsed),
  );
}

function makeRow(job, steer) {
  const named = safe(job.id);
  const cell = (label, kind = "") => make("td", { "data-label": label, class: kind });
  return make(
    "tr",
    {},
    make("th", { scope: "row" }, make("a", { href: `#job/${encodeURIComponent(job.id)}` }, named)),
    cell("State"),
    cell("Age", "num"),
    make("td", { "data-label": "Room", class: "name" }, make("bdi")),
    make("td", { "data-label": "Agent", class: "name" }, make("bdi")),
    cell("in all, ms", "num lat all"),
    cell("EOT, ms", "num lat"),
    cell("STT, ms", "num lat"),
    cell("LLM, ms", "num lat"),
    cell("TTS, ms", "num lat"),
    cell("Turns", "num"),
    cell("Resumes", "num"),
    make(
      "td",
      { class: "steer" },
      make("button", { type: "button", "aria-label": `Move ${named} to another child`, onclick: () => steer("resume", job.id) }, "Resume…"),
      make("button", { type: "button", "aria-label": `Stop ${named}`, onclick: () => steer("stop", job.id) }, "Stop…"),
    ),
  );
}

function showRow(row, job, status, elapsed) {
  const [, state, age, room, agent] = row.children;
  mark(state, "class", `state ${job.state}`);
  write(state, job.state);
  write(age, duration(job.age + elapsed));
  write(room.firstElementChild, safe(job.room));
  mark(room, "title", safe(job.room));
  write(agent.firstElementChild, safe(job.agent || job.agent_name || status.agent_name || ""));
  STAGES.forEach((stage, index) => {
    const cell = row.children[5 + index];
    const known = job.latency?.[stage] != null;
    mark(cell, "class", `num lat${index ? "" : " all"}${known ? "" : " none"}`);
    write(cell, millis(job.latency?.[stage]));
  });
  write(row.children[10], job.turns == null ? "–" : String(job.turns));
  const resumes = row.children[11];
  write(resumes, String(job.resumes ?? 0));
  mark(resumes, "class", `num${job.resumes ? " risen" : ""}`);
}

// -- one job -------------------------------------------------------------------------

export function jobInAddress() {
  const found = location.hash.match(/^#job\/(.+)$/);
  try {
    return found ? decodeURIComponent(found[1]) : "";
  } catch {
    return "";
  }
}

// Read anew whenever something happened to it; `shown` guards against a late answer.
let shown = "";

export async function showJob(id) {
  const dialog = $("job");
  shown = id;
  if (!id) {
    if (dialog.open) dialog.close();
    return;
  }
  write($("job-title"), `Job ${safe(id)}`);
  if (!dialog.open) {
    $("job-body").replaceChildren(make("p", { class: "empty" }, "asking the daemon…"));
    dialog.showModal();
  }
  let parts;
  try {
    parts = jobParts(await get(jobPath(id)));
  } catch (error) {
    parts = [make("p", { class: "error", role: "alert" }, safe(error.message))];
  }
  if (shown === id) $("job-body").replaceChildren(...parts);
}

export const openJob = () => shown;

function jobParts({ job, events = [], post_mortems: deaths = [], truncated = false }) {
  const facts = [
    ["state", job.ending || job.state],
    ["reason", job.reason],
    ["room", job.room],
    ["identity", job.identity],
    ["agent", job.agent_name],
    ["child", job.child && (job.pid == null ? job.child : `${job.child}, pid ${job.pid}`)],
    ["worker", job.worker_id],
    ["resumes", job.resumes || ""],
    ...["offered", "accepted", "assigned", "running", "resuming", "ended"].map((name) => [
      name,
      job[`${name}_at`] == null ? "" : clock(job[`${name}_at`]),
    ]),
  ].filter(([, text]) => text !== "" && text != null);
  return [
    make(
      "dl",
      { class: "facts" },
      ...facts.map(([name, text]) => make("div", {}, make("dt", {}, name), make("dd", {}, make("bdi", {}, safe(text))))),
    ),
    deaths.length > 0 && make("h3", {}, plural(deaths.length, "post-mortem")),
    deaths.length > 0 && make("ul", { class: "rows" }, ...deaths.map(deathItem)),
    make("h3", {}, plural(events.length, "event")),
    truncated && make("p", { class: "empty" }, "older ones are left out"),
    make("ol", { class: "events" }, ...events.map((event) => eventLine({ ...event, job: "" }))),
  ].filter(Boolean);
}
