import threading
import time

from config.processes import probes
from config.processes.probes import Probe
from config.server import patience


def finding(check):
    probe = Probe(check)
    probe.start(now=time.monotonic())
    return probe.result()


def test_a_check_gives_up_a_database_that_is_silent_before_its_deadline():
    assert finding(lambda: str(patience.waits.seconds)) == (True, "1.5")


def test_an_error_of_a_driver_is_told_by_its_type_alone():
    def fail():
        raise OSError("connection to secret-host refused")

    assert finding(fail) == (False, "OSError")


def test_a_check_that_hangs_is_waited_for_once(monkeypatch):
    monkeypatch.setattr(probes, "DEADLINE_SECONDS", 0.1)
    released = threading.Event()
    calls = []

    def hang():
        calls.append(1)
        released.wait(10)
        return "back"

    probe = Probe(hang)
    try:
        probe.start(now=time.monotonic())
        assert probe.result() == (False, "no answer within 0.1 s")
        began_at = time.monotonic()
        probe.start(now=time.monotonic() + 100)
        assert probe.result() == (False, "no answer within 0.1 s")
        assert time.monotonic() - began_at < 0.05
    finally:
        released.set()
    probe.thread.join()
    assert (probe.result(), calls) == ((True, "back"), [1])


def test_a_finding_is_kept_for_a_second():
    calls = []

    def count():
        calls.append(1)
        return str(len(calls))

    probe = Probe(count)
    findings = []
    for now in (1000.0, 1001.0, 1001.1):
        probe.start(now=now)
        probe.thread.join()
        findings.append(probe.finding[1])
    assert findings == ["1", "1", "2"]
