/** Sends events to the portal: queued, kept over reloads, sent again until they are answered, stored once. */

import type { Answer, DropReason, Options, Telemetry, TelemetryEvent, Verdict } from "./types.js";

export type * from "./types.js";

/**
 * Events that are stored under one name and posted together. Names that end in an underscore are shortened in the
 * build.
 */
interface Batch {
  name_: string;
  /** The number of its first event: a flush takes what was tracked before it. */
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

/** An event that has no JSON text yet, because that takes most of the time. */
interface Tracked {
  event_: string;
  properties_: unknown;
  at_: number;
  session_: string;
  order_: number;
  id_: string;
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
// Milliseconds of work at a time, so that the page stays quick.
const SLICE = 5;
const MAX_TRACKED = 2e4;
const DAY = 864e5;

const ADVICE: Record<DropReason, string> = {
  overflow: "the queue was full; raise maxBytes, or await flush() now and then",
  refused: "the portal could not read them; look for what is no plain value",
  too_large: "too much for one post; track less in each event",
  closed: "not sent before the end; give shutdown() more time",
};

/** What the console was told: once of each portal and key, however many clients there are. */
const warned = new Set<string>();

const uuid = (): string =>
  globalThis.crypto?.randomUUID?.() ??
  "xxxxxxxx-xxxx-4xxx-8xxx-xxxxxxxxxxxx".replace(/x/g, () => ((Math.random() * 16) | 0).toString(16));

const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

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
  let tracked: Tracked[] = [];
  let queue: Batch[] = [];
  let size = 0;
  let count = 0;
  let order = 0;
  let names = 0;
  let keptAlive = 0;
  let failures = 0;
  let session: Session | undefined;
  // Of the newest session, or the one that somebody else looks after.
  let sessionId = options.sessionId;
  let closing = false;
  // The patience of shutdown has ended.
  let over = false;
  let lost: Partial<Record<DropReason, number>> = {};
  let ticking = false;
  let running: Promise<void> | undefined;
  let flushTimer: any;
  let flushDue = 0;
  let flushEnd = 0;
  let waitTimer: any;
  let idleTimer: any;
  let release: ((value?: unknown) => void) | undefined;
  let alive = false;
  let watching: AbortController;
  let watched = new Set<string>();

  /** Tells the console: in development everything, else the first of each kind. */
  const warn = (kind: string, text: string, error?: unknown): void => {
    const known = options.warnings === false || warned.has(kind + space);
    if (known && !development) return;
    warned.add(kind + space);
    const more = development ? "" : " (Said once; development: true says all.)";
    quietly(() => console.warn(`telemetry: ${text}${more}`, ...(error ? [error] : [])));
  };

  // The queue ------------------------------------------------------------------------------------------------

