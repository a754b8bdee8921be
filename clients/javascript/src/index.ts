/** Sends events to the portal: queued, kept over reloads, sent again until they are answered, stored once. */

import type { Answer, DropReason, Options, Telemetry, TelemetryEvent, Verdict } from "./types.js";

export type * from "./types.js";

/**
 * Events that are stored under one name and posted together. Names that end in an underscore are shortened in the
 * build.
 */
interface Batch {
  name_: string;
  /** How far the queue had come when it was begun: a flush takes what was there before it. */
  order_: number;
  /** One JSON text an event, without line breaks. */
  events_: string[];
  size_: number;
  /** Differs from what is stored. */
  dirty_?: boolean;
  stored_?: boolean;
  /** In flight; `KEPT_ALIVE` when the browser goes on with it after the page. */
  flight_?: number;
  tries_?: number;
  abort_?: AbortController | undefined;
}

interface Session {
  id: string;
  started: number;
  seen: number;
}

const PATH = "/api/workbench/telemetry";
const MAX_EVENT = 32768;
// Small enough for a keepalive request, of which browsers allow 64 KiB in flight.
const MAX_BATCH = 48e3;
const MAX_BATCH_EVENTS = 500;
const MAX_KEPT_ALIVE = 6e4;
const KEPT_ALIVE = 2;
const DAY = 864e5;

const uuid = (): string =>
  globalThis.crypto?.randomUUID?.() ??
  "xxxxxxxx-xxxx-4xxx-8xxx-xxxxxxxxxxxx".replace(/x/g, () => ((Math.random() * 16) | 0).toString(16));

/** What the page must never notice: the client's faults, and those of the page's own callbacks. */
const quietly = <Result>(job: () => Result): Result | undefined => {
  try {
    return job();
  } catch {}
};

