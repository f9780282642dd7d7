// Calls the agent over /ws/voice: speaks a recording, prints what both say, keeps what the agent said.
//
//     PHONE_TOKEN=… node voice_client.mjs ws://127.0.0.1:8070/ws/voice question.wav answer.wav
//
// Node 22, or Node 20 with --experimental-websocket; nothing to install. `question.wav` is mono, 16 bits, at 8, 16, 24,
// 44.1 or 48 kHz; the agent answers at the same rate. In a browser the same frames go over `new WebSocket(url)`, which
// sends the cookie of who is signed in. The protocol is described in docs/web.md. This file is yours to copy (CC0).
import { readFileSync, writeFileSync } from "node:fs";

const [AUDIO_START, AUDIO_CHUNK, AUDIO_END, TRANSCRIPTION, LLM_CHUNK, TTS_AUDIO, ERROR, READY, DONE] = [1, 2, 3, 4, 5, 6, 7, 8, 9];
const IS_FINAL = 1, NEEDS_FOLLOWUP = 2;
const STAY_MS = 10_000; // how long the agent may be silent before we hang up
const text = new TextDecoder(), bytes = new TextEncoder();

class VoiceClient {
  constructor(url, token, rate, pcm) {
    this.rate = rate;
    this.pcm = pcm;
    this.size = Math.floor(rate / 50) * 2;
    this.playing = Buffer.alloc(0); // what the agent said and was not yet played
    this.played = [];
    this.reply = 0;
    this.socket = new WebSocket(url, { headers: { authorization: `Bearer ${token}` } });
    this.socket.binaryType = "arraybuffer";
    this.socket.onopen = () => this.send(AUDIO_START, bytes.encode(JSON.stringify({ rate })));
    this.socket.onmessage = ({ data }) => this.take(new Uint8Array(data));
    this.over = new Promise((resolve) => {
      this.socket.onclose = () => resolve(this.reason ?? "connection lost");
      this.socket.onerror = () => resolve(this.reason ?? "no connection"); // also if the token is not valid
    });
  }

  send(type, payload = new Uint8Array()) {
    const frame = new Uint8Array(2 + payload.length);
    frame[0] = type;
    frame.set(payload, 2);
    this.socket.send(frame);
  }

  // Sends 20 ms every 20 ms, as a microphone would, and silence when there is no more to say.
  speak() {
    let due = performance.now();
    this.heardAt = due;
    const tick = () => {
      if (this.socket.readyState !== WebSocket.OPEN) return;
      if (performance.now() > this.heardAt + STAY_MS) return this.send(DONE);
      const chunk = Buffer.alloc(this.size), sound = Buffer.alloc(this.size);
      this.pcm.copy(chunk, 0, 0, this.size);
      this.playing.copy(sound, 0, 0, this.size);
      if (this.pcm.length || this.playing.length) this.heardAt = performance.now();
      this.pcm = this.pcm.subarray(this.size);
      this.playing = this.playing.subarray(this.size);
      this.send(AUDIO_CHUNK, chunk);
      this.played.push(sound);
      due += 20;
      setTimeout(tick, Math.max(due - performance.now(), 0));
    };
    tick();
  }

  take(frame) {
    const [type, flags] = frame, payload = frame.subarray(2);
    if (type === TTS_AUDIO) {
      this.playing = Buffer.concat([this.playing, payload]);
      return;
    }
    const said = text.decode(payload);
    if (type === READY) this.speak();
    else if (type === AUDIO_START) this.reply = JSON.parse(said).reply;
    else if (type === AUDIO_END && JSON.parse(said).drop) {
      // We interrupted: nothing of this reply, or of one before it, may be heard any more.
      if (this.reply <= JSON.parse(said).reply) this.playing = Buffer.alloc(0);
      console.log("      (interrupted)");
    } else if (type === TRANSCRIPTION && flags & IS_FINAL) console.log("we:   ", said);
    else if (type === LLM_CHUNK) console.log("agent:", said, flags & NEEDS_FOLLOWUP ? "…" : "");
    else if (type === ERROR) console.error("error:", said);
    else if (type === DONE) this.reason = JSON.parse(said).reason;
  }
}

const [url, question, answer] = process.argv.slice(2);
const wav = readFileSync(question);
const start = wav.indexOf("data") + 8;
const client = new VoiceClient(url, process.env.PHONE_TOKEN, wav.readUInt32LE(24), wav.subarray(start));
console.log("over:", await client.over);
const head = Buffer.from(wav.subarray(0, start)), sound = Buffer.concat(client.played);
head.writeUInt32LE(start - 8 + sound.length, 4);
head.writeUInt32LE(sound.length, start - 4);
writeFileSync(answer, Buffer.concat([head, sound]));
