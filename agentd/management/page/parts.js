// Breakers, the supervision tree, and why children died.

import { $, make, mark, show, sync, write } from "./dom.js";
import { circuitNext } from "./model.js";
import { clock, duration, plural, safe, safeLines, sorted } from "./text.js";

export function showCircuits(status, elapsed) {
  const circuits = status.circuits ?? [];
  write($("circuits-sum"), circuits.length ? `${circuits.length} not closed` : "");
  show($("no-circuits"), circuits.length === 0);
  sync(
    $("circuits"),
    circuits,
    (circuit) => circuit.key,
    (circuit) =>
      make(
        "li",
        {},
        make("span", { class: "state" }),
        make("strong", {}, make("bdi", {}, safe(circuit.key))),
        make("span", { class: "next" }),
        make("span", { class: "why" }),
      ),
    (element, circuit) => {
      const [state, , next, why] = element.children;
      mark(state, "class", `state ${circuit.state}`);
      write(state, circuit.state.replace("_", " "));
      const left = { ...circuit, seconds: Math.max(0, circuit.seconds - elapsed) };
      write(next, safe(`${circuitNext(left)}; opened ${plural(circuit.times, "time")}`));
      write(why, safe(circuit.reason));
    },
  );
}

// -- the tree ------------------------------------------------------------------------

export function showTree(tree) {
  const unwell = count(tree.children);
  write($("tree-sum"), unwell ? `${unwell} not well` : "");
  sync($("tree"), [tree], (node) => node.name, makeNode, (element, node) =>
    showNode(element, node.name, node.state, terms(node), node.state === "running", node.children),
  );
}

const isWell = (child) => !child.failures && ["running", "finished", "waiting"].includes(child.state);
const count = (children) =>
  (children ?? []).reduce((sum, child) => sum + (isWell(child) ? 0 : 1) + count(child.below?.children), 0);

const terms = (node) =>
  `${node.strategy.replaceAll("_", " ")}, ${node.recent_restarts} of ${node.allowed_restarts} restarts in ${node.period} s`;

const makeNode = () =>
  make(
    "li",
    {},
    make("span", { class: "state" }),
    make("strong"),
    make("span", { class: "why" }),
    make("ul", { class: "tree" }),
  );

function showNode(element, name, state, why, well, children) {
  const [word, title, reason, below] = element.children;
  mark(word, "class", `state ${well ? "running" : state === "running" ? "shaky" : state}`);
  write(word, state);
  write(title, safe(name));
  write(reason, safe(why));
  show(below, (children ?? []).length > 0);
  sync(below, children ?? [], (child) => child.id, makeNode, (node, child) =>
    showNode(node, child.id, child.state, childWhy(child), isWell(child), child.below?.children),
  );
}

function childWhy(child) {
  const facts = [`for ${duration(child.since)}`];
  if (child.next_start_in != null) facts.push(`next start in ${duration(child.next_start_in)}`);
  if (child.restarts) facts.push(plural(child.restarts, "restart"));
  if (child.last_error) facts.push(`last error: ${child.last_error}`);
  if (child.below) facts.push(terms(child.below));
  return facts.join(", ");
}

// -- post-mortems --------------------------------------------------------------------

// What the line of a post-mortem says already.
const SAID = new Set(["child", "pid", "job", "text", "reason"]);

const keyOf = (death) => `${death.time} ${death.child}`;

export function showDeaths(deaths, total) {
  write($("deaths-sum"), total && deaths.length > 1 ? `the last ${deaths.length}` : "");
  show($("no-deaths"), deaths.length === 0);
  sync($("deaths"), deaths, keyOf, deathItem);
}

export function deathItem(death) {
  const { short, long } = sorted(death.fields);
  const facts = short.filter(([name]) => !SAID.has(name));
  const job = death.job ?? "";
  return make(
    "li",
    {},
    make(
      "details",
      {},
      make(
        "summary",
        {},
        make("time", {}, clock(death.time)),
        " ",
        make("strong", {}, safe(death.child)),
        death.pid == null ? "" : ` pid ${death.pid}`,
        make("span", { class: "why" }, ` ${safe(death.text)}`),
      ),
      job && make("p", {}, make("a", { href: `#job/${encodeURIComponent(job)}` }, safe(job))),
      make("dl", { class: "facts" }, ...facts.map(([name, text]) => make("div", {}, make("dt", {}, safe(name)), make("dd", {}, safe(text))))),
      ...long.flatMap(([name, text]) => [
        make("h4", {}, safe(name)),
        make("pre", { tabindex: "0", role: "region", "aria-label": safe(name) }, safeLines(text)),
      ]),
    ),
  );
}
