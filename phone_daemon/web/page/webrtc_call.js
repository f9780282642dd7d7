// A call by WebRTC: WHIP (RFC 9725) with trickle ICE, and the call's notes over a data channel.

import { ending } from "./endings.js";
import { CallError } from "./microphone.js";

/** @typedef {import("./browser_call.js").Note} Note */
/** @typedef {import("./browser_call.js").Whom} Whom */

const ENDPOINT = "/v1/webrtc";
const PATIENCE_MS = 5000;
/** Longer than audio of an interrupted reply is still on its way, or in this browser's buffer. */
const DRAINED_MS = 200;
/** The server was built without WebRTC. */
const NOT_IMPLEMENTED = 501;

export class WebRtcCall extends EventTarget {
  agent = new MediaStream();

  #microphone;
  /** @type {RTCPeerConnection | null} */ #connection = null;
  /** @type {RTCDataChannel | null} */ #events = null;
  #location = "";
  #etag = "";
  /** @type {RTCIceCandidate[]} */ #found = [];
  #over = false;
  /** Until when nothing is played. @type {ReturnType<typeof setTimeout> | undefined} */ #hushed;
  #leaving = () => this.hangUp();

  /** @param {MediaStream} microphone */
  constructor(microphone) {
    super();
    this.#microphone = microphone;
  }

  /** Calls; returns false if no connection can be made. Throws `CallError`. @param {Whom} whom */
  async start(whom) {
    const connection = new RTCPeerConnection({ iceServers: await iceServers(), bundlePolicy: "max-bundle" });
    this.#connection = connection;
    /** @type {PromiseWithResolvers<boolean>} */
    const through = Promise.withResolvers();
    this.#prepare(connection, through.resolve);
    addEventListener("pagehide", this.#leaving);
    await connection.setLocalDescription();
    const answer = await post(`${ENDPOINT}?${new URLSearchParams({ ...whom })}`, connection.localDescription?.sdp ?? "");
    if (answer) {
      this.#location = answer.headers.get("location") ?? "";
      this.#etag = answer.headers.get("etag") ?? "";
      if (this.#over) return this.#forget();
      await connection.setRemoteDescription({ type: "answer", sdp: await answer.text() });
      this.#trickle();
      setTimeout(() => through.resolve(false), PATIENCE_MS);
      if ((await through.promise) || this.#over) return true;
    }
    this.#close();
    return false;
  }

  /** @param {RTCPeerConnection} connection @param {(connected: boolean) => void} tell */
  #prepare(connection, tell) {
    for (const track of this.#microphone.getAudioTracks()) connection.addTrack(track, this.#microphone);
    this.#events = connection.createDataChannel("events");
    this.#events.onmessage = (message) => this.#take(JSON.parse(message.data));
    connection.ontrack = ({ track, receiver }) => {
      // The shortest delay that the network allows: an interrupted reply must not continue in this browser.
      if ("jitterBufferTarget" in receiver) receiver.jitterBufferTarget = 0;
      this.agent.addTrack(track);
    };
    connection.onicecandidate = ({ candidate }) => {
      if (candidate?.candidate) this.#found.push(candidate);
      this.#trickle();
    };
    let connected = false;
    connection.onconnectionstatechange = () => {
      const state = connection.connectionState;
      if (state === "connected") {
        if (!connected) this.dispatchEvent(new Event("connected"));
        connected = true;
      } else if (state === "failed" && connected) {
        this.#end("The connection is lost.");
      }
      if (state === "connected" || state === "failed" || state === "closed") tell(state === "connected");
    };
  }

  /** Presses a key of the telephone. @param {string} digit */
  press(digit) {
    if (this.#events?.readyState === "open") this.#events.send(JSON.stringify({ digit }));
  }

  /** Ends the call; harmless if called twice. */
  hangUp() {
    this.#end("");
  }

  /** Sends the candidates that have been found since the offer. */
  #trickle() {
    if (!this.#location || !this.#found.length) return;
    const found = this.#found.splice(0);
    const ufrag = found[0].usernameFragment ?? "";
    const lines = [`a=ice-ufrag:${ufrag}`, "m=audio 9 UDP/TLS/RTP/SAVPF 0", `a=mid:${found[0].sdpMid ?? "0"}`];
    for (const { candidate } of found) lines.push(`a=${candidate}`);
    fetch(this.#location, {
      method: "PATCH",
      headers: { "content-type": "application/trickle-ice-sdpfrag", "if-match": this.#etag },
      body: `${lines.join("\r\n")}\r\n`,
    }).catch(() => {});
  }

  /** @param {Note} note */
  #take(note) {
    if (note.kind === "flushed") this.#hush();
    if (note.kind === "agent" && this.#hushed) this.#listen(); // The next reply begins.
    this.dispatchEvent(new CustomEvent("note", { detail: note }));
    if (note.kind === "refused" || note.kind === "closed") this.#location = ""; // There is nothing left to hang up.
    if (note.kind === "refused") this.#end(`The call was not taken: ${note.data.why}.`);
    if (note.kind === "closed") this.#end(ending(String(note.data.reason)));
  }

  /** Plays nothing that was sent before an interruption. */
  #hush() {
    for (const track of this.agent.getTracks()) track.enabled = false;
    clearTimeout(this.#hushed);
    this.#hushed = setTimeout(() => this.#listen(), DRAINED_MS);
  }

  #listen() {
    clearTimeout(this.#hushed);
    this.#hushed = undefined;
    for (const track of this.agent.getTracks()) track.enabled = true;
  }

  /** @param {string} why */
  #end(why) {
    if (this.#over) return;
    this.#close();
    this.dispatchEvent(new CustomEvent("over", { detail: why }));
  }

  #close() {
    this.#over = true;
    removeEventListener("pagehide", this.#leaving);
    this.#connection?.close();
    this.#forget();
  }

  #forget() {
    if (this.#location) fetch(this.#location, { method: "DELETE", keepalive: true }).catch(() => {});
    this.#location = "";
    return true;
  }
}

/** The server's STUN and TURN servers, from its Link headers. @returns {Promise<RTCIceServer[]>} */
async function iceServers() {
  const answer = await fetch(ENDPOINT, { method: "OPTIONS" }).catch(() => null);
  const link = answer?.headers.get("link") ?? "";
  return [...link.matchAll(/<((?:stun|turns?):[^>]+)>([^<]*)/g)].map(([, urls, rest]) => {
    /** @param {string} name */
    const value = (name) => rest.match(new RegExp(`${name}="([^"]*)"`))?.[1];
    return value("username") ? { urls, username: value("username"), credential: value("credential") } : { urls };
  });
}

/** Returns the answer; null if the server has no WebRTC. Throws `CallError`. @param {string} url @param {string} sdp */
async function post(url, sdp) {
  /** @type {Response} */
  let answer;
  try {
    answer = await fetch(url, { method: "POST", headers: { "content-type": "application/sdp" }, body: sdp });
  } catch {
    throw new CallError("The server does not answer.");
  }
  if (answer.ok) return answer;
  if (answer.status === NOT_IMPLEMENTED) return null;
  const text = await answer.text();
  if (answer.status === 401) throw new CallError("You are not signed in: open the link that `serve` printed.");
  throw new CallError(`The server did not take the call (${answer.status}): ${line(text)}`);
}

/** @param {string} text */
function line(text) {
  try {
    return String(JSON.parse(text).detail ?? text);
  } catch {
    return text.trim();
  }
}
