// One live call: what was said last, and an operator's commands.

import { ApiError, ask, began } from "./api.js";
import { clock, el, milliseconds, put } from "./dom.js";
import { TakeOver } from "./take_over.js";

/** @typedef {import("./api.js").Call} Call */
/** @typedef {import("./api.js").CallEvent} CallEvent */

const SURE_MS = 3000;

export class LiveCall {
  #id;
  #who = el("b", {}, "a call");
  #about = el("span", { class: "hint" });
  #state = el("span", { class: "chip" });
  #age = el("span", { class: "age" });
  #caller = el("p", { class: "words you" });
  #agent = el("p", { class: "words agent" });
  #gate = el("span", { class: "hint" });
  #answer = el("p", { class: "hint", role: "status" });
  /** @type {HTMLAudioElement | null} */ #sound = null;
  #hold = el("button", { type: "button", "aria-pressed": "false", click: () => this.#pause() }, "Hold");
  #takeOver;
  /** Who has the floor. */
  #floor = "";
  #interruptions = 0;
  #slowest = 0;

  /** @param {string} id */
  constructor(id) {
    this.#id = id;
    this.#who.id = `who-${id}`;
    this.#takeOver = new TakeOver(id, (line) => this.#say(line));
    this.element = el(
      "li",
      { class: "card live-call", "data-call": id },
      el("p", { class: "row" }, this.#who, this.#state, this.#age, this.#about, this.#gate),
      this.#caller,
      this.#agent,
      this.#answer,
    );
    this.age();
  }

  /** Adds an operator's commands. */
  equip() {
    if (!this.element.classList.contains("over")) this.#answer.before(this.#controls());
  }

  /** @param {Call} call */
  update(call) {
    const from = call.caller || "withheld";
    put(this.#who, call.called ? `${from} → ${call.called}` : from);
    put(this.#about, [call.dialplan, call.daemon && `daemon ${call.daemon}`].filter(Boolean).join(" · "));
    if (call.state) this.#show(String(call.state));
    if (call.held !== undefined) this.#held(call.held);
    if (call.taken !== undefined) this.#taken(call.taken);
  }

  /** @param {CallEvent} event */
  take({ kind, data, daemon }) {
    if (kind === "started") this.update({ call: this.#id, daemon, ...data });
    if (kind === "state") this.#show(String(data.state));
    if (kind === "partial" || kind === "final") put(this.#caller, String(data.text ?? ""));
    if (kind === "partial" || kind === "final") this.#caller.classList.toggle("partial", kind === "partial");
    if (kind === "agent") put(this.#agent, String(data.text ?? ""));
    if (kind === "barge_in") this.#interrupted(data.legs_ms ?? {});
    if (kind === "hold") this.#held(Boolean(data.held));
    if (kind === "take_over") this.#taken(Boolean(data.taken));
    if (kind === "fault") this.#say(`${data.part}: ${data.error}`);
  }

  age() {
    put(this.#age, clock((Date.now() - began(this.#id)) / 1000));
  }

  /** @param {string} reason */
  ended(reason) {
    this.element.classList.remove("held", "taken");
    this.#show(`ended: ${reason.replaceAll("_", " ")}`);
    this.element.classList.add("over");
    this.leave();
    for (const each of this.element.querySelectorAll("button, input")) each.setAttribute("disabled", "");
  }

  /** @param {string} [state] */
  #show(state = this.#floor) {
    this.#floor = state.toLowerCase();
    const { classList } = this.element;
    put(this.#state, classList.contains("taken") ? "with a colleague" : classList.contains("held") ? "on hold" : this.#floor);
    this.#state.dataset.state = this.#floor;
  }

  /** @param {string} line */
  #say(line) {
    this.#answer.textContent = line;
  }

  /** Shows whether the caller is on hold. @param {boolean} held */
  #held(held) {
    this.#hold.setAttribute("aria-pressed", String(held));
    this.#hold.textContent = held ? "Resume" : "Hold";
    this.element.classList.toggle("held", held);
    this.#show();
  }

  /** Shows whether a colleague is speaking in place of the agent. @param {boolean} taken */
  #taken(taken) {
    this.element.classList.toggle("taken", taken);
    this.#show();
    this.#takeOver.taken(taken);
  }

  #pause() {
    const held = this.#hold.getAttribute("aria-pressed") !== "true";
    this.#order("hold", { held }, held ? "the caller waits" : "the caller is back");
  }

  /** @param {Record<string, number>} legs */
  #interrupted(legs) {
    this.#interruptions += 1;
    this.#slowest = Math.max(this.#slowest, legs.rtp_silent ?? 0);
    const times = this.#interruptions === 1 ? "once" : `${this.#interruptions} times`;
    this.#gate.textContent = `interrupted ${times}; silent after ${milliseconds(this.#slowest)} at most`;
  }

  #controls() {
    const words = el("input", { "aria-label": "What the agent should say", placeholder: "Have the agent say …", maxlength: 2000 });
    const to = el("input", { "aria-label": "Transfer to", placeholder: "sip:…", size: 14, pattern: "sips?:\\S+", title: "A SIP address, such as sip:desk@example.com" });
    const hangUp = el("button", { type: "button", class: "danger" }, "Hang up");
    let unsure = 0;
    /** @param {boolean} sure */
    const ready = (sure) => {
      clearTimeout(unsure);
      hangUp.toggleAttribute("data-sure", sure);
      hangUp.textContent = sure ? "Really hang up?" : "Hang up";
      if (sure) unsure = setTimeout(() => ready(false), SURE_MS);
    };
    hangUp.addEventListener("click", () => (hangUp.hasAttribute("data-sure") ? this.#order("hangup", {}, "hung up") : ready(true)));
    hangUp.addEventListener("keydown", ({ key }) => key === "Escape" && ready(false));
    return el(
      "div",
      // The buttons of all calls have the same names.
      { class: "controls", role: "group", "aria-labelledby": this.#who.id },
      el("form", { submit: this.#sends(words, (text) => this.#order("say", { text }, "said")) }, words, el("button", {}, "Say")),
      el("form", { submit: this.#sends(to, (uri) => this.#order("transfer", { to: uri }, "transferring")) }, to, el("button", {}, "Transfer")),
      el(
        "div",
        { class: "buttons" },
        this.#listen(),
        this.#takeOver.button,
        this.#hold,
        el("button", { type: "button", click: () => this.#order("interrupt", {}, "interrupted") }, "Interrupt"),
        hangUp,
      ),
    );
  }

  /** Plays both channels with a second's delay; nobody in the call notices. */
  #listen() {
    const button = el("button", { type: "button", "aria-pressed": "false" }, "Listen");
    button.addEventListener("click", () => {
      const listens = button.getAttribute("aria-pressed") !== "true";
      button.setAttribute("aria-pressed", String(listens));
      if (listens) {
        this.#sound = new Audio(`/v1/calls/${this.#id}/audio`);
        this.#sound.play().catch(() => {
          this.#say("This call cannot be listened to.");
        });
      } else {
        this.silence();
      }
    });
    return button;
  }

  /** Stops listening to the call and speaking in it. */
  leave() {
    this.silence();
    this.#takeOver.leave();
  }

  silence() {
    this.#sound?.pause();
    this.#sound?.removeAttribute("src");
    this.#sound?.load();
    this.#sound = null;
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
      this.#say(silent === undefined ? done : `${done}: silent after ${milliseconds(silent)}`);
      return true;
    } catch (error) {
      this.#say(error instanceof ApiError ? error.message : String(error));
      return false;
    }
  }
}
