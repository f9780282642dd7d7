// "Live": every call on every machine, what was said last, and what an operator may do about it.

import { ApiError, ask, began, follow } from "./api.js";
import { clock, el, milliseconds } from "./dom.js";

/** @typedef {import("./api.js").Call} Call */
/** @typedef {import("./api.js").CallEvent} CallEvent */

const SURE_MS = 3000;
const GONE_MS = 6000;

/** @returns {Promise<import("./main.js").View>} */
export async function liveView() {
  const who = await ask("me").catch(() => ({ role: "watch" }));
  const view = new LiveView(who.role !== "watch");
  view.start();
  return { title: "Live", element: view.element, leave: () => view.stop() };
}

class LiveView {
  /** @type {Map<string, LiveCall>} */ #calls = new Map();
  #list = el("ul", { class: "live-list" });
  #empty = el("p", { class: "card empty" }, "No call is live. Call it, and watch it here in another tab.");
  #state = el("p", { class: "hint", role: "status" });
  element = el("div", {}, el("h1", {}, "Live calls"), this.#state, this.#empty, this.#list);
  #steers;
  #stop = () => {};
  #timer = 0;

  /** @param {boolean} steers Whether this token may say, transfer and hang up. */
  constructor(steers) {
    this.#steers = steers;
  }

  start() {
    this.#stop = follow((event) => this.#take(event), (connected) => this.#connected(connected));
    this.#timer = setInterval(() => this.#calls.forEach((call) => call.age()), 1000);
    this.#load();
  }

  stop() {
    this.#stop();
    clearInterval(this.#timer);
    for (const call of this.#calls.values()) call.silence();
  }

  async #load() {
    try {
      /** @type {{ calls: Call[] }} */
      const { calls } = await ask("calls");
      const there = new Set(calls.map((call) => call.call));
      for (const call of calls) this.#call(call.call).update(call);
      for (const [id, call] of this.#calls) if (!there.has(id)) this.#remove(id, call);
      this.#state.textContent = "";
    } catch (error) {
      this.#state.textContent = error instanceof ApiError ? error.message : String(error);
    }
    this.#show();
  }

  /** @param {boolean} connected */
  #connected(connected) {
    if (connected) this.#load();
    else this.#state.textContent = "The event stream is gone; trying again.";
  }

  /** @param {CallEvent} event */
  #take(event) {
    if (event.kind === "ended") {
      const call = this.#calls.get(event.call);
      if (!call) return;
      call.ended(String(event.data.reason));
      setTimeout(() => this.#remove(event.call, call), GONE_MS);
      return;
    }
    this.#call(event.call).take(event);
    this.#show();
  }

  /** @param {string} id */
  #call(id) {
    let call = this.#calls.get(id);
    if (!call) {
      call = new LiveCall(id, this.#steers);
      this.#calls.set(id, call);
      this.#list.prepend(call.element);
    }
    return call;
  }

  /** @param {string} id @param {LiveCall} call */
  #remove(id, call) {
    call.element.remove();
    this.#calls.delete(id);
    this.#show();
  }

  #show() {
    this.#empty.hidden = this.#calls.size > 0;
  }
}

class LiveCall {
  #id;
  #who = el("b", {}, "a call");
  #about = el("span", { class: "hint" });
  #state = el("span", { class: "chip" });
  #age = el("span", { class: "age" });
  #caller = el("p", { class: "words you" });
  #agent = el("p", { class: "words agent" });
  #gate = el("span", { class: "hint" });
  #answer = el("p", { class: "hint", role: "status" });
  #sound = new Audio();
  #interruptions = 0;
  #slowest = 0;

