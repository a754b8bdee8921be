"""What the receiver is told of a request: body and headers (docs/retry.md)."""

from datetime import datetime

import msgspec

from web.moments import rfc3339
from workbench.models import RetryRequest, WorkflowRun
from workbench.retries.signing import signature_headers
from workbench.retries.webhook import Webhook

TYPE = "workflow.run.retry_requested"
USER_AGENT = "workbench-analytics-webhook/1"


def body_of(request: RetryRequest, *, run: WorkflowRun) -> bytes:
    """The JSON of the message. What is not known of the run is null."""
    document = {
        "type": TYPE,
        "timestamp": rfc3339(request.requested_at),
        "data": {
            "environment": request.environment,
            "runId": request.run_id,
            "workflowId": run.workflow_id or None,
            "traceId": run.trace_id or None,
            "requestedBy": request.requested_by,
        },
    }
    return msgspec.json.encode(document)


def headers_of(request: RetryRequest, *, body: bytes, webhook: Webhook, now: datetime) -> dict[str, str]:
    """The headers of an attempt at `now`. The id is that of the request, so all attempts have the same."""
    signatures = signature_headers(
        message_id=str(request.message_id), body=body, secrets=webhook.secrets, now=now
    )
    return {
        "Content-Type": "application/json",
        "Accept": "application/json",
        "User-Agent": USER_AGENT,
        **signatures,
    }
