// One call from this browser: by WebRTC, or over a WebSocket if WebRTC does not get through.

import { CallError, openMicrophone } from "./microphone.js";
import { SocketCall } from "./socket_call.js";
import { WebRtcCall } from "./webrtc_call.js";

/**
 * A note of the call (docs/web.md), or one from the leg itself: flushed, finished, agent_digits, refused, closed.
 * @typedef {{ kind: string, at_ns?: number, call?: string, data: Record<string, any>, missed?: number }} Note
 */

/**
 * A way to carry a call. It fires `note` (detail: Note), `connected` once, and finally `over` once (detail: why, or "").
 * `start` throws `CallError`, and returns false if this way does not get through, in which case another way may.
 * @typedef {EventTarget & { agent: MediaStream, start(whom: Whom): Promise<boolean>, press(digit: string): void, hangUp(): void }} Way
 */

/** The number to dial ("": the usual one), or the live call to take over. @typedef {{ to?: string, join?: string }} Whom */

/** Fires the same events as its way. */
export class BrowserCall extends EventTarget {
  /** @type {MediaStream | null} */
  microphone = null;
  /** When the call was requested (`performance.now()`). */
  asked = performance.now();
  /** @type {Way | null} */ #way = null;
  #over = false;

  /** The sound received from the agent. */
  get agent() {
    return this.#way?.agent ?? new MediaStream();
  }

  /**
   * Asks for the microphone and calls. Throws `CallError`.
   * @param {Whom} whom
   * @param {boolean} headphones The microphone cannot pick up the received sound.
   */
  async start(whom, headphones) {
    try {
      this.microphone = await openMicrophone(headphones, Boolean(whom.join));
      await this.#connect(this.microphone, whom);
    } catch (error) {
      this.#end("");
      throw error instanceof CallError ? error : new CallError(`The call failed: ${error}`);
    }
  }

  /** Presses a key of the telephone. @param {string} digit */
  press(digit) {
    this.#way?.press(digit);
  }

  /** Ends the call; harmless if called twice. */
  hangUp() {
    this.#way?.hangUp();
    this.#end("");
  }

  /** @param {MediaStream} microphone @param {Whom} whom */
  async #connect(microphone, whom) {
    for (const Way of "RTCPeerConnection" in window ? [WebRtcCall, SocketCall] : [SocketCall]) {
      if (this.#over) return;
      const way = new Way(microphone);
      this.#way = way;
      way.addEventListener("note", (event) => this.dispatchEvent(new CustomEvent("note", { detail: /** @type {CustomEvent<Note>} */ (event).detail })));
      way.addEventListener("connected", () => this.dispatchEvent(new Event("connected")));
      way.addEventListener("over", (event) => this.#end(/** @type {CustomEvent<string>} */ (event).detail));
      if (await way.start(whom)) return;
    }
    throw new CallError("The server cannot be reached, neither by WebRTC nor by WebSocket.");
  }

  /** @param {string} why */
  #end(why) {
    if (this.#over) return;
    this.#over = true;
    for (const track of this.microphone?.getTracks() ?? []) track.stop();
    this.dispatchEvent(new CustomEvent("over", { detail: why }));
  }
}
