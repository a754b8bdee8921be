/** What the client takes and gives. Nothing here reaches the bundle. */

import type { PlanEvents } from "./events.generated.js";

export type { PlanEvents };

/** An event as it is posted. */
export interface TelemetryEvent {
  event: string;
  /** The idempotency id: sending the event again changes nothing. */
  id: string;
  sessionId: string;
  /** When it was tracked: RFC 3339, UTC. */
  timestamp: string;
  properties?: Record<string, unknown>;
}

/** One thing that the portal has to say about one event. */
export interface Verdict {
  index: number;
  id: string;
  status: "rejected" | "duplicate" | "warning";
  code: string;
  /** Where the fault is, such as `properties.source`; empty for the event itself. */
  field: string;
  message: string;
}

/** The portal's answer to one post. */
export interface Answer {
  accepted: number;
  duplicates: number;
  rejected: number;
  results: Verdict[];
}

/**
 * Why events were given up: `overflow`, the queue was full and they were its oldest; `refused`, the portal
 * could not read the event, not even alone; `too_large`, it was larger than a post may be; `closed`, the page or
 * the client was closed and there was no place to keep them.
 */
export type DropReason = "overflow" | "refused" | "too_large" | "closed";

export interface Options {
  /** The portal's address, `https://portal.example`, with or without the path of the door. */
  url: string;
  /** A key of scope `ingest`. */
  key: string;
  /** Send when this many events are waiting. Default 50. */
  flushAt?: number;
  /** Send this many milliseconds after an event at the latest. Default 2000. */
  flushInterval?: number;
  /** Give up waiting for an answer after this many milliseconds, and send again. Default 10000. */
  timeout?: number;
  /** The longest wait before sending again, in milliseconds, unless the portal asks for more. Default 60000. */
  maxBackoff?: number;
  /** Characters of events kept, in memory and in localStorage alike; above it the oldest go. Default 3000000. */
  maxBytes?: number;
  /** Keep unsent events in localStorage, where there is one. Default true. */
  persist?: boolean;
  /** False until the user agrees: nothing is stored or sent. Default true. */
  consent?: boolean;
  /** A session id that somebody else looks after. The client then keeps no sessions. */
  sessionId?: string;
  /** Track session_started and session_ended. Default true in browsers without `sessionId`. */
  sessions?: boolean;
  /** A session ends after this many milliseconds without an event. Default 1800000 (30 minutes). */
  sessionTimeout?: number;
  /** False in applications of many pages: then a session goes on over page loads of its tab. Default true. */
  pageEndsSession?: boolean;
  /** Goes with session_started and session_ended; the portal keeps a keyed hash of it. */
  userId?: string;
  /** The W3C trace context to send along, or what gives it. */
  traceparent?: string | (() => string | undefined);
  /** Warn on the console at the first drop, the first rejection and the first post without an answer. Default true. */
  warnings?: boolean;
  /** Tell the console about every rejected, deprecated and dropped event. Default false. */
  development?: boolean;
  /** Called for each fault of each rejected event. It will not be sent again. */
  onRejected?: (verdict: Verdict, event: TelemetryEvent) => void;
  /** Called with how many events were given up, and why. */
  onDropped?: (count: number, reason: DropReason) => void;
  /** Called with each post's events and the portal's answer. */
  onAnswer?: (events: TelemetryEvent[], answer: Answer) => void;
}

/** Properties of one event, and nothing else, even when they come in a variable. */
export type Exactly<Expected, Given> = Given & { [Name in Exclude<keyof Given, keyof Expected>]: never };

/** The properties as arguments: they may be left out where none is required. */
export type Arguments<Expected, Given> = {} extends Expected
  ? [properties?: Exactly<Expected, Given>]
  : [properties: Exactly<Expected, Given>];

export interface Telemetry<Events = PlanEvents> {
  /**
   * Takes an event, at once and without ever throwing. Its id and its timestamp are made now. Returns the id, or
   * nothing when there is no consent.
   */
  track<Name extends keyof Events & string, Given extends Events[Name]>(
    event: Name,
    ...properties: Arguments<Events[Name], Given>
  ): string | undefined;
  /** Sends what waits. Resolves when it was answered, or when the portal can't be reached now; never rejects. */
  flush(): Promise<void>;
  /**
   * Ends the session, sends what waits and stops, after `patience` milliseconds (5000) at the latest. What could be
   * neither sent nor kept is reported as dropped.
   */
  shutdown(patience?: number): Promise<void>;
  /** False: forgets everything that waits, and neither stores nor sends from now on. True: begins again. */
  consent(granted: boolean): void;
  /** The session that the next event belongs to, as far as it is known. */
  readonly sessionId: string | undefined;
  /** How many events wait for an answer. */
  readonly pending: number;
}
