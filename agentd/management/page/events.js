// What happened, newest first, as it comes.

import { $, make, mark, show, write } from "./dom.js";
import { isBad, levelOf, matches } from "./model.js";
import { clock, plural, safe, safeLines, sorted } from "./text.js";

const KEPT = 1000;
const SHOWN = 200;
const QUIET = new Set(["level"]);

const sameAs = (event) => JSON.stringify([event.time, event.kind, event.job, event.child, event.text]);

export class Events {
  constructor() {
    this.all = [];
    this.words = "";
    this.onlyBad = false;
    this.held = false;
    this.waiting = false;
    $("filter").addEventListener("input", (event) => {
      this.words = event.target.value.trim();
      this.render();
    });
    $("only-bad").addEventListener("change", (event) => {
      this.onlyBad = event.target.checked;
      this.render();
    });
    $("hold").addEventListener("click", () => {
      this.held = !this.held;
      mark($("hold"), "aria-pressed", String(this.held));
      this.render();
    });
  }

  add(event) {
    this.all.unshift(event);
    if (this.all.length > KEPT) this.all.length = KEPT;
    // A burst is drawn once.
    if (this.waiting) return;
    this.waiting = true;
    setTimeout(() => {
      this.waiting = false;
      if (this.held) this.sum();
      else this.render();
    }, 100);
  }

  // Older ones, newest first; those that came meanwhile by the stream are not said twice.
  addPast(past) {
    const known = new Set(this.all.map(sameAs));
    this.all.push(
      ...past.filter((event) => !known.has(sameAs(event))).map((event) => ({ ...event, id: sameAs(event) })),
    );
    this.all.length = Math.min(this.all.length, KEPT);
    this.render();
  }

  // A line of the page's own between those of the daemon.
  note(text) {
    this.add({ kind: "page", text, time: Date.now() / 1000, fields: {}, id: `page-${Date.now()}` });
  }

  found() {
    return this.all.filter(
      (event) => (!this.onlyBad || isBad(event)) && (!this.words || matches(event, this.words)),
    );
  }

  sum(found = this.found()) {
    const held = this.held ? " (held)" : "";
    const more = found.length > SHOWN ? `, the last ${SHOWN} shown` : "";
    const filtered = this.words || this.onlyBad ? `${found.length} of ${this.all.length} events` : plural(found.length, "event");
    write($("events-sum"), `${filtered}${more}${held}`);
  }

  render() {
    const found = this.found();
    this.sum(found);
    const list = $("events");
    const before = new Map([...list.children].map((child) => [child.dataset.key, child]));
    list.replaceChildren(
      ...found.slice(0, SHOWN).map((event) => before.get(event.id) ?? eventLine(event)),
    );
    show($("no-events"), found.length === 0);
    write($("no-events"), this.all.length ? "No event fits the filter." : "Nothing has happened since this page was opened.");
  }
}

export function eventLine(event) {
  const level = levelOf(event);
  const { short, long } = sorted(event.fields);
  const facts = short.filter(([name]) => !QUIET.has(name)).map(([name, text]) => `${name}=${text}`).join(" ");
  const line = make(
    "li",
    { class: isBad(event) ? level : "", "data-key": event.id },
    make("time", {}, clock(event.time, true)),
    make("span", { class: "kind" }, isBad(event) && make("b", { class: "level" }, level), " ", safe(event.kind)),
    make(
      "span",
      { class: "words" },
      make("bdi", {}, safe(event.text)),
      event.job && " ",
      event.job && make("a", { href: `#job/${encodeURIComponent(event.job)}` }, safe(event.job)),
      event.child && make("span", { class: "why" }, ` [${safe(event.child)}]`),
      facts && make("bdi", { class: "why" }, ` ${safe(facts)}`),
      ...long.map(([name, text]) =>
        make("details", {}, make("summary", {}, safe(name)), make("pre", { tabindex: "0", role: "region", "aria-label": safe(name) }, safeLines(text))),
      ),
    ),
  );
  return line;
}
