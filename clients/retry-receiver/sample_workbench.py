"""A sample workbench whose runs fail the first time. Retry one on its page in the portal, and it completes.

pip install ./clients/python
export RETRY_WEBHOOK_SECRET=whsec_…    # as the portal has it, with RETRY_WEBHOOK_URL=http://127.0.0.1:8090/
python clients/retry-receiver/sample_workbench.py http://127.0.0.1:8000 wb_ingest_…
"""

import os
import sys
import threading
import time
import uuid

import receiver
from workbench_analytics import Client

WORKFLOW = {"workflow_id": "rotate-secret", "workflow_name": "Rotate a secret"}
SECONDS = 0.5


class SampleWorkbench:
    def __init__(self, telemetry):
        self.telemetry = telemetry
        self.session_id = f"sample-{uuid.uuid4().hex[:8]}"
        self.started = set()

    def start(self, *, run_id, retry_of=None, environment="", workflow_id=None):
        """Run in the background. An id that was started already is not started again."""
        if run_id not in self.started:
            self.started.add(run_id)
            threading.Thread(target=self.run, args=(run_id, retry_of), daemon=True).start()

    def run(self, run_id, retry_of):
        about = {"session_id": self.session_id, "run_id": run_id, "retry_of_run_id": retry_of, **WORKFLOW}
        events = self.telemetry.workbench
        events.workflow_run_started(trigger="webhook" if retry_of else "user", **about)
        time.sleep(SECONDS)
        # What went wrong is mended by the time somebody retries.
        how = {"status": "completed"} if retry_of else {"status": "failed", "error_type": "SecretStoreSealed"}
        events.workflow_run_completed(duration_ms=round(SECONDS * 1000), **how, **about)
        self.telemetry.flush()


def main(url, key):
    with Client(url, key) as telemetry:
        workbench = SampleWorkbench(telemetry)
        run_id = f"run-{uuid.uuid4().hex[:8]}"
        workbench.start(run_id=run_id)
        print(f"{run_id} fails. Retry it: {url}/runs/{run_id}/retry/", flush=True)
        secrets = os.environ["RETRY_WEBHOOK_SECRET"].split()
        receiver.make_server(
            port=8090, secrets=secrets, database="taken.sqlite3", start=workbench.start
        ).serve_forever()


if __name__ == "__main__":
    if len(sys.argv) != 3 or not os.environ.get("RETRY_WEBHOOK_SECRET"):
        sys.exit(__doc__)
    main(*sys.argv[1:])
