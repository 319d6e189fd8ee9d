// What is asked before something is done, the doing, and the token that it may need.

import { jobPath, keepToken, post, token } from "./api.js";
import { $, show, write } from "./dom.js";
import { plural, safe } from "./text.js";

const STEPS = {
  drain: {
    title: "Drain this daemon?",
    text: (_, status) =>
      `It takes no new call from now on. ${plural(status?.jobs?.length ?? 0, "call")} may go on ` +
      "until they end or the drain timeout is over; then the daemon ends. Undrain takes it back until then.",
    yes: "Drain",
    reason: true,
    path: () => "/drain",
  },
  undrain: {
    title: "Take the drain back?",
    text: () => "The daemon takes new calls again.",
    yes: "Undrain",
    reason: true,
    path: () => "/undrain",
  },
  reload: {
    title: "Reload the app?",
    text: () => "Its code is imported anew, for new calls. If that fails the old code goes on.",
    yes: "Reload",
    swap: true,
    path: () => "/reload",
  },
  stop: {
    title: "Stop this call?",
    text: (id) => `Job ${id} is asked to shut down: the agent leaves the room and the caller is alone.`,
    yes: "Stop the call",
    reason: true,
    path: (id) => `${jobPath(id)}/stop`,
  },
  resume: {
    title: "Move this call?",
    text: (id) => `Job ${id} goes on in another child, in the same room, with its conversation. The caller hears a short gap.`,
    yes: "Move it",
    reason: true,
    path: (id) => `${jobPath(id)}/resume`,
  },
};

export class Steering {
  // status(): the latest; said(text): told to whoever reads the page; onToken(): there is another one.
  constructor({ status, said, onToken }) {
    this.status = status;
    this.said = said;
    this.onToken = onToken;
    this.step = null;
    this.afterToken = () => {};
    $("ask-no").addEventListener("click", () => $("ask").close());
    $("ask-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.go();
    });
    $("token-no").addEventListener("click", () => $("token-ask").close());
    $("token-forget").addEventListener("click", () => this.takeToken(""));
    $("token-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.takeToken($("token-value").value.trim());
    });
    for (const name of ["drain", "undrain", "reload"]) $(name).addEventListener("click", () => this.ask(name));
    $("token").addEventListener("click", () => this.askToken());
  }

  ask(name, id = "") {
    const step = STEPS[name];
    this.step = { name, id, ...step };
    write($("ask-title"), step.title);
    write($("ask-text"), step.text(safe(id), this.status()));
    write($("ask-yes"), step.yes);
    write($("ask-error"), "");
    $("ask-yes").disabled = false;
    $("ask-reason").value = "";
    $("ask-swap").checked = false;
    show($("ask-reason-row"), Boolean(step.reason));
    show($("ask-swap-row"), Boolean(step.swap));
    $("ask").showModal();
    // The way out is what Enter takes first.
    $("ask-no").focus();
  }

  async go() {
    const { name, id, path, reason, swap, yes } = this.step;
    const body = { ...(reason ? { reason: $("ask-reason").value } : {}), ...(swap ? { swap: $("ask-swap").checked } : {}) };
    $("ask-yes").disabled = true;
    write($("ask-error"), "");
    try {
      await post(path(id), body);
      $("ask").close();
      this.said(`${yes}: the daemon took it.`);
    } catch (error) {
      $("ask-yes").disabled = false;
      if (error.status === 401) this.askToken(error.message, () => this.go());
      else write($("ask-error"), safe(error.message));
    }
    return name;
  }

  // `after` is done with the new token, and not when it is not given.
  askToken(why = "", after = () => {}) {
    this.afterToken = after;
    write($("token-error"), token() || why ? safe(why) : "");
    $("token-value").value = "";
    show($("token-forget"), Boolean(token()));
    if (!$("token-ask").open) $("token-ask").showModal();
    $("token-value").focus();
  }

  takeToken(value) {
    // What a header can't carry is no token, and fetch would throw.
    if (!/^[\x21-\x7e]*$/.test(value)) {
      write($("token-error"), "a token has only letters, digits and signs of ASCII, and no spaces");
      return;
    }
    keepToken(value);
    $("token-ask").close();
    this.onToken();
    if (value) this.afterToken();
  }
}
