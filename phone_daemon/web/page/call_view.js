// The "Call it" view: one button, and the call that it makes.

import { BrowserCall } from "./browser_call.js";
import { Captions } from "./captions.js";
import { clock, el, milliseconds } from "./dom.js";
import { keypad } from "./keypad.js";
import { AUDIBLE_DB, Meter } from "./meter.js";
import { CallError } from "./microphone.js";
import { Sparkline } from "./sparkline.js";

/** @typedef {import("./browser_call.js").Note} Note */

const METER_MS = 50;

/** @type {Record<string, string>} */
const STATES = {
  GREETING: "The agent greets you.",
  LISTENING: "Your turn.",
  THINKING: "The agent thinks.",
  SPEAKING: "The agent speaks. Interrupt it.",
  CLOSING: "The agent says goodbye.",
};

/** @returns {import("./main.js").View} */
export function callView() {
  const view = new CallView();
  return { title: "Call it", element: view.element };
}

class CallView {
  /** @type {BrowserCall | null} */ #call = null;
  #captions = new Captions();
  #you = new Meter("You", "you");
  #agent = new Meter("Agent", "agent");
  #answers = new Sparkline();
  #keypad = keypad((digit) => this.#call?.press(digit));
  #sound = el("audio", { autoplay: true, hidden: true });
  #status = el("p", { class: "status", role: "status" }, "Press the button, allow the microphone, and speak.");
  #facts = el("p", { class: "facts" });
  #number = el("input", { id: "number", inputmode: "tel", autocomplete: "off", maxlength: 64, placeholder: "the usual one" });
  #headphones = el("input", { id: "headphones", type: "checkbox" });
  #button = el("button", { type: "button", class: "call", click: () => this.#pressed() }, "Call");
  #captionsHome = el("section", { class: "card talk", "aria-label": "What is said" }, this.#captions.element);
  /** @type {AudioContext | null} */ #context = null;
  #timer = 0;
  #since = 0;
  #asked = 0;
  #thinking = 0;
  #firstSound = 0;

  constructor() {
    this.#keypad.enable(false);
    this.element = el(
      "div",
      { class: "call-view" },
      el("h1", {}, "Talk to it"),
      el(
        "section",
        { class: "card phone", "aria-label": "The call" },
        this.#button,
        this.#status,
        this.#you.element,
        this.#agent.element,
        // On a phone the captions come first; the keys are one tap away.
        el("details", { open: matchMedia("(min-width: 48rem)").matches }, el("summary", {}, "Keypad"), this.#keypad.element),
        el("p", { class: "field" }, el("label", { for: "number" }, "Number to dial "), this.#number),
        el("p", { class: "field" }, this.#headphones, el("label", { for: "headphones" }, "I wear headphones: hear me at once, even while it speaks")),
        this.#sound,
      ),
      this.#captionsHome,
      el(
        "section",
        { class: "card answers", "aria-label": "How fast it answers" },
        el("h2", {}, "How fast it answers"),
        el("p", { class: "hint" }, "From noticing that you are done to the agent’s first sound."),
        this.#answers.element,
        this.#facts,
      ),
    );
  }

  #pressed() {
    if (this.#call) this.#call.hangUp();
    else this.#start();
  }

  async #start() {
    const call = new BrowserCall();
    this.#call = call;
    this.#asked = call.asked;
    this.#firstSound = this.#thinking = this.#since = 0;
    this.#captions = new Captions();
    this.#captionsHome.replaceChildren(this.#captions.element);
    this.#facts.textContent = "";
    this.#look("Hang up", "Calling …", true);
    call.addEventListener("note", (event) => this.#note(/** @type {CustomEvent<Note>} */ (event).detail));
    call.addEventListener("connected", () => this.#connected(call));
    call.addEventListener("over", (event) => this.#over(call, /** @type {CustomEvent<string>} */ (event).detail));
    try {
      await call.start({ to: this.#number.value.trim() }, this.#headphones.checked);
    } catch (error) {
      if (error instanceof CallError) this.#failed(error.message);
      else throw error;
    }
  }

  /** @param {BrowserCall} call */
  #connected(call) {
    this.#context = new AudioContext();
    this.#sound.srcObject = call.agent;
    this.#sound.play().catch(() => {});
    if (call.microphone) this.#you.attach(this.#context, call.microphone);
    this.#agent.attach(this.#context, call.agent);
    this.#since = performance.now();
    this.#timer = setInterval(() => this.#tick(), METER_MS);
  }

  #tick() {
    this.#you.read();
    if (this.#agent.read() > AUDIBLE_DB && !this.#firstSound) {
      this.#firstSound = performance.now();
      this.#tell();
    }
    this.#button.dataset.time = clock((performance.now() - this.#since) / 1000);
  }

  /** @param {Note} note */
  #note(note) {
    this.#captions.show(note);
    if (note.missed) this.#captions.say(`${note.missed} captions were lost on the way.`);
    if (note.kind !== "state") return;
    const state = String(note.data.state);
    const at = (note.at_ns ?? 0) / 1e6;
    this.#status.textContent = STATES[state] ?? "";
    this.element.dataset.state = state.toLowerCase();
    if (state === "SPEAKING" && this.#thinking) this.#answers.add(at - this.#thinking);
    this.#thinking = state === "THINKING" ? at : 0;
  }

  /** @param {BrowserCall} call @param {string} why */
  #over(call, why) {
    if (this.#call !== call) return;
    this.#call = null;
    clearInterval(this.#timer);
    this.#you.detach();
    this.#agent.detach();
    this.#context?.close();
    this.#context = null;
    this.#sound.srcObject = null;
    delete this.element.dataset.state;
    delete this.#button.dataset.time;
    this.#look("Call again", why || "The call is over.", false);
  }

  #tell() {
    this.#facts.textContent = `Pressing the button to its first sound: ${milliseconds(this.#firstSound - this.#asked)}.`;
  }

  /** @param {string} why */
  #failed(why) {
    this.#look("Call", why, false);
    this.#status.classList.add("error");
  }

  /** @param {string} button @param {string} status @param {boolean} live */
  #look(button, status, live) {
    this.#button.textContent = button;
    this.#button.classList.toggle("live", live);
    this.#status.textContent = status;
    this.#status.classList.remove("error");
    this.#keypad.enable(live);
    this.#number.disabled = this.#headphones.disabled = live;
  }
}
