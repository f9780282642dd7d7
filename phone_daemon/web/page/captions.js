// A call's captions: finals, the agent's words as they begin to be heard, partials in gray, and interruptions.
// The list is a live region; the partial is not, because a screen reader would never be silent.

import { add, clock, el, milliseconds } from "./dom.js";
import { waterfall } from "./waterfall.js";

/** @typedef {import("./browser_call.js").Note} Note */

export class Captions {
  #began = 0;
  /** The parts of each reply that the agent said, in order. @type {Map<number, { text: string, said: HTMLElement }[]>} */
  #replies = new Map();
  #partial = el("p", { class: "partial", "aria-hidden": "true" });
  #list = el("ol", { class: "captions" });
  #empty = el(
    "div",
    { class: "empty" },
    el("b", {}, "What you both say appears here, word by word."),
    el("p", {}, "Interrupt the agent in mid-sentence, and see how fast each part of it stops."),
  );
  element = el("div", { class: "captions-box", tabindex: "0", role: "region", "aria-label": "Captions of the call" }, this.#empty, el("div", { role: "log", "aria-live": "polite", "aria-label": "Captions" }, this.#list), this.#partial);

  /** Shows the next note of the call. @param {Note} note */
  show(note) {
    const { data } = note;
    switch (note.kind) {
      case "started":
        this.#began = note.at_ns ?? 0;
        break;
      case "partial":
        this.#show(String(data.text), String(data.stable ?? ""));
        break;
      case "final":
        this.#show("", "");
        if (data.text) this.#add(note, "you", "You", data.text);
        break;
      case "agent":
        this.#agent(note, String(data.text), Number(data.reply));
        break;
      case "digit":
        this.#add(note, "you", "You", `pressed ${data.digit}`);
        break;
      case "understood":
        this.#add(note, "aside", "", `understood: ${[data.intent, ...slots(data.slots)].join(" · ")}`);
        break;
      case "tool":
        this.#add(note, "aside", "", `${data.name}: ${data.outcome}`);
        break;
      case "action":
        this.#add(note, "aside", "", `${String(data.kind).replaceAll("_", " ")} ${data.argument ?? ""}`.trim());
        break;
      case "fault":
        this.#add(note, "fault", "", `${data.part}: ${data.error}`);
        break;
      case "barge_in":
        this.#interrupted(note);
        break;
    }
  }

  /** Shows a line that is not a note of the call. @param {string} text */
  say(text) {
    this.#show("", "");
    this.#append(el("li", { class: "aside" }, text));
  }

  /** @param {string} text @param {string} stable The part that most likely will not change. */
  #show(text, stable) {
    const known = text.startsWith(stable) ? stable : "";
    this.#partial.replaceChildren(el("span", { class: "stable" }, known), text.slice(known.length));
    this.#follow();
  }

  /** @param {Note} note @param {string} text @param {number} reply */
  #agent(note, text, reply) {
    const said = this.#add(note, "agent", "Agent", text.trim());
    const phrases = this.#replies.get(reply) ?? [];
    phrases.push({ text: text.trim(), said });
    this.#replies.set(reply, phrases);
  }

  /** @param {Note} note */
  #interrupted(note) {
    const { source, heard, legs_ms: legs, reply } = note.data;
    let left = String(heard ?? "").trim().length;
    for (const { text, said } of this.#replies.get(Number(reply)) ?? []) {
      const cut = Math.max(0, Math.min(text.length, left));
      said.replaceChildren(text.slice(0, cut), el("del", {}, text.slice(cut)));
      left -= cut + 1;
    }
    const by = source === "speech" ? "You interrupted" : source === "dtmf" ? "A key interrupted" : "Interrupted by an operator";
    const silent = legs?.rtp_silent;
    const item = el("li", { class: "interruption" }, this.#at(note), el("b", {}, by));
    add(item, typeof silent === "number" ? `: silent after ${milliseconds(silent)}` : ": the line did not confirm");
    if (legs) item.append(waterfall(legs));
    this.#append(item);
  }

  /**
   * @param {Note} note
   * @param {string} kind
   * @param {string} who
   * @param {string} text
   */
  #add(note, kind, who, text) {
    const said = el("span", { class: "said" }, text);
    this.#append(el("li", { class: kind }, this.#at(note), who && el("b", {}, `${who} `), said));
    return said;
  }

  /** @param {Note} note */
  #at(note) {
    return el("time", {}, clock(((note.at_ns ?? this.#began) - this.#began) / 1e9));
  }

  /** @param {HTMLElement} item */
  #append(item) {
    this.#empty.remove();
    this.#list.append(item);
    this.#follow();
  }

  #follow() {
    this.element.scrollTop = this.element.scrollHeight;
  }
}

/** @param {Record<string, unknown> | undefined} slots */
function slots(slots) {
  return Object.entries(slots ?? {}).map(([name, value]) => `${name} ${value}`);
}
