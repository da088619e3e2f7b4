import { SealiftError } from "../errors/index.js";
import type { CliHost, StopSignal } from "./host.js";

const STOP_SIGNALS: readonly StopSignal[] = ["SIGINT", "SIGTERM", "SIGHUP"];

// npm and npx pass on a Ctrl-C that the terminal has sent already: what comes
// within this time is no second wish. A person needs longer.
const ECHO_MS = 500;

/** Stops listening when disposed. */
export interface Interruption extends Disposable {
  /** Aborted with an `INTERRUPTED` error by the first signal. */
  readonly signal: AbortSignal;
}

/**
 * Turns the first SIGINT, SIGTERM or SIGHUP into an abort. A second Ctrl-C finds
 * no listener, and so ends the process at once. Further SIGTERMs and SIGHUPs are
 * ignored: shells and timeout(1) send them twice.
 */
export function listenForInterruption(host: CliHost, onFirst: (signal: StopSignal) => void): Interruption {
  const controller = new AbortController();
  let letThrough: NodeJS.Timeout | undefined;
  const listeners = STOP_SIGNALS.map((signal) => ({ signal, listener: () => stop(signal) }));
  const stop = (signal: StopSignal) => {
    if (controller.signal.aborted) return;
    letThrough = setTimeout(() => off("SIGINT"), ECHO_MS).unref();
    controller.abort(interruptedBy(signal));
    onFirst(signal);
  };
  const off = (...signals: readonly StopSignal[]) => {
    for (const { signal, listener } of listeners) if (signals.includes(signal)) host.off(signal, listener);
  };
  for (const { signal, listener } of listeners) host.on(signal, listener);
  return {
    signal: controller.signal,
    [Symbol.dispose]: () => {
      clearTimeout(letThrough);
      off(...STOP_SIGNALS);
    },
  };
}

function interruptedBy(signal: StopSignal): SealiftError {
  return new SealiftError(
    "INTERRUPTED",
    `expected to finish, got ${signal === "SIGINT" ? "Ctrl-C (SIGINT)" : signal}`,
    {
      hint: "nothing half-made was left under a final name; run the same command again",
    },
  );
}