  const begin = (events: string[], at: number): Batch => ({
    name_: "",
    order_: at,
    events_: events,
    size_: events.join("").length,
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

  /** Takes an event: a copy of it, its moment and its place. */
  const push = (event: string, properties: any, at = Date.now()): string => {
    const id = `${instance}-${++order}`;
    const copy: any = {};
    for (const name in properties) {
      const value = properties[name];
      copy[name] = Array.isArray(value) ? [...value] : value;
    }
    tracked.push({ event_: event, properties_: copy, at_: at, session_: sessionId!, order_: order, id_: id });
    count++;
    // A page that closes may be killed at any moment.
    if (closing) tick(Infinity);
    else if (tracked.length > MAX_TRACKED) write(Infinity);
    tickSoon();
    schedule(count < flushAt ? flushInterval : 0);
    return id;
  };

  /** Puts an event's JSON text into the queue's last batch, or begins one. */
  const enqueue = ({ event_, properties_, at_, session_, order_, id_ }: Tracked): void => {
    const head = { event: event_, id: id_, sessionId: session_ };
    const event = { ...head, timestamp: new Date(at_).toISOString(), properties: properties_ as any };
    let json: string;
    try {
      json = JSON.stringify(event);
      if (json.length > MAX_EVENT) throw { name: "event_too_large", message: "More than 32 KiB." };
    } catch (error: any) {
      count--;
      const verdict = { index: 0, id: event.id, field: "properties", code: error.name, message: error.message };
      return reject({ ...verdict, status: "rejected" }, event);
    }
    const { length } = json;
    let batch = queue[queue.length - 1];
    // What was sent once stays as it is: the answer to it ends all of it.
    if (!batch || batch.tries_ || batch.size_ + length > MAX_BATCH || batch.events_.length >= MAX_BATCH_EVENTS) {
      queue.push((batch = begin([], order_)));
    }
    batch.events_.push(json);
    batch.size_ += length;
    batch.dirty_ = true;
    size += length;
    trim();
  };

  /** Makes JSON texts of what was tracked, until the moment `end` or until all is done. */
  const write = (end: number): void => {
    while (tracked.length && Date.now() < end) tracked.splice(0, 64).forEach(enqueue);
  };

  // Keeping --------------------------------------------------------------------------------------------------

  const tickSoon = (): void => {
    if (ticking) return;
    ticking = true;
    queueMicrotask(tick);
  };

  /** Writes and stores for a few milliseconds, so that no task is long, and tells what was dropped. */
  const tick = (slice = SLICE): void => {
    ticking = false;
    if (!on) return;
    const end = Date.now() + slice;
    write(end);
    if (session) quietly(() => tabStorage?.setItem(space, JSON.stringify(session)));
    const left = local && (alive || slice > SLICE) ? queue.filter((batch) => batch.dirty_) : [];
    while (left.length && Date.now() < end) {
      const batch = left.shift()!;
      batch.dirty_ = batch.stored_ = false;
      quietly(() => {
        // Another tab may see an older state of the storage for a while: what has a name never changes, so that it
        // can't take the old text and remove the new one.
        const name = `${tab} ${++names}`;
        local!.setItem(name, batch.events_.join("\n"));
        local!.removeItem(batch.name_);
        batch.name_ = name;
        batch.stored_ = true;
      });
    }
    if (left.length || tracked.length) {
      ticking = true;
      setTimeout(tick);
    }
    const told = lost;
    lost = {};
    for (const reason in told) {
      const events = told[reason as DropReason]!;
      warn("dropped", `dropped ${events} (${reason}): ${ADVICE[reason as DropReason]}.`);
      quietly(() => options.onDropped?.(events, reason as DropReason));
    }
  };

  /** Calls back with the name of each stored batch. */
  const eachStored = (job: (name: string) => void): void => {
    quietly(() => Object.keys(local ?? {}).forEach((name) => name.startsWith(space + " ") && job(name)));
  };

  const ownerOf = (name: string): string => name.replace(/ \d+$/, "");

  /** Takes over what a tab left behind. Taking too much is harmless: the portal knows the ids. */
  const adopt = (owner: string): void => {
    watched.delete(owner);
    eachStored((name) => {
      if (!on || ownerOf(name) != owner) return;
      const text = local!.getItem(name);
      local!.removeItem(name);
      if (!text) return;
      const batch = begin(text.split("\n"), 0);
      queue.unshift(batch);
      size += batch.size_;
      count += batch.events_.length;
      tickSoon();
      schedule(0);
    });
    trim();
  };

  /** Every tab holds the lock of its name while it lives: whoever gets the lock takes over what it left behind. */
  const watch = (name: string): void => {
    const owner = ownerOf(name);
    if (owner == tab || watched.has(owner)) return;
    watched.add(owner);
    if (!locks) return adopt(owner);
    locks.request(owner, { signal: watching.signal }, () => adopt(owner)).catch(() => {});
  };

  const live = (): void => {
    watched = new Set();
    watching = new AbortController();
    alive = !locks;
    if (!locks) return eachStored(watch);
    // Nothing is stored before the lock is held, or another tab would take it for left behind.
    const held = (): Promise<unknown> => {
      alive = true;
      tickSoon();
      eachStored(watch);
      return new Promise((resolve) => (release = resolve));
    };
    locks.request(tab, { signal: watching.signal }, held).catch(() => {});
  };

  const die = (): void => {
    watching?.abort();
    release?.();
  };

  // Sending --------------------------------------------------------------------------------------------------

  const schedule = (delay: number): void => {
    if (flushTimer && delay >= flushDue) return;
    clearTimeout(flushTimer);
    flushTimer = setTimeout(flush, (flushDue = delay));
  };

  const reject = (verdict: Verdict, event: TelemetryEvent): void => {
    const { status, code, field, message } = verdict;
    const rejected = status == "rejected";
    if (rejected || development) {
      const place = `${field || "it"} where it is tracked`;
      warn(status, `${event.event} ${status}: ${code} ${field} ${message} Change ${place}.`);
    }
    if (rejected) quietly(() => options.onRejected?.(verdict, event));
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
    let fault: unknown;
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
    } catch (error) {
      fault = error;
    }
    clearTimeout(timer);
    keptAlive -= kept;
    if (batch.abort_ == abort) batch.flight_ = 0;
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
      if (!closing) {
        const what = status ? `answered ${status} without a verdict` : "did not answer";
        warn("unreachable", `${address} ${what}; events wait and are sent again. Check url, network and CORS.`, fault);
      }
      backOff(response?.headers.get("Retry-After") ?? null);
    }
  };

