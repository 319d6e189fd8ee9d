// Server-sent events over fetch, which can send a token; with reconnecting and resuming.

import { headers, refusal } from "./api.js";

// Something comes every 15 s at least.
const SILENCE = 40_000;
const DELAYS = [500, 1000, 2000, 4000, 8000];
const MOST = 4 * 1024 * 1024;

// Lines of a stream as messages: takes text, hands over {id, event, data}.
export function reader(take) {
  let rest = "";
  let message = { event: "message", data: [] };
  const line = (text) => {
    if (text === "") {
      if (message.data.length) take({ ...message, data: message.data.join("\n") });
      message = { event: "message", data: [] };
      return;
    }
    const colon = text.indexOf(":");
    if (colon === 0) return;
    const name = colon < 0 ? text : text.slice(0, colon);
    const value = colon < 0 ? "" : text.slice(colon + 1).replace(/^ /, "");
    if (name === "data") message.data.push(value);
    else if (name === "event" || name === "id") message[name] = value;
  };
  return (text) => {
    rest += text;
    const lines = rest.split(/\r\n|\n|\r(?=[^\n])/);
    rest = lines.pop();
    if (rest.length > MOST) throw new Error("the daemon sent a line without an end");
    for (const one of lines) line(one);
  };
}

export class Stream {
  // handlers: open(), message({event, data, id}), lost({error, retryAt}), refused(Refused)
  constructor(path, handlers) {
    this.path = path;
    this.handlers = handlers;
    this.lastId = "";
    this.failures = 0;
    this.wake = () => {};
  }

  async run() {
    for (;;) {
      const error = await this.once();
      const longest = DELAYS[Math.min(this.failures, DELAYS.length - 1)];
      this.failures += 1;
      const delay = longest * (0.5 + Math.random() / 2);
      if (error.status === 401) {
        this.handlers.refused(error);
        await new Promise((resolve) => (this.wake = resolve));
      } else {
        this.handlers.lost({ error, retryAt: Date.now() + delay });
        await new Promise((resolve) => {
          this.wake = resolve;
          setTimeout(resolve, delay);
        });
      }
    }
  }

  // Try now rather than later.
  retry() {
    this.failures = 0;
    this.wake();
  }

  // Returns why it is over.
  async once() {
    const ending = new AbortController();
    let timer = 0;
    const alive = () => {
      clearTimeout(timer);
      timer = setTimeout(() => ending.abort(new Error(`nothing came for ${SILENCE / 1000} s`)), SILENCE);
    };
    try {
      alive();
      const answer = await fetch(this.path, {
        cache: "no-store",
        credentials: "omit",
        redirect: "error",
        headers: headers({
          Accept: "text/event-stream",
          ...(this.lastId ? { "Last-Event-ID": this.lastId } : {}),
        }),
        signal: ending.signal,
      });
      if (!answer.ok) return await refusal(answer);
      this.handlers.open();
      const read = reader((message) => {
        this.failures = 0;
        if (message.id !== undefined) this.lastId = message.id;
        this.handlers.message(message);
      });
      const chunks = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      for (;;) {
        const { done, value } = await chunks.read();
        if (done) return new Error("the daemon closed the connection");
        alive();
        read(value);
      }
    } catch (error) {
      return error;
    } finally {
      clearTimeout(timer);
      ending.abort();
    }
  }
}
