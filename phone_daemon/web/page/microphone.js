// The caller's microphone, and what to do when there is none.

/** What went wrong, in a line that tells how to mend it. */
export class CallError extends Error {}

/** Throws `CallError`. @param {boolean} headphones The agent cannot be heard by it: nothing has to be taken out of it. */
export async function openMicrophone(headphones) {
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
