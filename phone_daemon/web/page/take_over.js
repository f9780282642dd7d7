// An operator's voice in place of the agent's in one live call; leaving gives the call back to the agent.

import { BrowserCall } from "./browser_call.js";
import { el } from "./dom.js";
import { CallError } from "./microphone.js";

export class TakeOver {
  #id;
  #tell;
  /** @type {BrowserCall | null} */ #call = null;
  button = el("button", { type: "button", "aria-pressed": "false", click: () => this.#pressed() }, "Take over");

  /** @param {string} id @param {(line: string) => void} tell */
  constructor(id, tell) {
    this.#id = id;
    this.#tell = tell;
  }

  /** Shows that somebody, here or elsewhere, has taken the call over or given it back. @param {boolean} taken */
  taken(taken) {
    this.button.disabled = taken && !this.#call;
    this.button.title = this.button.disabled ? "A colleague speaks with the caller." : "";
  }

  /** Gives the call back, if it was taken over here. */
  leave() {
    this.#call?.hangUp();
  }

  #pressed() {
    if (this.#call) this.leave();
    else this.#start();
  }

  async #start() {
    const call = new BrowserCall();
    const sound = new Audio();
    this.#show(call);
    this.#tell("Taking over …");
    call.addEventListener("connected", () => {
      sound.srcObject = call.agent;
      sound.play().catch(() => {});
      this.#tell("You speak with the caller; the agent is silent.");
    });
    call.addEventListener("over", (event) => {
      sound.srcObject = null;
      this.#show(null);
      this.#tell(/** @type {CustomEvent<string>} */ (event).detail || "The agent has the call again.");
    });
    try {
      await call.start({ join: this.#id }, false);
    } catch (error) {
      if (!(error instanceof CallError)) throw error;
      this.#tell(error.message);
    }
  }

  /** @param {BrowserCall | null} call */
  #show(call) {
    this.#call = call;
    this.button.setAttribute("aria-pressed", String(call !== null));
    this.button.textContent = call ? "Give back" : "Take over";
  }
}