  const maySend = (): boolean => on && !stopped && !waitTimer && !over;

  const run = async (): Promise<void> => {
    // Not before `running` is set.
    await 0;
    while (on && tracked.length) {
      tick();
      if (tracked.length) await pause(0);
    }
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
      if (closing ? batch.flight_ == KEPT_ALIVE : batch.flight_) continue;
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
    tick(Infinity);
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
    );
  };

  const checkIdle = (): void => {
    clearTimeout(idleTimer);
    const left = session ? session.seen + sessionTimeout - Date.now() : 0;
    if (left > 0) {
      idleTimer = setTimeout(checkIdle, left);
      idleTimer.unref?.();
    } else quietly(() => endSession(session?.seen));
  };

  const touchSession = (): void => {
    if (!keepsSessions) sessionId ??= uuid();
    if (!keepsSessions || closing) return;
    const at = Date.now();
    if (session && at - session.seen > sessionTimeout) endSession(session.seen);
    if (!session) {
      session = { id: (sessionId = uuid()), started: at, seen: at };
      const referrer = browser?.document.referrer.replace(/[?#].*/, "").slice(0, 200);
      push("workbench.session_started", { referrer: referrer || undefined, userId: options.userId });
      checkIdle();
    }
    session.seen = at;
  };

  // The page -------------------------------------------------------------------------------------------------

  const onVisibility = (): void => {
    if (document.visibilityState == "hidden") quietly(burst);
  };

  const onPageHide = (): void => {
    quietly(() => {
      if (!on) return;
      if (options.pageEndsSession !== false) endSession();
      closing = true;
      burst(true);
      giveUp();
      die();
    });
  };

  const onPageShow = (event: PageTransitionEvent): void => {
    closing = false;
    if (event.persisted) start();
  };

  /** Another tab stored something. Without locks nobody knows when it dies. */
  const onStorage = ({ key: name }: StorageEvent): void => {
    if (on && locks && name?.startsWith(space + " ")) watch(name);
  };

  const onOnline = (): void => {
    if (waitTimer) resume();
  };

  const listen = (change: "addEventListener" | "removeEventListener"): void => {
    browser?.document[change]("visibilitychange", onVisibility);
    browser?.[change]("pagehide", onPageHide);
    browser?.[change]("pageshow", onPageShow as EventListener);
    browser?.[change]("online", onOnline);
    browser?.[change]("storage", onStorage as EventListener);
  };

  const start = (): void => {
    quietly(() => {
      if (!on) return;
      if (keepsSessions) {
        session ??= quietly(() => JSON.parse(tabStorage?.getItem(space) ?? "null")) ?? undefined;
        sessionId = session?.id;
        touchSession();
        checkIdle();
      }
      if (local) live();
    });
  };

  listen("addEventListener");
  start();

  return {
    track(event, ...[properties]) {
      return quietly(() => {
        if (!on) return;
        touchSession();
        return push(event, properties);
      });
    },
    flush,
    async shutdown(patience = 5e3) {
      const timer = setTimeout(() => {
        over = true;
        queue.forEach((batch) => batch.abort_?.abort());
      }, patience);
      quietly(() => endSession());
      await flush();
      while (count && on && !stopped && !over) {
        await pause(50);
        await flush();
      }
      clearTimeout(timer);
      giveUp();
      listen("removeEventListener");
      clearTimeout(flushTimer);
      clearTimeout(waitTimer);
      on = false;
      die();
    },
    consent(granted) {
      if (granted == on) return;
      on = granted;
      if (granted) return start();
      for (const batch of queue) batch.abort_?.abort();
      queue = [];
      tracked = [];
      size = count = 0;
      lost = {};
      session = undefined;
      sessionId = options.sessionId;
      clearTimeout(idleTimer);
      clearTimeout(flushTimer);
      clearTimeout(waitTimer);
      flushTimer = waitTimer = 0;
      eachStored((name) => local!.removeItem(name));
      quietly(() => tabStorage?.removeItem(space));
      die();
    },
    get sessionId() {
      return keepsSessions ? session?.id : sessionId;
    },
    get pending() {
      return count;
    },
  };
}
