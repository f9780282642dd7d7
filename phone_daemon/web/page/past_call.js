// One past call: its audio, marked with everything that happened, and its words, each of which starts playback there.

import { add, clock, el, milliseconds } from "./dom.js";
import { waterfall } from "./waterfall.js";
import { Waveform } from "./waveform.js";

/** @typedef {import("./api.js").Call} Call */
/** @typedef {import("./api.js").Turn} Turn */

export class PastCall {
  /** The call's name, its waveform and its player. @type {HTMLElement} */
  picture;
  /** The turns, with what was said. @type {HTMLElement} */
  turns;
  /** Called when playback begins. */
  whenHeard = () => {};
  #sound;
  #waveform;
  #id;

  /** @param {Call} call @param {Turn[]} turns */
  constructor(call, turns) {
    const address = `/v1/recordings/${encodeURIComponent(call.call)}`;
    this.#id = call.call;
    this.#sound = el("audio", { controls: true, preload: "metadata", src: address, "aria-label": `Recording of ${when(call.started)}` });
    this.#waveform = new Waveform(turns, (at) => this.#hear(at));
    this.#sound.addEventListener("timeupdate", () => this.#waveform.at(this.#sound.currentTime));
    this.#sound.addEventListener("play", () => this.whenHeard());
    this.picture = el(
      "div",
      { class: "picture" },
      el("h2", {}, `${call.caller || "withheld"} → ${call.called || "?"}`),
      el("p", { class: "hint" }, [call.dialplan, when(call.started), ending(call.reason)].filter(Boolean).join(" · ")),
      this.#waveform.element,
      el("p", { class: "row player" }, this.#sound, el("a", { href: address, download: `${call.call}.wav` }, "Download")),
    );
    this.turns = el("ol", { class: "turns", "aria-label": "Turns" }, ...turns.map((turn) => this.#turn(turn)));
  }

  /** Fetches the recording and draws it; returns its length in seconds. */
  async load() {
    try {
      const answer = await fetch(`/v1/recordings/${encodeURIComponent(this.#id)}`);
      if (!answer.ok) throw new Error("there is no recording");
      const audio = await new OfflineAudioContext(2, 1, 8000).decodeAudioData(await answer.arrayBuffer());
      this.#waveform.show(audio);
      return audio.duration;
    } catch {
      this.picture.querySelector(".player")?.remove();
      this.#waveform.element.replaceChildren(el("p", { class: "empty" }, "There is no recording of this call."));
      return 0;
    }
  }

  /** Draws it with `seconds` across the whole width. @param {number} seconds */
  span(seconds) {
    this.#waveform.span(seconds);
  }

  stop() {
    this.#sound.pause();
  }

  /** The call is shown no more. */
  leave() {
    this.stop();
    this.#waveform.leave();
  }

  /** @param {number} at Seconds into the recording, as turns count them. */
  #hear(at) {
    this.#sound.currentTime = Math.max(0, at);
    this.#sound.play().catch(() => {});
  }

  /** @param {Turn} turn */
  #turn(turn) {
    const times = turn.times ?? {};
    const began = times.reply_first_audio ?? times.rtp_first_audio;
    const heard = String(turn.heard ?? "");
    const unheard = String(turn.agent ?? "").slice(heard.length);
    return el(
      "li",
      {},
      turn.caller && this.#line("Caller", "you", times.speech_onset, this.#words(String(turn.caller), times.speech_onset, times.speech_end)),
      turn.agent && this.#line("Agent", "agent", began, this.#words(heard, began, times.playout_end), turn.interrupted && el("del", {}, unheard)),
      el("p", { class: "aside" }, facts(turn)),
      turn.barge_in && el("div", { class: "interruption" }, interrupted(turn.barge_in), waterfall(turn.barge_in.legs_ms ?? {})),
      ...(turn.faults ?? []).map((/** @type {any} */ fault) => el("p", { class: "fault" }, typeof fault === "string" ? fault : Object.values(fault).join(": "))),
    );
  }

  /** @param {string} who @param {string} kind @param {number | undefined} at @param {...import("./dom.js").Child} said */
  #line(who, kind, at, ...said) {
    const play = at === undefined ? null : el("button", { type: "button", class: "play", "aria-label": `Hear ${who} from ${clock(at)}`, click: () => this.#hear(at) }, clock(at));
    return el("p", { class: `line ${kind}`, keydown: walk }, play ?? el("span"), el("b", {}, who), el("span", {}, ...said));
  }

  /** Makes each word a place to play from; its time is estimated from its position in the text. @param {string} text @param {number} [from] @param {number} [to] */
  #words(text, from, to) {
    const all = el("span");
    if (from === undefined || to === undefined) return el("span", {}, text);
    for (const { 0: word, index } of text.matchAll(/\S+/g)) {
      const at = from + ((to - from) * index) / Math.max(text.length, 1);
      add(all, el("span", { class: "word", role: "button", tabindex: -1, title: clock(at), click: () => this.#hear(at - LEAD_S) }, word), " ");
    }
    return all;
  }
}

/** How much is also played before a word, because its time is only an estimate. */
const LEAD_S = 0.15;

/** Lets the arrow keys move from a line's time through its words, and Enter play from there. @param {KeyboardEvent} event */
function walk(event) {
  const line = /** @type {HTMLElement} */ (event.currentTarget);
  const stops = /** @type {HTMLElement[]} */ ([...line.querySelectorAll(".play, .word")]);
  const at = stops.indexOf(/** @type {HTMLElement} */ (document.activeElement));
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (at >= 0 && step) stops[at + step]?.focus();
  else if (at > 0 && (event.key === "Enter" || event.key === " ")) stops[at].click();
  else return;
  event.preventDefault();
}

/** A time as people write it; "" if it is not a time. @param {unknown} started */
export function when(started) {
  const at = new Date(String(started));
  return Number.isNaN(at.getTime()) ? "" : at.toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
}

/** @param {unknown} reason */
function ending(reason) {
  return String(reason ?? "").replaceAll("_", " ");
}

/** @param {Turn} turn */
function facts(turn) {
  const slots = Object.entries(turn.slots ?? {}).map(([name, value]) => `${name} ${value}`);
  const stages = Object.entries(turn.stages_ms ?? {}).filter(([, ms]) => Number(ms) >= 0.5).map(([stage, ms]) => `${stage.replaceAll("_", " ")} ${Math.round(Number(ms))}`);
  return [
    turn.intent && `understood: ${[turn.intent, ...slots].join(" · ")}`,
    turn.partials ? `${turn.partials} partials` : "",
    typeof turn.ttfa_ms === "number" ? `answered after ${milliseconds(turn.ttfa_ms)} (${stages.join(", ")})` : "",
    ...(turn.tools ?? []).map((/** @type {any} */ tool) => `${tool.name}: ${tool.outcome}`),
    ...(turn.actions ?? []).map((/** @type {any} */ action) => String(action).replace(/^\w+/, (kind) => kind.replaceAll("_", " "))),
  ]
    .filter(Boolean)
    .join(" — ");
}

/** @param {Record<string, any>} bargeIn */
function interrupted(bargeIn) {
  const after = bargeIn.onset_to_silence_ms;
  return `Interrupted at ${clock(bargeIn.at)} (${bargeIn.source})` + (typeof after === "number" ? `: silent ${milliseconds(after)} after the first sound` : "");
}
