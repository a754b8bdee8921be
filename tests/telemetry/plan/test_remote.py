import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from telemetry.plan import PlanFault, get_plan, parse_plan, plan_as_dict
from telemetry.plan.remote import fetch_plan, plan_from_dict

ALL_TYPES = """
version: 7
events:
  a.all_types:
    description: All.
    emitted_when: Always.
    deprecated: {until: 2030-12-31, instead: a.other}
    required:
      one: {type: id, description: One., max_length: 40, pseudonymised: true}
      kind: {type: enum, description: Kind., values: ["yes", "2"]}
    optional:
      ids: {type: ids, description: Ids.}
      page: {type: token, description: Page., max_length: 20, keep: origin_and_path}
      flag: {type: bool, description: Flag., deprecated: {until: 2030-12-31}}
      number: {type: number, description: Number., minimum: -0.5, maximum: 2}
      whole: {type: integer, description: Whole., minimum: -5, maximum: 2}
      count: {type: count, description: Count.}
      time: {type: duration_ms, description: Time.}
      cost: {type: money, description: Cost.}
  a.none: {description: None., emitted_when: Never.}
"""


@contextmanager
def portal(status, body):
    """A portal's plan page; yields its address and the requests that came."""
    requests = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            requests.append((self.path, self.headers["Authorization"]))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", requests
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.parametrize("plan", [get_plan(), parse_plan(ALL_TYPES, name="plan.yaml")])
def test_a_plan_comes_back_as_it_was_told(plan):
    told = json.loads(json.dumps(plan_as_dict(plan)))

    assert plan_as_dict(plan_from_dict(told, name="portal")) == told


@pytest.mark.parametrize("ending", ["", "/", "/api/plan/"])
def test_fetches_the_plan_of_a_portal(ending):
    with portal(200, json.dumps(plan_as_dict(get_plan())).encode()) as (url, requests):
        plan = fetch_plan(url + ending, key="wb_key")

    assert plan_as_dict(plan) == plan_as_dict(get_plan())
    assert requests == [("/api/plan/", "Bearer wb_key")]


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (401, b"{}", "the portal answered 401 Unauthorized"),
        (200, b"<html>", "there is no plan to be read"),
        (200, b"[]", "this is not a tracking plan"),
        (200, b'{"version": 1, "events": [{}]}', "this is not a tracking plan"),
        (200, b'{"version": 1, "events": []}', "the plan has no events"),
    ],
)
def test_says_why_there_is_no_plan(status, body, message):
    with portal(status, body) as (url, _), pytest.raises(PlanFault, match=message):
        fetch_plan(url, key="wb_key")


@pytest.mark.parametrize(
    ("url", "message"), [("file:///etc", "begins with http"), ("http://127.0.0.1:9", "no plan to be read")]
)
def test_says_why_there_is_no_portal(url, message):
    with pytest.raises(PlanFault, match=message):
        fetch_plan(url, key="wb_key")
