// The page: one stream of events, and what is shown of it.

import { get, token } from "./api.js";
import { $, mark, show, write } from "./dom.js";
import { Events } from "./events.js";
import { jobInAddress, openJob, showJob, showJobs } from "./jobs.js";
import { readiness } from "./model.js";
import { showHeader, showSlots } from "./overview.js";
import { showCircuits, showDeaths, showTree } from "./parts.js";
import { Steering } from "./steering.js";
import { Stream } from "./stream.js";
import { clock, duration, safe } from "./text.js";

const LOOK_AGAIN = 1000;

let status = null;
let statusAt = 0;
let lost = null;
let boot = "";
let version = "";
let treeMissing = false;
let deathsMissing = false;
const seenDeaths = [];

const said = (text) => write($("said"), text);
const events = new Events();
const steering = new Steering({ status: () => status, said, onToken: () => stream.retry() });
const stream = new Stream("/events", { open: opened, message: taken, lost: wasLost, refused: wasRefused });

// -- the connection ------------------------------------------------------------------

function opened() {
  if (lost) {
    events.note(`connected again after ${duration((Date.now() - lost.since) / 1000)}`);
    said("Connected again.");
  }
  lost = null;
  showConnection();
  lookSoon();
  jobSoon();
}

function wasLost({ error, retryAt }) {
  if (!lost) {
    lost = { since: Date.now() };
    said("The connection to the daemon is lost; what is shown is old.");
  }
  Object.assign(lost, { why: error.message, retryAt, token: false });
  showConnection();
}

function wasRefused(error) {
  const again = Boolean(token());
  lost ??= { since: Date.now() };
  Object.assign(lost, { why: error.message, retryAt: null, token: true });
  showConnection();
  steering.askToken(again ? error.message : "");
}

function showConnection() {
  show($("connection"), Boolean(lost));
  mark(document.body, "class", lost ? (status ? "stale" : "blank") : status ? "live" : "blank");
  write($("retry"), lost?.token ? "Give the token…" : "Try now");
  if (lost) tickConnection();
}

function tickConnection() {
  const known = status ? `What is shown is of ${clock(statusAt / 1000)}.` : "Nothing is known yet.";
  if (lost.token) {
    write($("connection-text"), `This daemon shows itself to those who have its token. ${known}`);
    return;
  }
  const left = Math.max(0, Math.ceil((lost.retryAt - Date.now()) / 1000));
  const next = left ? `Next try in ${left} s.` : "Trying…";
  write(
    $("connection-text"),
    `Connection lost since ${clock(lost.since / 1000)} (${duration((Date.now() - lost.since) / 1000)}): ${safe(lost.why)}. ${known} ${next}`,
  );
}

// -- what comes ----------------------------------------------------------------------

function taken({ event: kind, data, id }) {
  let body;
  try {
    body = JSON.parse(data);
  } catch {
    return;
  }
  if (kind === "hello") greeted(body);
  else if (kind === "status") showStatus(body);
  else if (kind === "event") happened({ ...body, id: body.id ?? id });
}

function greeted(hello) {
  if (!boot) readPast();
  if (boot && hello.boot !== boot) {
    events.note(`the daemon was restarted; this is agentd ${hello.version ?? ""}`);
    if (hello.version !== version) events.note("it is of another version than this page: load the page anew");
    treeMissing = deathsMissing = false;
  }
  if (hello.missed) events.note("some events before this were missed");
  boot = hello.boot;
  version = hello.version;
}

// What happened before the page was opened; an older daemon does not tell.
async function readPast() {
  try {
    events.addPast((await get("/events?limit=100")).events ?? []);
  } catch {
    events.render();
  }
}

function showStatus(view) {
  tellChanges(status, view);
  status = view;
  statusAt = Date.now();
  render();
  showConnection();
  lookSoon();
}

// What a screen reader is told of: rare, and worth an interruption.
function tellChanges(before, now) {
  if (!before) return;
  const ill = (view) => (view.problems ?? []).map((one) => one.message).join("; ");
  if (ill(now) !== ill(before)) said(ill(now) ? `Unhealthy: ${safe(ill(now))}` : "Healthy again.");
  else if (Boolean(now.drain?.draining) !== Boolean(before.drain?.draining)) {
    said(now.drain?.draining ? "The daemon drains." : "The drain was taken back.");
  } else if (readiness(now).ready !== readiness(before).ready) {
    said(readiness(now).ready ? "Ready again." : `Not ready: ${safe(readiness(now).reasons.join("; "))}`);
  } else {
    const resuming = (view) => new Set((view.jobs ?? []).filter((job) => job.state === "resuming").map((job) => job.id));
    const old = resuming(before);
    const ids = [...resuming(now)].filter((id) => !old.has(id));
    if (ids.length) said(`Resuming: ${safe(ids.join(", "))}`);
  }
}

function happened(event) {
  events.add(event);
  if (event.kind === "post_mortem") {
    seenDeaths.unshift(event);
    seenDeaths.length = Math.min(seenDeaths.length, 10);
  }
  if (event.job && event.job === openJob()) jobSoon();
  lookSoon();
}

function render() {
  if (!status) return;
  const until = lost ? lost.since : Date.now();
  const elapsed = Math.max(0, (until - statusAt) / 1000);
  showHeader(status, elapsed);
  showSlots(status, elapsed);
  showJobs(status, elapsed, (name, id) => steering.ask(name, id));
  showCircuits(status, elapsed);
}

// -- what is asked for besides -------------------------------------------------------

// At most once a second, however much happens, and once after the last.
function calmly(action) {
  let timer = 0;
  let running = false;
  let again = false;
  const run = async () => {
    timer = 0;
    running = true;
    await action();
    running = false;
    if (again) soon();
    again = false;
  };
  const soon = () => {
    if (running) again = true;
    else if (!timer) timer = setTimeout(run, LOOK_AGAIN);
  };
  return soon;
}

const lookSoon = calmly(async () => {
  if (lost || document.hidden) return;
  treeMissing = await missing(treeMissing, async () => showTree(await get("/tree")));
  deathsMissing = await missing(deathsMissing, async () => {
    const page = await get("/post_mortems?limit=10");
    showDeaths(page.post_mortems ?? [], true);
  });
  if (deathsMissing) showDeaths(seenDeaths, false);
});

// Whether this daemon has no such thing; other failures show on the stream too.
async function missing(known, look) {
  if (known) return true;
  try {
    await look();
    return false;
  } catch (error) {
    return error.status === 404;
  }
}

const jobSoon = calmly(async () => {
  if (openJob()) await showJob(openJob());
});

// -- the page itself -----------------------------------------------------------------

$("retry").addEventListener("click", () => (lost?.token ? steering.askToken() : stream.retry()));
$("job-close").addEventListener("click", () => $("job").close());
$("job").addEventListener("close", () => {
  if (jobInAddress()) history.replaceState(null, "", location.pathname);
  showJob("");
});
addEventListener("hashchange", () => showJob(jobInAddress()));
addEventListener("online", () => stream.retry());
document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  if (lost && !lost.token) stream.retry();
  lookSoon();
});
setInterval(() => {
  if (document.hidden) return;
  if (lost) tickConnection();
  else render();
}, 1000);

showConnection();
events.render();
if (jobInAddress()) showJob(jobInAddress());
stream.run();
