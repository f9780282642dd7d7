// A call over a WebSocket (`/ws/voice`, docs/web.md), for networks that block WebRTC, such as those without UDP.

import { ending } from "./endings.js";
import { CallError } from "./microphone.js";

/** @typedef {import("./browser_call.js").Whom} Whom */

const [AUDIO_START, AUDIO_CHUNK, AUDIO_END, TTS_AUDIO, ERROR, READY, DONE, DIGITS, NOTE] = [1, 2, 3, 6, 7, 8, 9, 10, 11];
const RATE = 16_000;
/** The most bytes that wait to be sent: two seconds. Nobody needs audio that is later than that. */
const MOST_WAITING = 4 * RATE;
const bytes = new TextEncoder();
const text = new TextDecoder();

export class SocketCall extends EventTarget {
  agent = new MediaStream();

  #microphone;
  /** @type {WebSocket | null} */ #socket = null;
  /** @type {AudioContext | null} */ #context = null;
  /** @type {AudioWorkletNode | null} */ #voice = null;
  #reply = 0;
  #error = "";
  #ready = false;
  #over = false;
  #leaving = () => this.hangUp();

  /** @param {MediaStream} microphone */
  constructor(microphone) {
    super();
    this.#microphone = microphone;
  }

  /** Calls, and returns when the call is answered. Throws `CallError`. @param {Whom} whom */
  async start({ to = "", join = "" }) {
    const context = await this.#listen();
    const socket = new WebSocket(`${location.origin.replace("http", "ws")}/ws/voice`);
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    addEventListener("pagehide", this.#leaving);
    /** @type {PromiseWithResolvers<void>} */
    const answered = Promise.withResolvers();
    const start = { called: to, rate: context.sampleRate, notes: true, ...(join && { join }) };
    socket.onopen = () => this.#send(AUDIO_START, bytes.encode(JSON.stringify(start)));
    socket.onmessage = ({ data }) => this.#take(new Uint8Array(data), answered.resolve);
    socket.onclose = () => {
      answered.reject(new CallError(this.#error || "The server does not answer."));
      this.#end(this.#error || "The connection is lost.");
    };
    await answered.promise;
    return true;
  }

  /** Presses a key of the telephone. @param {string} digit */
  press(digit) {
    this.#send(DIGITS, bytes.encode(digit));
  }

  /** Ends the call; harmless if called twice. */
  hangUp() {
    this.#send(DONE);
    this.#end("");
  }

  /** Opens the sound in both directions: the microphone is sent from then on, and `agent` is what is received. */
  async #listen() {
    const context = contextFor(this.#microphone);
    this.#context = context;
    await Promise.all([context.resume(), context.audioWorklet.addModule(new URL("voice_worklet.js", import.meta.url))]);
    this.#voice = new AudioWorkletNode(context, "voice", { outputChannelCount: [1] });
    this.#voice.port.onmessage = ({ data }) => {
      if (this.#ready && (this.#socket?.bufferedAmount ?? 0) < MOST_WAITING) this.#send(AUDIO_CHUNK, new Uint8Array(data));
    };
    const ears = context.createMediaStreamDestination();
    context.createMediaStreamSource(this.#microphone).connect(this.#voice).connect(ears);
    this.agent = ears.stream;
    return context;
  }

  /** @param {number} type @param {Uint8Array} [payload] */
  #send(type, payload = new Uint8Array()) {
    if (this.#socket?.readyState !== WebSocket.OPEN) return;
    const frame = new Uint8Array(2 + payload.length);
    frame[0] = type;
    frame.set(payload, 2);
    this.#socket.send(frame);
  }

  /** @param {Uint8Array<ArrayBuffer>} frame @param {() => void} answered */
  #take(frame, answered) {
    const payload = frame.subarray(2);
    const fields = () => JSON.parse(text.decode(payload) || "{}");
    switch (frame[0]) {
      case READY:
        this.#ready = true;
        answered();
        this.dispatchEvent(new Event("connected"));
        break;
      case AUDIO_START:
        this.#reply = fields().reply;
        break;
      case TTS_AUDIO:
        this.#voice?.port.postMessage({ reply: this.#reply, pcm: new Int16Array(payload.slice().buffer) });
        break;
      case AUDIO_END:
        this.#voice?.port.postMessage(fields().drop ? { drop: fields().reply } : { ended: true });
        break;
      case NOTE:
        this.dispatchEvent(new CustomEvent("note", { detail: fields() }));
        break;
      case ERROR:
        this.#error = text.decode(payload);
        break;
      case DONE:
        this.#end(ending(String(fields().reason)));
        break;
    }
  }

  /** @param {string} why */
  #end(why) {
    if (this.#over) return;
    this.#over = true;
    removeEventListener("pagehide", this.#leaving);
    this.#context?.close();
    this.#socket?.close();
    // Before the call is answered, `start` reports it.
    if (this.#ready) this.dispatchEvent(new CustomEvent("over", { detail: why }));
  }
}

/** A context at 16 kHz, if the browser can convert the microphone to that rate. @param {MediaStream} microphone */
function contextFor(microphone) {
  const context = new AudioContext({ sampleRate: RATE });
  try {
    context.createMediaStreamSource(microphone);
    return context;
  } catch {
    context.close();
    return new AudioContext();
  }
}
