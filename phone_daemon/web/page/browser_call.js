// One call to the agent from this browser: WHIP (RFC 9725) with trickle ICE, and the call's notes by data channel.

const ENDPOINT = "/v1/webrtc";

/**
 * A note of the call (docs/web.md), or one of the leg's own: flushed, finished, agent_digits, refused, closed.
 * @typedef {{ kind: string, at_ns?: number, call?: string, data: Record<string, any>, missed?: number }} Note
 */

/** What went wrong, in a line that tells how to mend it. */
export class CallError extends Error {}

/** Fires `note` (detail: Note), `connected`, and, last and once, `over` (detail: why, or ""). */
export class BrowserCall extends EventTarget {
  /** @type {MediaStream | null} The caller's microphone. */
  microphone = null;
  /** @type {MediaStream} The agent. */
  agent = new MediaStream();
  /** When the call was asked for; `performance.now()`. */
  asked = performance.now();

  /** @type {RTCPeerConnection | null} */ #connection = null;
  /** @type {RTCDataChannel | null} */ #events = null;
  #location = "";
  #etag = "";
  /** @type {RTCIceCandidate[]} */ #found = [];
  #over = false;
  #leaving = () => this.hangUp();

  /**
   * Asks for the microphone and calls. Throws `CallError`.
   * @param {string} to The number; "": the usual one.
   * @param {boolean} headphones The agent cannot be heard by the microphone: nothing has to be taken out of it.
   */
  async start(to, headphones) {
    try {
      const [microphone, servers] = await Promise.all([openMicrophone(headphones), iceServers()]);
      this.microphone = microphone;
      await this.#connect(microphone, servers, to);
    } catch (error) {
      this.#end("");
      throw error instanceof CallError ? error : new CallError(`The call failed: ${error}`);
    }
  }

  /** Presses a key of the telephone. @param {string} digit */
  press(digit) {
    if (this.#events?.readyState === "open") this.#events.send(JSON.stringify({ digit }));
  }

  /** Ends the call; harmless twice. */
  hangUp() {
    this.#end("");
  }

  /** @param {MediaStream} microphone @param {RTCIceServer[]} iceServers @param {string} to */
  async #connect(microphone, iceServers, to) {
    const connection = new RTCPeerConnection({ iceServers, bundlePolicy: "max-bundle" });
    this.#connection = connection;
    for (const track of microphone.getAudioTracks()) connection.addTrack(track, microphone);
    this.#events = connection.createDataChannel("events");
    this.#events.onmessage = (message) => this.#take(JSON.parse(message.data));
    connection.ontrack = ({ track, receiver }) => {
      // The least delay that the network allows: a reply that is cut off must not go on in this browser.
      if ("jitterBufferTarget" in receiver) receiver.jitterBufferTarget = 0;
      this.agent.addTrack(track);
    };
    connection.onicecandidate = ({ candidate }) => {
      if (candidate?.candidate) this.#found.push(candidate);
      this.#trickle();
    };
    connection.onconnectionstatechange = () => {
      if (connection.connectionState === "connected") this.dispatchEvent(new Event("connected"));
      if (connection.connectionState === "failed") this.#end("The connection is lost.");
    };
    addEventListener("pagehide", this.#leaving);
    await connection.setLocalDescription();
    const answer = await post(`${ENDPOINT}?to=${encodeURIComponent(to)}`, connection.localDescription?.sdp ?? "");
    this.#location = answer.headers.get("location") ?? "";
    this.#etag = answer.headers.get("etag") ?? "";
    if (this.#over) return this.#forget();
    await connection.setRemoteDescription({ type: "answer", sdp: await answer.text() });
    this.#trickle();
  }

  /** Sends what has been found since the offer. */
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
    this.dispatchEvent(new CustomEvent("note", { detail: note }));
    if (note.kind === "refused" || note.kind === "closed") this.#location = ""; // There is nothing to hang up any more.
    if (note.kind === "refused") this.#end(`The call was not taken: ${note.data.why}.`);
    if (note.kind === "closed") this.#end(WHY[note.data.reason] ?? `The call is over: ${note.data.reason}.`);
  }

  /** @param {string} why */
  #end(why) {
    if (this.#over) return;
    this.#over = true;
    removeEventListener("pagehide", this.#leaving);
    this.#connection?.close();
    for (const track of this.microphone?.getTracks() ?? []) track.stop();
    this.#forget();
    this.dispatchEvent(new CustomEvent("over", { detail: why }));
  }

  #forget() {
    if (this.#location) fetch(this.#location, { method: "DELETE", keepalive: true }).catch(() => {});
  }
}

/** @type {Record<string, string>} */
const WHY = {
  caller_hung_up: "You hung up.",
  agent_hung_up: "The agent hung up.",
  rtp_timeout: "The call is over: no sound came from your microphone.",
  drained: "The call was ended by an operator, or the server is stopping.",
  line_card_died: "The daemon is gone, and the call with it.",
};

/** @param {boolean} headphones */
async function openMicrophone(headphones) {
  if (!navigator.mediaDevices) {
    throw new CallError("A browser gives the microphone only to https pages and to localhost: open this page so.");
  }
  try {
    return await navigator.mediaDevices.getUserMedia({
      audio: { echoCancellation: !headphones, noiseSuppression: !headphones, autoGainControl: true },
    });
  } catch (error) {
    const denied = error instanceof DOMException && error.name === "NotAllowedError";
    throw new CallError(denied ? "The microphone was denied: allow it in the address bar and call again." : `There is no microphone: ${error}`);
  }
}

/** The server's STUN and TURN servers, from its Link headers. @returns {Promise<RTCIceServer[]>} */
async function iceServers() {
  const answer = await fetch(ENDPOINT, { method: "OPTIONS" });
  const link = answer.headers.get("link") ?? "";
  return [...link.matchAll(/<((?:stun|turns?):[^>]+)>([^<]*)/g)].map(([, urls, rest]) => {
    /** @param {string} name */
    const value = (name) => rest.match(new RegExp(`${name}="([^"]*)"`))?.[1];
    return value("username") ? { urls, username: value("username"), credential: value("credential") } : { urls };
  });
}

/** @param {string} url @param {string} sdp */
async function post(url, sdp) {
  /** @type {Response} */
  let answer;
  try {
    answer = await fetch(url, { method: "POST", headers: { "content-type": "application/sdp" }, body: sdp });
  } catch {
    throw new CallError("The server does not answer.");
  }
  if (answer.ok) return answer;
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