export function createTelemetry<Events = import("./types.js").PlanEvents>(options: Options): Telemetry<Events> {
  const {
    key,
    flushAt = 50,
    flushInterval = 2e3,
    timeout = 1e4,
    maxBackoff = 6e4,
    maxBytes = 3e6,
    sessionTimeout = 18e5,
    development,
  } = options;
  const browser = typeof document == "object" ? window : undefined;
  const address = `${options.url}`.replace(/(\/api\/workbench\/telemetry)?\/*$/, PATH);
  const local = quietly(() => (options.persist === false ? undefined : browser?.localStorage));
  const tabStorage = quietly(() => browser?.sessionStorage);
  const locks = local && navigator.locks;
  const keepsSessions = options.sessions ?? (browser && !options.sessionId);
  // Clients of another portal or key keep their events apart.
  let hash = 0;
  for (const letter of address + key) hash = (hash * 31 + letter.charCodeAt(0)) | 0;
  const space = "workbench" + hash;
  const instance = uuid();
  const tab = `${space} ${instance}`;

  let on = options.consent !== false;
  let stopped = false;
  let queue: Batch[] = [];
  let size = 0;
  let count = 0;
  let order = 0;
  let keptAlive = 0;
  let failures = 0;
  let session: Session | undefined;
  let fixedSession = options.sessionId;
  let lost: Partial<Record<DropReason, number>> = {};
  let ticking = false;
  let running: Promise<void> | undefined;
  let flushTimer: any;
  let flushDue = 0;
  let flushEnd = 0;
  let waitTimer: any;
  let idleTimer: any;
  let release: ((value?: unknown) => void) | undefined;

  // The queue ------------------------------------------------------------------------------------------------

  const begin = (events: string[], at: number): Batch => ({
    name_: `${tab} ${++order}`,
    order_: at,
    events_: events,
    size_: events.join().length,
    dirty_: true,
  });

  const remove = (batch: Batch, ...instead: Batch[]): void => {
    const index = queue.indexOf(batch);
    if (index < 0) return;
    queue.splice(index, 1, ...instead);
    if (!instead.length) {
      size -= batch.size_;
      count -= batch.events_.length;
    }
    quietly(() => local?.removeItem(batch.name_));
  };

  const drop = (events: number, reason: DropReason): void => {
    lost[reason] = (lost[reason] ?? 0) + events;
    tickSoon();
  };

  const trim = (): void => {
    while (size > maxBytes) {
      const batch = queue.find((each) => !each.flight_);
      if (!batch) return;
      const { length } = batch.events_.shift()!;
      batch.size_ -= length;
      batch.dirty_ = true;
      size -= length;
      count--;
      if (!batch.events_.length) remove(batch);
      drop(1, "overflow");
    }
  };

  const push = (event: string, properties: unknown, at = Date.now(), sessionId = fixedSession ?? session!.id): void => {
    const id = `${instance}-${++order}`;
    const timestamp = new Date(at).toISOString();
    const json = JSON.stringify({ event, id, sessionId, timestamp, properties });
    const { length } = json;
    if (length > MAX_EVENT) throw new RangeError("event_too_large");
    let batch = queue[queue.length - 1];
    if (!batch || batch.flight_ || batch.size_ + length > MAX_BATCH || batch.events_.length >= MAX_BATCH_EVENTS) {
      queue.push((batch = begin([], order)));
    }
    batch.events_.push(json);
    batch.size_ += length;
    batch.dirty_ = true;
    size += length;
    count++;
    trim();
    tickSoon();
    schedule(count < flushAt ? flushInterval : 0);
  };

  // Keeping --------------------------------------------------------------------------------------------------

  const tickSoon = (): void => {
    if (ticking) return;
    ticking = true;
    queueMicrotask(tick);
  };

  /** Stores a few batches at a time, so that no task is long, and tells what was dropped. */
  const tick = (limit = 4): void => {
    ticking = false;
    if (!on) return;
    if (session) quietly(() => tabStorage?.setItem(space, JSON.stringify(session)));
    for (const batch of local ? queue : []) {
      if (!batch.dirty_) continue;
      if (!limit--) {
        ticking = true;
        setTimeout(tick);
        break;
      }
      batch.dirty_ = batch.stored_ = false;
      quietly(() => {
        local!.setItem(batch.name_, batch.events_.join("\n"));
        batch.stored_ = true;
      });
    }
    const told = lost;
    lost = {};
    for (const reason in told) {
      const events = told[reason as DropReason]!;
      if (development) console.warn(`telemetry: dropped ${events} (${reason})`);
      quietly(() => options.onDropped?.(events, reason as DropReason));
    }
  };

  /** Calls back with the name of each stored batch. */
  const eachStored = (job: (name: string) => void): void => {
    quietly(() => Object.keys(local ?? {}).forEach((name) => name.startsWith(space + " ") && job(name)));
  };

  /** Takes over what tabs left behind that are no more. Taking too much is harmless: the portal knows the ids. */
  const adopt = (held: (string | undefined)[]): void => {
    if (!on) return;
    eachStored((name) => {
      const owner = name.replace(/ \d+$/, "");
      if (owner == tab || held.includes(owner)) return;
      const batch = begin(local!.getItem(name)!.split("\n"), 0);
      local!.removeItem(name);
      queue.unshift(batch);
      size += batch.size_;
      count += batch.events_.length;
    });
    trim();
    if (count) {
      tickSoon();
      schedule(0);
    }
  };

  const adoptOrphans = (): void => {
    if (!locks) return adopt([]);
    locks
      .request(space, async () => adopt((await locks.query()).held!.map((lock) => lock.name)))
      .catch(() => {});
  };

  /** A tab that lives holds a lock of its name; the browser gives it up with the tab. */
  const live = (): void => {
    locks?.request(tab, () => new Promise((resolve) => (release = resolve))).catch(() => {});
    adoptOrphans();
  };

  // Sending --------------------------------------------------------------------------------------------------

  const schedule = (delay: number): void => {
    if (flushTimer && delay >= flushDue) return;
    clearTimeout(flushTimer);
    flushTimer = setTimeout(flush, (flushDue = delay));
  };

  const reject = (verdict: Verdict, event: TelemetryEvent): void => {
    if (development) {
      console.warn(`telemetry: ${event.event} ${verdict.status}: ${verdict.code} ${verdict.field} ${verdict.message}`);
    }
    if (verdict.status == "rejected") quietly(() => options.onRejected?.(verdict, event));
  };

  const tell = (batch: Batch, answer: Answer): void => {
    const read = (json: string): TelemetryEvent => JSON.parse(json);
    for (const verdict of answer.results) {
      if (verdict.status != "duplicate") quietly(() => reject(verdict, read(batch.events_[verdict.index]!)));
    }
    if (options.onAnswer) quietly(() => options.onAnswer!(batch.events_.map(read), answer));
  };

  const bodyOf = (batch: Batch): string => `{"events":[${batch.events_.join()}]}`;

  /** Waits before the next attempt: exponentially longer, at random, and never shorter than the portal asks. */
  const backOff = (retryAfter: string | null): void => {
    const asked = retryAfter ? +retryAfter * 1e3 || Date.parse(retryAfter) - Date.now() || 0 : 0;
    const random = Math.random() * Math.min(maxBackoff, 1e3 * 2 ** failures++);
    clearTimeout(waitTimer);
    waitTimer = setTimeout(resume, Math.min(DAY, Math.max(0, asked) + random));
    waitTimer.unref?.();
  };

  const resume = (): void => {
    clearTimeout(waitTimer);
    waitTimer = 0;
    flush();
  };

  const split = (batch: Batch, reason: DropReason): void => {
    const { events_, order_ } = batch;
    const middle = events_.length >> 1;
    if (middle) {
      remove(batch, begin(events_.slice(0, middle), order_), begin(events_.slice(middle), order_));
      tickSoon();
      schedule(0);
    } else {
      remove(batch);
      drop(1, reason);
    }
  };

  const send = async (batch: Batch): Promise<void> => {
    const abort = (batch.abort_ = new AbortController());
    const timer = setTimeout(() => abort.abort(), timeout);
    const body = new TextEncoder().encode(bodyOf(batch));
    // A browser refuses keepalive when other scripts used up its allowance: only the first attempt asks for it.
    const kept = batch.tries_ || keptAlive + body.length > MAX_KEPT_ALIVE ? 0 : body.length;
    batch.flight_ = kept ? KEPT_ALIVE : 1;
    batch.tries_ = 1;
    keptAlive += kept;
    let response: Response | undefined;
    let answer: Answer | undefined;
    try {
      const { traceparent } = options;
      const trace = typeof traceparent == "function" ? quietly(traceparent) : traceparent;
      response = await fetch(address, {
        method: "POST",
        body,
        keepalive: !!kept,
        credentials: "omit",
        signal: abort.signal,
        headers: {
          Authorization: "Bearer " + key,
          "Content-Type": "application/json",
          ...(trace && { traceparent: trace }),
        },
      });
      if (response.ok) answer = await response.json();
    } catch {}
    clearTimeout(timer);
    keptAlive -= kept;
    batch.flight_ = 0;
    if (!on || !queue.includes(batch)) return;
    const status = response?.status;
    if (Array.isArray(answer?.results)) {
      failures = 0;
      remove(batch);
      tell(batch, answer);
    } else if (status == 401 || status == 403) {
      if (!stopped) console.error(`telemetry: the portal refuses the key (${status}); nothing is sent any more`);
      stopped = true;
    } else if (status == 400 || status == 413) {
      split(batch, status == 400 ? "refused" : "too_large");
    } else {
      backOff(response?.headers.get("Retry-After") ?? null);
    }
  };

  const maySend = (): boolean => on && !stopped && !waitTimer;

  const run = async (): Promise<void> => {
    // Not before `running` is set.
    await 0;
    let batch: Batch | undefined;
    while (maySend() && (batch = queue.find((each) => !each.flight_ && each.order_ <= flushEnd))) await send(batch);
    running = undefined;
    if (count && maySend()) schedule(flushInterval);
  };

  const flush = (): Promise<void> => {
    clearTimeout(flushTimer);
    flushTimer = 0;
    flushEnd = order;
    return (running ??= run());
  };

  /** Sends at once whatever the browser may take along: nobody knows how long the page lives on. */
  const burst = (closing?: boolean): void => {
    tick(Infinity);
    if (!maySend()) return;
    const beacon = browser && !("keepalive" in Request.prototype);
    for (const batch of [...queue]) {
      if (batch.flight_ == KEPT_ALIVE) continue;
      if (beacon) {
        const taken = closing && navigator.sendBeacon(`${address}?key=${encodeURIComponent(key)}`, bodyOf(batch));
        if (taken && !batch.stored_) remove(batch);
      } else if (keptAlive + batch.size_ < MAX_KEPT_ALIVE) {
        batch.tries_ = 0;
        send(batch);
      }
    }
  };

  /** What is neither stored nor on its way will be lost with the page. */
  const giveUp = (): void => {
    for (const batch of [...queue]) {
      if (batch.stored_ || batch.flight_ == KEPT_ALIVE) continue;
      remove(batch);
      drop(batch.events_.length, "closed");
    }
    tick();
  };

  // Sessions -------------------------------------------------------------------------------------------------

  const endSession = (at = Date.now()): void => {
    const ended = session;
    if (!ended) return;
    session = undefined;
    clearTimeout(idleTimer);
    quietly(() => tabStorage?.removeItem(space));
    push(
      "workbench.session_ended",
      { durationMs: Math.min(30 * DAY, Math.max(0, at - ended.started)), userId: options.userId },
      at,
      ended.id,
    );
  };

  const checkIdle = (): void => {
    const left = session ? session.seen + sessionTimeout - Date.now() : 0;
    if (left > 0) {
      idleTimer = setTimeout(checkIdle, left);
      idleTimer.unref?.();
    } else quietly(() => endSession(session?.seen));
  };

  const touchSession = (): void => {
    if (!keepsSessions) {
      fixedSession ??= uuid();
      return;
    }
    const at = Date.now();
    if (session && at - session.seen > sessionTimeout) endSession(session.seen);
    if (!session) {
      session = { id: uuid(), started: at, seen: at };
      const referrer = browser?.document.referrer.replace(/[?#].*/, "").slice(0, 200);
      push("workbench.session_started", { referrer: referrer || undefined, userId: options.userId });
      checkIdle();
    }
    session.seen = at;
  };

  // The page -------------------------------------------------------------------------------------------------

  const onVisibility = (): void => {
    if (document.visibilityState == "hidden") quietly(burst);
    // Without locks nobody knows whose they are: then only what was there at the start is taken.
    else if (locks) adoptOrphans();
  };

  const onPageHide = (): void => {
    quietly(() => {
      if (!on) return;
      if (options.pageEndsSession !== false) endSession();
      burst(true);
      giveUp();
      release?.();
    });
  };

  const onPageShow = (event: PageTransitionEvent): void => {
    if (event.persisted) start();
  };

  const onOnline = (): void => {
    if (waitTimer) resume();
  };

  const listen = (change: "addEventListener" | "removeEventListener"): void => {
    browser?.document[change]("visibilitychange", onVisibility);
    browser?.[change]("pagehide", onPageHide);
    browser?.[change]("pageshow", onPageShow as EventListener);
    browser?.[change]("online", onOnline);
  };

  const start = (): void => {
    quietly(() => {
      if (!on) return;
      session ??= JSON.parse(tabStorage?.getItem(space) ?? "null") ?? undefined;
      checkIdle();
      if (keepsSessions) touchSession();
      if (local) live();
    });
  };

  listen("addEventListener");
  start();

  return {
    track(event, ...[properties]) {
      if (!on) return;
      try {
        touchSession();
        push(event, properties);
      } catch (error: any) {
        // What has no JSON text, or too long a one.
        const verdict = { index: 0, id: "", field: "properties", code: error.name, message: error.message };
        reject({ ...verdict, status: "rejected" }, { event, id: "", sessionId: "", timestamp: "", properties });
      }
    },
    flush,
    async shutdown(patience = 5e3) {
      const end = Date.now() + patience;
      quietly(() => endSession());
      await flush();
      while (count && on && !stopped && Date.now() < end) {
        await new Promise((resolve) => setTimeout(resolve, 50));
        await flush();
      }
      giveUp();
      listen("removeEventListener");
      clearTimeout(flushTimer);
      clearTimeout(waitTimer);
      on = false;
      release?.();
    },
    consent(granted) {
      if (granted == on) return;
      on = granted;
      if (granted) return start();
      for (const batch of queue) batch.abort_?.abort();
      queue = [];
      size = count = 0;
      lost = {};
      session = undefined;
      fixedSession = options.sessionId;
      clearTimeout(idleTimer);
      clearTimeout(flushTimer);
      clearTimeout(waitTimer);
      flushTimer = waitTimer = 0;
      eachStored((name) => local!.removeItem(name));
      quietly(() => tabStorage?.removeItem(space));
      release?.();
    },
    get sessionId() {
      return fixedSession ?? session?.id;
    },
    get pending() {
      return count;
    },
  };
}