  /** @param {string} id @param {boolean} steers */
  constructor(id, steers) {
    this.#id = id;
    this.element = el(
      "li",
      { class: "card live-call", "data-call": id },
      el("p", { class: "row" }, this.#who, this.#state, this.#age, this.#about, this.#gate),
      this.#caller,
      this.#agent,
      steers && this.#controls(),
      this.#answer,
    );
    this.age();
  }

  /** @param {Call} call */
  update(call) {
    const from = call.caller || "withheld";
    this.#who.textContent = call.called ? `${from} → ${call.called}` : from;
    this.#about.textContent = [call.dialplan, call.daemon].filter(Boolean).join(" · ");
    if (call.state) this.#show(String(call.state));
  }

  /** @param {CallEvent} event */
  take({ kind, data, daemon }) {
    if (kind === "started") this.update({ call: this.#id, daemon, ...data });
    if (kind === "state") this.#show(String(data.state));
    if (kind === "partial" || kind === "final") this.#caller.textContent = String(data.text ?? "");
    if (kind === "partial" || kind === "final") this.#caller.classList.toggle("partial", kind === "partial");
    if (kind === "agent") this.#agent.textContent = String(data.text ?? "");
    if (kind === "barge_in") this.#interrupted(data.legs_ms ?? {});
    if (kind === "fault") this.#answer.textContent = `${data.part}: ${data.error}`;
  }

  age() {
    this.#age.textContent = clock((Date.now() - began(this.#id)) / 1000);
  }

  /** @param {string} reason */
  ended(reason) {
    this.#show(`ended: ${reason.replaceAll("_", " ")}`);
    this.element.classList.add("over");
    this.silence();
    for (const each of this.element.querySelectorAll("button, input")) each.setAttribute("disabled", "");
  }

  /** @param {string} state */
  #show(state) {
    this.#state.textContent = state.toLowerCase();
    this.#state.dataset.state = state.toLowerCase();
  }

  /** @param {Record<string, number>} legs */
  #interrupted(legs) {
    this.#interruptions += 1;
    this.#slowest = Math.max(this.#slowest, legs.rtp_silent ?? 0);
    const times = this.#interruptions === 1 ? "once" : `${this.#interruptions} times`;
    this.#gate.textContent = `interrupted ${times}; silent after ${milliseconds(this.#slowest)} at most`;
  }

  #controls() {
    const words = el("input", { "aria-label": "What the agent shall say", placeholder: "Let the agent say …", maxlength: 2000 });
    const to = el("input", { "aria-label": "Transfer to", placeholder: "sip:…", size: 14 });
    const hangUp = el("button", { type: "button", class: "danger" }, "Hang up");
    hangUp.addEventListener("click", () => {
      if (hangUp.dataset.sure) return this.#order("hangup", {}, "hung up");
      hangUp.dataset.sure = "yes";
      hangUp.textContent = "Sure? Hang up";
      setTimeout(() => {
        delete hangUp.dataset.sure;
        hangUp.textContent = "Hang up";
      }, SURE_MS);
    });
    return el(
      "div",
      { class: "controls" },
      el("form", { submit: this.#sends(words, (text) => this.#order("say", { text }, "said")) }, words, el("button", {}, "Say")),
      el("form", { submit: this.#sends(to, (uri) => this.#order("transfer", { to: uri }, "transferring")) }, to, el("button", {}, "Transfer")),
      this.#listen(),
      el("button", { type: "button", click: () => this.#order("interrupt", {}, "interrupted") }, "Interrupt"),
      hangUp,
    );
  }

  /** Both channels, a second late; nobody in the call hears it. */
  #listen() {
    const button = el("button", { type: "button", "aria-pressed": "false" }, "Listen");
    button.addEventListener("click", () => {
      const listens = button.getAttribute("aria-pressed") !== "true";
      button.setAttribute("aria-pressed", String(listens));
      if (listens) {
        this.#sound.src = `/v1/calls/${this.#id}/audio`;
        this.#sound.play().catch(() => {
          this.#answer.textContent = "This call cannot be listened to.";
        });
      } else {
        this.silence();
      }
    });
    return button;
  }

  silence() {
    this.#sound.pause();
    this.#sound.removeAttribute("src");
    this.#sound.load();
  }

  /** @param {HTMLInputElement} input @param {(text: string) => Promise<boolean>} send */
  #sends(input, send) {
    return async (/** @type {SubmitEvent} */ event) => {
      event.preventDefault();
      const text = input.value.trim();
      if (text && (await send(text))) input.value = "";
    };
  }

  /** @param {string} what @param {object} body @param {string} done */
  async #order(what, body, done) {
    try {
      const answer = await ask(`calls/${this.#id}/${what}`, body);
      const silent = answer?.legs_ms?.rtp_silent;
      this.#answer.textContent = silent === undefined ? done : `${done}: silent after ${milliseconds(silent)}`;
      return true;
    } catch (error) {
      this.#answer.textContent = error instanceof ApiError ? error.message : String(error);
      return false;
    }
  }
}
