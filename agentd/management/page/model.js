// What the page knows, and what follows from it. Pure; an older daemon's fields may be missing.

export const WORDS = {
  free: "free",
  warm: "warm",
  starting: "starting",
  busy: "busy",
  resuming: "resuming",
  ending: "ending",
};

const OF_CHILD = {
  starting: "starting",
  prewarming: "starting",
  idle: "warm",
  reserved: "busy",
  running: "busy",
  adopting: "resuming",
  stopping: "ending",
};

// One cell a slot, by its number.
export function slotCells(status) {
  const children = status.children?.length ? status.children : status.pool?.children ?? [];
  const jobs = new Map((status.jobs ?? []).map((job) => [job.id, job]));
  const count = Math.max(status.pool?.slots ?? 0, ...children.map((child) => child.slot + 1));
  const cells = Array.from({ length: count }, (_, slot) => ({ slot, state: "free", child: null, job: null }));
  for (const child of children) {
    const cell = cells[child.slot];
    if (cell === undefined || (cell.child && child.state === "stopping")) continue;
    cell.child = child;
    cell.job = jobs.get(child.job_id ?? child.job) ?? null;
    cell.state = OF_CHILD[child.state] ?? "free";
    if (cell.job?.state === "resuming" && cell.state !== "ending") cell.state = "resuming";
  }
  return cells;
}

// How many slots are in which state, most telling first.
export function slotSum(cells) {
  const order = ["busy", "resuming", "starting", "ending", "warm", "free"];
  return order
    .map((state) => [cells.filter((cell) => cell.state === state).length, WORDS[state]])
    .filter(([count]) => count)
    .map(([count, word]) => `${count} ${word}`)
    .join(", ");
}

// As /readyz says; worked out here where the daemon does not say it.
export function readiness(status) {
  if (status.readiness) {
    const { ready, reasons } = status.readiness;
    return { ready, reasons: (reasons ?? []).map((reason) => reason.message) };
  }
  const { link, pool, drain } = status;
  const reasons = [];
  if (drain?.draining) reasons.push("it drains and takes no new call");
  if (link && link.phase !== "registered") reasons.push(`not registered with LiveKit: ${link.phase}`);
  if (pool?.failing) reasons.push(pool.failing);
  else if (pool && pool.busy >= pool.slots) reasons.push(`all ${pool.slots} slots are taken`);
  else if (pool && !pool.idle) reasons.push("no warm child yet");
  return { ready: reasons.length === 0, reasons };
}

export function problems(status) {
  return [
    ...(status.problems ?? []).map((one) => ({ level: "bad", text: `${one.part}: ${one.message}` })),
    ...(status.troubles ?? []).map((one) => ({
      level: "warn",
      text:
        `${one.path}: ${one.state}, ${one.failures} failure${one.failures === 1 ? "" : "s"} in a row: ${one.last_error}` +
        (one.next_start_in == null ? "" : `; next start in ${Math.ceil(one.next_start_in)} s`),
    })),
    ...(status.journal?.problem
      ? [{ level: "warn", text: `the journal is not on disk: ${status.journal.problem}` }]
      : []),
  ];
}

export function circuitNext(circuit) {
  if (circuit.state === "open") return `tried again in ${Math.ceil(circuit.seconds)} s`;
  return circuit.prober ? `being tried by ${circuit.prober}` : "tried by the next call";
}

export const STAGES = ["e2e", "eot", "stt", "llm", "tts"];

// The levels that are worth a look.
export const isBad = (event) => ["warning", "error", "critical"].includes(levelOf(event));
export const levelOf = (event) => String(event.fields?.level ?? "info").toLowerCase();

export function matches(event, words) {
  const text = [event.kind, event.text, event.job, event.child, JSON.stringify(event.fields ?? {})]
    .join(" ")
    .toLowerCase();
  return words.toLowerCase().split(/\s+/).every((word) => text.includes(word));
}
