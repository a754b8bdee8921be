/** For Node: sends what waits before the process ends. */

import type { Telemetry } from "./types.js";

/** What is used of Node's process; its types are no part of this package. */
interface Process {
  readonly pid: number;
  prependListener(event: string, listener: (signal: string) => void): void;
  removeListener(event: string, listener: (signal: string) => void): void;
  listenerCount(event: string): number;
  kill(pid: number, signal: string): void;
}

export type Stoppable = Pick<Telemetry, "flush" | "shutdown">;

export interface ExitOptions {
  /** How many milliseconds the end of the process may wait for the portal. Default 5000. */
  patience?: number;
  /** The signals that end the process. Default SIGINT and SIGTERM. */
  signals?: readonly string[];
}

const { process } = globalThis as unknown as { process: Process };
/** Each client, and the milliseconds that it may take. */
const clients = new Map<Stoppable, number>();
const watched = new Set<string>();

const shutdownAll = async (): Promise<void> => {
  const all = [...clients];
  clients.clear();
  await Promise.all(all.map(([telemetry, patience]) => telemetry.shutdown(patience)));
};

const onBeforeExit = (): void => {
  if (clients.size) void shutdownAll();
};

const onSignal = (signal: string): void => {
  if (process.listenerCount(signal) > 1) {
    // Somebody else decides what the signal does, and may go on tracking until the end.
    clients.forEach((_, telemetry) => void telemetry.flush());
    return;
  }
  // From here on the signal does what it does by itself: a second one ends the process at once.
  forget(signal);
  void shutdownAll().finally(() => process.kill(process.pid, signal));
};

const forget = (event: string): void => {
  watched.delete(event);
  process.removeListener(event, event == "beforeExit" ? onBeforeExit : onSignal);
};

/**
 * Shuts the client down when Node has nothing left to do, and at a signal, within `patience`. The exit code stays as
 * it is, and a signal still ends the process by itself. Where the program listens to the signal too, the client only
 * sends what waits, and the program decides when to end. `process.exit()` waits for nothing: await `shutdown()` before.
 *
 * Returns what takes it back. Safe to repeat.
 */
export function flushOnExit(
  telemetry: Stoppable,
  { patience = 5e3, signals = ["SIGINT", "SIGTERM"] }: ExitOptions = {},
): () => void {
  clients.set(telemetry, patience);
  for (const event of ["beforeExit", ...signals]) {
    if (watched.has(event)) continue;
    watched.add(event);
    // First, so that a listener that is called once is still counted.
    process.prependListener(event, event == "beforeExit" ? onBeforeExit : onSignal);
  }
  return () => {
    clients.delete(telemetry);
    if (!clients.size) [...watched].forEach(forget);
  };
}
