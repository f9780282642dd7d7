// Interrupts one live call repeatedly, each time in mid-sentence. The desk shows these like any other interruption.

import { ApiError, ask } from "./api.js";
import { el, milliseconds } from "./dom.js";

const SPEECH =
  "This is a long sentence that the agent says so that it can be interrupted in the middle of it, " +
  "which is measured, and then it says another one, for as long as somebody wants to know how fast it is silent.";
const BETWEEN_MS = 700;
const NOT_NOW = [409, 503];

export class Burst {
  #call = el("select", { id: "burst-call" });
  #count = el("input", { id: "burst-count", type: "number", min: 1, max: 100, value: 10 });
  #start = el("button", { class: "main" }, "Fire");
  #bar = el("progress", { max: 1, value: 0, "aria-label": "Interruptions fired" });
  #said = el("p", { class: "hint", role: "status" });
  #running = false;

  constructor() {
    this.element = el(
      "section",
      { class: "card burst", "aria-label": "Burst" },
      el("h2", {}, "Fire a burst"),
      el("p", { class: "hint" }, "The agent is made to talk in one live call, and cut off in mid-sentence. Whoever is in that call hears it."),
      el(
        "form",
        { class: "row", submit: (event) => this.#pressed(event) },
        el("label", { for: "burst-call" }, "In call "),
        this.#call,
        el("label", { for: "burst-count" }, "interrupt "),
        this.#count,
        "times",
        this.#start,
      ),
      this.#bar,
      this.#said,
    );
    this.#call.addEventListener("focus", () => this.#list());
    this.#list();
  }

  stop() {
    this.#running = false;
  }

  async #list() {
    const { calls } = await ask("calls").catch(() => ({ calls: [] }));
    const chosen = this.#call.value;
    this.#call.replaceChildren(
      ...calls.map((/** @type {any} */ call) => el("option", { value: call.call }, `${call.caller || "withheld"} → ${call.called || "?"}`)),
    );
    if (!calls.length) this.#call.append(el("option", { value: "" }, "no live call"));
    if (chosen) this.#call.value = chosen;
  }

  /** @param {SubmitEvent} event */
  async #pressed(event) {
    event.preventDefault();
    if (this.#running) return this.stop();
    if (!this.#call.value) {
      this.#said.textContent = "There is no live call: call it in another tab.";
      return this.#list();
    }
    this.#running = true;
    this.#start.textContent = "Stop";
    try {
      await this.#fire(this.#call.value, Number(this.#count.value) || 1);
    } catch (error) {
      this.#said.textContent = error instanceof ApiError ? error.message : String(error);
    }
    this.#running = false;
    this.#start.textContent = "Fire";
  }

  /** @param {string} call @param {number} count */
  async #fire(call, count) {
    let fired = 0;
    let slowest = 0;
    for (let at = 0; at < count && this.#running; at++) {
      try {
        await ask(`calls/${call}/say`, { text: SPEECH });
        await new Promise((resolve) => setTimeout(resolve, BETWEEN_MS));
        const { legs_ms: legs } = await ask(`calls/${call}/interrupt`, {});
        fired += 1;
        slowest = Math.max(slowest, legs.rtp_silent ?? 0);
      } catch (error) {
        // The agent could not speak just then, or had not begun to: nothing was measured, so try again.
        if (!(error instanceof ApiError) || !NOT_NOW.includes(error.status)) throw error;
      }
      this.#bar.max = count;
      this.#bar.value = at + 1;
      this.#said.textContent = `${fired} of ${count} interrupted; silent after ${milliseconds(slowest)} at most`;
    }
  }
}
