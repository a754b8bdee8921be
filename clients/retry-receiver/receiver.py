"""A receiver of the portal's retry webhook to start from (docs/retry.md). It needs Python 3.9 and nothing else.

Replace `start_run`. RETRY_WEBHOOK_SECRET holds the secret; during a rotation the new and the old one, with a space.
"""

import base64
import hashlib
import hmac
import json
import os
import sqlite3
import threading
import time
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TOLERANCE_SECONDS = 300
MOST_BYTES = 64 * 1024
LOCK = threading.Lock()


def start_run(*, run_id, retry_of, environment, workflow_id):
    """Start the run under this id, unless it is known: after a crash it may be asked for again."""
    print(f"starting {run_id}, which repeats {retry_of} of {workflow_id} in {environment}", flush=True)


def is_signed(headers, body, *, secrets, now):
    """Whether the portal sent it, within the last five minutes (Standard Webhooks 1.0.0)."""
    message_id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not message_id or not timestamp.isdecimal() or abs(now - int(timestamp)) > TOLERANCE_SECONDS:
        return False
    signed = f"{message_id}.{timestamp}.".encode() + body
    keys = [base64.b64decode(secret.removeprefix("whsec_")) for secret in secrets]
    known = [base64.b64encode(hmac.digest(key, signed, hashlib.sha256)) for key in keys]
    given = [part[3:].encode() for part in headers.get("webhook-signature", "").split() if part[:3] == "v1,"]
    return any(hmac.compare_digest(one, other) for one in known for other in given)


def take(message_id, data, *, database, start):
    """Start the run once for each webhook-id, and answer its id. The id follows from it, so it can't be another."""
    run_id = f"retry-{message_id}"
    with LOCK, closing(sqlite3.connect(database)) as taken:
        taken.execute("CREATE TABLE IF NOT EXISTS taken (id TEXT PRIMARY KEY)")
        if not taken.execute("SELECT 1 FROM taken WHERE id = ?", [message_id]).fetchone():
            names = {"environment": data["environment"], "workflow_id": data["workflowId"]}
            start(run_id=run_id, retry_of=data["runId"], **names)
            taken.execute("INSERT INTO taken VALUES (?)", [message_id])
            taken.commit()
    return run_id


def make_server(*, port, secrets, database, start=start_run):
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            length = max(0, int(self.headers.get("Content-Length") or 0))
            body = self.rfile.read(min(length, MOST_BYTES))
            if not is_signed(self.headers, body, secrets=secrets, now=time.time()):
                return self.answer(401, {"message": "The signature or the time is wrong."})
            message = json.loads(body)
            if message["type"] != "workflow.run.retry_requested":
                return self.answer(204)
            run_id = take(self.headers["webhook-id"], message["data"], database=database, start=start)
            return self.answer(202, {"runId": run_id})

        def answer(self, status, document=None):
            body = json.dumps(document).encode() if document else b""
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return ThreadingHTTPServer(("127.0.0.1", port), Handler)


if __name__ == "__main__":
    words = os.environ["RETRY_WEBHOOK_SECRET"].split()
    make_server(port=8090, secrets=words, database="taken.sqlite3").serve_forever()
