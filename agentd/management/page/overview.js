// The top of the page and the slots.

import { $, make, mark, show, sync, write } from "./dom.js";
import { problems, readiness, slotCells, slotSum } from "./model.js";
import { coarse, duration, plural, safe } from "./text.js";

export function showHeader(status, elapsed) {
  write($("agent-name"), safe(status.agent_name ?? ""));
  document.title = `${status.agent_name ? `${safe(status.agent_name)} – ` : ""}agentd`;
  showPills(status, elapsed);
  showFacts(status, elapsed);
  const draining = Boolean(status.drain?.draining);
  show($("drain"), !draining);
  show($("undrain"), draining && !status.drain.final);
  const wrong = problems(status);
  const { reasons } = readiness(status);
  const lines = [...wrong, ...reasons.map((text) => ({ level: "warn", text: `not ready: ${text}` }))];
  show($("wrong"), lines.length > 0);
  sync(
    $("wrong"),
    lines,
    (line) => line.level + line.text,
    (line) => make("li", { class: line.level }, safe(line.text)),
  );
}

function showPills(status, elapsed) {
  const unhealthy = (status.problems ?? []).length > 0;
  const { ready } = readiness(status);
  const linked = status.link?.phase === "registered";
  const pills = [
    { key: "health", level: unhealthy ? "bad" : "good", text: unhealthy ? "unhealthy" : "healthy" },
    { key: "ready", level: ready ? "good" : "warn", text: ready ? "ready" : "not ready" },
    {
      key: "link",
      level: linked ? "good" : "warn",
      text: linked ? "registered" : safe(status.link?.phase ?? "link unknown"),
    },
  ];
  if (status.drain?.draining) pills.push({ key: "drain", level: "warn", text: drainText(status.drain, elapsed) });
  sync($("pills"), pills, (pill) => pill.key, () => make("li"), (element, pill) => {
    mark(element, "class", `pill ${pill.level}`);
    write(element, pill.text);
  });
}

function drainText(drain, elapsed) {
  const left = `draining: ${plural(drain.jobs_left ?? 0, "job")} left`;
  if (drain.ending) return `${left}, being ended`;
  if (!drain.jobs_left || drain.seconds_left == null) return left;
  return `${left}, ended in ${duration(drain.seconds_left - elapsed)} at the latest`;
}

function showFacts(status, elapsed) {
  const template = status.template;
  const facts = [
    ["up", duration((status.uptime ?? 0) + elapsed)],
    ["version", status.version],
    ["pid", status.pid],
    ["worker", status.link?.worker_id],
    ["link", status.link?.error],
    ["children by", status.pool?.start_method],
    ["code", template && (template.alive ? `generation ${template.generation}` : "the template is down")],
    ["last reload", template?.last_error],
    ["declined", declined(status.refusals)],
  ].filter(([, text]) => text != null && text !== "");
  sync(
    $("facts"),
    facts,
    ([name]) => name,
    ([name]) => make("div", {}, make("dt", {}, name), make("dd")),
    (element, [, text]) => write(element.lastElementChild, safe(text)),
  );
}

function declined(refusals) {
  const counts = Object.entries(refusals ?? {})
    .filter(([, count]) => count)
    .sort((one, other) => other[1] - one[1]);
  return counts.map(([reason, count]) => `${plural(count, "offer")}: ${reason}`).join("; ");
}

export function showSlots(status, elapsed) {
  const cells = slotCells(status);
  write($("slots-sum"), slotSum(cells));
  mark($("slots"), "class", cells.length > 48 ? "slots many" : "slots");
  sync($("slots"), cells, (cell) => cell.slot, makeCell, (element, cell) => showCell(element, cell, elapsed));
}

function makeCell(cell) {
  return make(
    "li",
    {},
    make("span", { class: "number" }, make("span", { class: "unseen" }, "slot "), String(cell.slot + 1)),
    make("span", { class: "word" }),
    make("span", { class: "detail" }),
  );
}

function showCell(element, cell, elapsed) {
  mark(element, "class", `slot ${cell.state}`);
  const [, word, detail] = element.children;
  write(word, cell.state);
  const { child, job } = cell;
  const id = child?.job_id ?? child?.job ?? "";
  mark(element, "title", child ? safe(childText(child)) : null);
  if (id) {
    if (detail.firstElementChild?.dataset.job !== id) {
      detail.replaceChildren(make("a", { href: `#job/${encodeURIComponent(id)}`, "data-job": id }));
    }
    const link = detail.firstElementChild;
    write(link, job ? coarse(job.age + elapsed) : "job");
    mark(link, "aria-label", `${safe(id)}${job ? `, room ${safe(job.room)}` : ""}`);
  } else {
    write(detail, child?.pid ? `pid ${child.pid}` : "");
  }
}

function childText(child) {
  const memory = child.memory_mb ?? child.memory;
  return [
    `child ${child.id}`,
    child.pid ? `pid ${child.pid}` : "",
    child.state,
    memory ? `${Math.round(memory)} MB` : "",
    child.job_id ?? "",
  ].filter(Boolean).join(", ");
}
