"""Calls of language models within an agent's run: its tokens and its cost are the sums of theirs."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Any

from kpis.demo.day import Day

# Errors of agents that are those of a call of theirs; in the others the call itself went well.
ERRORS_OF_CALLS = frozenset({"Timeout", "RateLimited"})
# Of the time of an agent; in the rest it works with the answer.
SHARE_OF_TIME = 0.85


def call_models(
    day: Day, *, session: str, start: datetime, end: datetime, completed: Mapping[str, Any]
) -> None:
    """Record one to three calls, one after the other, in an agent's run that `completed` tells the end of."""
    # Random numbers of its own: they change nothing else of the day.
    random = Random(f"{day.seed}:{completed['agentRunId']}")  # noqa: S311 - made-up data, to be repeated
    weights = [random.uniform(0.5, 1.5) for _ in range(random.choices((1, 2, 3), weights=(50, 30, 20))[0])]
    cost = completed["costUsd"]
    costs = split(round(cost * 1_000_000), weights) if cost is not None else []
    tokens = zip(
        split(completed["inputTokens"], weights), split(completed["outputTokens"], weights), strict=True
    )
    milliseconds = split((end - start) // timedelta(milliseconds=1), weights)
    for index, (input_tokens, output_tokens) in enumerate(tokens):
        start += timedelta(milliseconds=milliseconds[index])
        day.add("agent.model_called", session=session, at=start,
                runId=completed["runId"], agentRunId=completed["agentRunId"], model=completed["model"],
                traceId=completed["traceId"], spanId=f"{random.getrandbits(64):016x}",
                parentSpanId=completed["spanId"], inputTokens=input_tokens, outputTokens=output_tokens,
                costUsd=costs[index] / 1_000_000 if costs else None,
                durationMs=round(milliseconds[index] * SHARE_OF_TIME),
                **outcome(completed, is_last=index == len(weights) - 1))  # fmt: skip


def outcome(completed: Mapping[str, Any], *, is_last: bool) -> dict[str, str]:
    """The last call ends as its agent's run does, unless something else than the call went wrong."""
    status, error = completed["status"], completed["errorType"]
    if not is_last or (status == "failed" and error not in ERRORS_OF_CALLS):
        return {"status": "completed"}
    return {"status": status, "errorType": error} if error else {"status": status}


def split(total: int, weights: Sequence[float]) -> list[int]:
    """Whole parts in the proportion of the weights; their sum is the total."""
    ends = [round(total * sum(weights[: index + 1]) / sum(weights)) for index in range(len(weights))]
    return [end - start for start, end in zip([0, *ends], ends, strict=False)]
