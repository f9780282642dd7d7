// The caller's microphone, and what to do if there is none.

/** An error whose one-line message tells what went wrong and how to fix it. */
export class CallError extends Error {}

/** Throws `CallError`. @param {boolean} headphones It cannot pick up the agent, so no echo has to be removed. */
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
