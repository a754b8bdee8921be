/** Workflow runs and the agents in them as functions, whose start and end are tracked. */

import type { PlanEvents, Telemetry } from "./types.js";

export type Status = "completed" | "failed" | "cancelled";
type AgentStart = PlanEvents["agent.run_started"];
type ModelCalled = PlanEvents["agent.model_called"];

/** A client of the portal's own plan. */
export type Tracker = Pick<Telemetry, "track">;

/** The ids are made where they are not given. */
export type RunOptions = Partial<PlanEvents["workbench.workflow_run_started"]>;

/** The ids are made where they are not given. */
export type AgentOptions = Omit<Partial<AgentStart>, "runId" | "traceId" | "parentSpanId"> & Pick<AgentStart, "agentName">;

/** Of a model call; without `model` it is the agent's. */
export type ModelCall = Omit<ModelCalled, "traceId" | "spanId" | "parentSpanId" | "runId" | "agentRunId">;

/** How the work ended. What is set here wins over what the work throws. */
export interface Outcome {
  status?: Status;
  /** The class of the error; never its message. */
  errorType?: string;
}

export interface Run extends Outcome {
  readonly runId: string;
  readonly traceId: string;
  /** Runs the work of an agent, as withRun does. */
  withAgent<Result>(options: AgentOptions, work: (agent: Agent) => Result | PromiseLike<Result>): Promise<Result>;
}

/** What is set before the work ends is told. Tokens and cost count only where no model call of the agent reports any. */
export interface Agent extends Outcome {
  readonly agentRunId: string;
  readonly spanId: string;
  model?: string;
  attempt?: number;
  inputTokens?: number;
  outputTokens?: number;
  costUsd?: number;
  /** Tracks that this agent has called a model. */
  modelCalled(call?: ModelCall): void;
  /** Runs the work of an agent that works for this one. */
  withAgent: Run["withAgent"];
}

// The plan takes no longer ones: 30 days.
const MAX_DURATION = 2592e6;

const makeId = (length: number): string => {
  let id = "";
  while (id.length < length) id += ((Math.random() * 16) | 0).toString(16);
  return id;
};

/** Without a letter before them, 16 decimal digits may pass for the number of a credit card. */
const makeSpanId = (): string => "f" + makeId(15);

/** The class of what was thrown, and nothing else of it. */
const classOf = (error: unknown): string => {
  try {
    // All faults of browsers have one class; their names are a fixed list.
    if (typeof DOMException == "function" && error instanceof DOMException) return error.name;
    const { name } = Object.getPrototypeOf(error).constructor;
    if (name && typeof name == "string") return name.slice(0, 200);
  } catch {}
  return typeof error;
};

const isAbort = (error: any): boolean => {
  try {
    return error.name === "AbortError";
  } catch {
    return false;
  }
};

/** Waits for the work, says how it ended, and passes on what it returns or throws. */
const settle = async <Result>(
  outcome: Outcome,
  work: () => Result | PromiseLike<Result>,
  end: (durationMs: number) => void,
): Promise<Result> => {
  const started = performance.now();
  try {
    const result = await work();
    outcome.status ??= "completed";
    return result;
  } catch (error) {
    outcome.status ??= isAbort(error) ? "cancelled" : "failed";
    if (outcome.status == "failed") outcome.errorType ??= classOf(error);
    throw error;
  } finally {
    end(Math.min(MAX_DURATION, Math.round(performance.now() - started)));
  }
};

/**
 * Tracks that a workflow run starts, does the work, and tracks how it ended: completed; failed, with the class of what
 * the work throws; or cancelled, where that is an AbortError. Answers what the work returns, and throws what it throws.
 */
export function withRun<Result>(
  telemetry: Tracker,
  options: RunOptions,
  work: (run: Run) => Result | PromiseLike<Result>,
): Promise<Result> {
  const { trigger, ...known } = options;
  const ids = { runId: options.runId ?? makeId(32), traceId: options.traceId ?? makeId(32) };
  const start = { ...known, ...ids };

  const agentBelow =
    (parentSpanId?: string): Run["withAgent"] =>
    (agentOptions, agentWork) => {
      const { agentRunId = makeId(32), spanId = makeSpanId(), ...rest } = agentOptions;
      const own = { ...rest, ...ids, agentRunId, spanId, parentSpanId };
      const agent: Agent = {
        ...pick(agentOptions),
        agentRunId,
        spanId,
        modelCalled(call = {}) {
          const { runId, traceId } = ids;
          const place = { runId, traceId, agentRunId, spanId: makeSpanId(), parentSpanId: spanId };
          telemetry.track("agent.model_called", { model: agent.model, ...call, ...place });
        },
        withAgent: agentBelow(spanId),
      };
      telemetry.track("agent.run_started", own);
      return settle(
        agent,
        () => agentWork(agent),
        (durationMs) => {
          const { status, errorType, inputTokens, outputTokens, costUsd } = agent;
          const figures = { ...pick(agent), inputTokens, outputTokens, costUsd };
          telemetry.track("agent.run_completed", { ...own, ...figures, status: status!, errorType, durationMs });
        },
      );
    };

  const run: Run = { ...ids, withAgent: agentBelow() };
  telemetry.track("workbench.workflow_run_started", { ...start, trigger });
  return settle(
    run,
    () => work(run),
    (durationMs) => {
      const { status, errorType } = run;
      telemetry.track("workbench.workflow_run_completed", { ...start, status: status!, errorType, durationMs });
    },
  );
}

const pick = ({ model, attempt }: Pick<Agent, "model" | "attempt">) => ({ model, attempt });
