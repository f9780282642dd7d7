// The caller's microphone, and what to do if there is none.

/** An error whose one-line message tells what went wrong and how to fix it. */
export class CallError extends Error {}

/** What to do about each of the browser's errors. @type {Record<string, string>} */
const ADVICE = {
  NotAllowedError: "The microphone is blocked. Allow it for this page (in most browsers, next to the address), and call again.",
  NotFoundError: "No microphone was found. Connect one and call again.",
  NotReadableError: "The microphone is in use by another program. Close that program and call again.",
};

/**
 * Throws `CallError`.
 * @param {boolean} headphones It cannot pick up what is heard, so no echo has to be removed.
 * @param {boolean} forPerson A person hears it. An agent does better without automatic gain: it notices a voice that has
 * been made loud 150 ms later, and tells a caller from a television by how loud they are.
 */
export async function openMicrophone(headphones, forPerson) {
  if (!navigator.mediaDevices) {
    throw new CallError("Browsers allow the microphone only on https pages and on localhost. Open this page at such an address.");
  }
  try {
    return await navigator.mediaDevices.getUserMedia({
      audio: { echoCancellation: !headphones, noiseSuppression: !headphones, autoGainControl: forPerson },
    });
  } catch (error) {
    throw new CallError(ADVICE[error instanceof DOMException ? error.name : ""] ?? `The microphone does not work: ${error}`);
  }
}
