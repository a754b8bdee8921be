"""What hostile requests are made of: parts of paths, queries, headers and bodies that something may stumble over."""

import gzip
import json
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from random import Random
from typing import Any
from urllib.parse import urlencode

# What faults/prepare.py fills in where a path has a part to choose.
CHOSEN_PART = re.compile(r"(?<=/)(1|x|workflow-duration|unknown-token|unknown-key)(?=/|\.js$|$)")
PARTS = (
    # Of most things there is a first one.
    *["1"] * 8,
    "0",
    "-1",
    "99999999999999999999",
    "9" * 4_500,
    "NaN",
    "%00",
    "a%00b",
    "%ff%fe",
    "_5F_00",
    "%ED%A0%80",
    "%F0%9F%92%A3",
    "..%2f..%2fetc%2fpasswd",
    "%25s%25n",
    "'%20OR%201=1--",
    "0190a1f2-7c3b-4d21-8f7e-2b6c1d9e0a11",
    "x" * 300,
)
ENDINGS = (
    "%00",
    "%ff",
    "../../",
    "/..;/",
    ";a=b",
    "%0d%0aSet-Cookie:a=b",
    "\u00e4",
    "9" * 300,
    "//",
    "%2e%2e%2f",
)

QUERIES = (
    "?%00",
    "?%00=%00&%ff=%fe",
    "?key=%ff%fe",
    "?key=%00",
    "?from=0000-00-00&to=9999-99-99",
    "?from=0001-01-01&to=0001-01-02",
    "?from=9999-12-30&to=9999-12-31&granularity=hour",
    "?from=%D9%A1%D9%A2-01-01&granularity=week",
    "?environment=%00&granularity=century",
    "?environment=%ED%A0%80",
    "?granularity[]=day&dimension=%00&value=%00",
    "?limit=-1&format=exe",
    "?limit=99999999999999999999&before=NaN",
    "?cursor=AAAA&page=-1&page_size=1e9",
    "?format=json&format=csv",
    "?" + "&".join(f"a{number}=1" for number in range(1_200)),
    "?a" + "[a]" * 500 + "=1",
    "?next=//evil.example/",
    "?next=javascript:alert(1)",
    "?next=%00",
    "?data=" + "eyJ" * 400,
    "?data=%00&compression=gzip-js&ver=1",
    "?callback=" + "x" * 2_000,
    "?dry_run=%00",
    "?writeKey=%00",
)
# What Django's admin reads from a query.
ADMIN_QUERIES = (
    "?_to_field=id",
    "?_to_field=",
    "?_popup=1&_to_field=password",
    "?_popup=%00",
    "?_changelist_filters=%00",
    "?_changelist_filters=" + "%25" * 200,
    "?e=1",
    "?p=99999999999",
    "?p=-1&all=",
    "?p=NaN",
    "?o=",
    "?o=-1.999.abc",
    "?o=99999999999999999999",
    "?q=%00",
    "?q=" + "%22" * 501,
    "?q='%20%25%5C",
    "?q=" + "a%20" * 200,
    "?all=1&q=%ED%A0%80",
    "?e=1&o=-1.999&p=99999999999999999999&q=%F0%9F%92%A3",
    "?id__in=" + "1," * 500,
    "?id__exact=99999999999999999999",
    "?id__exact=%00",
    "?pk=%00",
    "?password__startswith=p",
    "?user__password__startswith=p",
    "?is_staff__exact=%00",
    "?groups__id__exact=NaN",
    "?received_at__year=99999",
    "?received_at__year=0&received_at__month=13&received_at__day=32",
    "?received_at__gte=9999-12-31%2023:59:59%2B14:00&received_at__lt=0001-01-01",
    "?received_at__day=1",
    "?occurred_at__gte=%00",
    "?created_at__isnull=maybe",
    "?environment__exact=%00&environment__isnull=2",
    "?environment=%ff",
    "?reason=%00&reason__in=",
    "?term=%00&app_label=auth&model_name=user&field_name=groups",
    "?app_label=%00&model_name=x&field_name=y&term=a",
    "?term=a&app_label=telemetry&model_name=apikey&field_name=environment&page=99999999999999999999",
    "?period_start__range=1,2",
    "?kpi__regex=((((",
)

CSRF_COOKIE = "csrftoken=" + "a" * 32
HEADERS: Sequence[dict[str, str]] = (
    {"Host": "evil.example"},
    {"Host": ""},
    {"Host": "[::1"},
    {"Host": "127.0.0.1:99999"},
    {"Host": "127.0.0.1:abc"},
    {"Host": "a" * 300},
    {"Host": "\u00e9vil"},
    {"Content-Type": "multipart/form-data; boundary=", "Cookie": CSRF_COOKIE},
    {"Content-Type": "multipart/form-data"},
    {"Content-Type": "multipart/form-data; boundary=" + "x" * 300},
    {"Content-Type": "multipart/form-data; boundary=\u00e4"},
    {"Content-Type": "multipart/form-data; boundary=x; charset=utf-7"},
    {"Content-Type": "multipart/form-data; boundary=x", "Content-Encoding": "gzip"},
    {"Content-Type": "application/x-www-form-urlencoded; charset=bz2_codec", "Cookie": CSRF_COOKIE},
    {"Content-Type": "application/x-www-form-urlencoded; charset=nonsense", "Cookie": CSRF_COOKIE},
    {"Content-Type": "application/x-www-form-urlencoded; charset=utf-16", "Cookie": CSRF_COOKIE},
    {"Content-Type": "application/json; charset=bz2_codec"},
    {"Content-Type": "application/json; charset=utf-16"},
    {"Content-Type": "application/json; charset=" + "\u00ff" * 20},
    {"Content-Type": "application/x-protobuf"},
    {"Content-Type": "text/plain;;;=;"},
    {"Content-Type": "\u00ff"},
    {"Content-Encoding": "gzip"},
    {"Content-Encoding": "br"},
    {"Content-Encoding": "zstd"},
    {"Content-Encoding": "gzip, deflate, zstd, gzip"},
    {"Content-Encoding": "\u00ff"},
    {"Accept": "text/csv;q=abc, */*;q=-1"},
    {"Accept": "application/json; version=\u00ff"},
    {"Accept": "a/b," * 500},
    {"Accept-Language": "de-\u00ff;q=NaN," * 50},
    {"Accept-Encoding": "gzip;q=abc, *;q=9999999999"},
    {"Cookie": CSRF_COOKIE},
    {"Cookie": "sessionid=%00; csrftoken=\u00ff"},
    {"Cookie": "sessionid=" + "a" * 4_000},
    {"Cookie": 'sessionid="\\000\\377"; messages=.eJx; messages=\u00ff'},
    {"Cookie": 'messages=[["__json_message",0,99,1]]:1:x; ' + "a=b; " * 500},
    {"Authorization": "Bearer \u00ff\u0001"},
    {"Authorization": "Bearer wb_ingest_" + "A" * 43},
    {"Authorization": "Basic ////"},
    {"Authorization": "Basic AAAAAAAA"},
    {"Authorization": "Basic /////w=="},
    {"Authorization": "Bearer"},
    {"X-Workbench-Key": "\u00ff"},
    {"X-Forwarded-For": "127.0.0.1, evil", "X-Forwarded-Proto": "https"},
    {"X-Forwarded-For": "::ffff:127.0.0.1%lo", "Forwarded": "for=_x;proto=,,"},
    {"X-Forwarded-Host": "evil.example", "X-Forwarded-Port": "NaN"},
    {"CF-Connecting-IP": "127.0.0.1", "X-Real-IP": "::"},
    {"X-Request-ID": "a" * 5_000},
    {"X-Request-ID": "\u00ff%s%n{}"},
    {"X-HTTP-Method-Override": "DELETE"},
    {"X-Requested-With": "XMLHttpRequest"},
    {"Idempotency-Key": "\u00ff" * 300},
    {"Range": "bytes=0-,-1,5-2"},
    {"If-Modified-Since": "yesterday"},
    {"If-Modified-Since": "Sat, 99 Feb 99999 25:61:61 GMT"},
    {"If-None-Match": '"' + "a" * 3_000},
    {"If-Match": "*", "If-Unmodified-Since": "Thu, 01 Jan 0001 00:00:00 GMT"},
    {"Origin": "null", "Access-Control-Request-Method": "POST"},
    {"Origin": "http://[", "Referer": "http://["},
    {"Origin": "https://\u00e4.example:99999", "Access-Control-Request-Headers": "\u00ff"},
    {"Referer": "\u00ff" * 100},
    {"traceparent": "00-" + "z" * 200},
    {"Upgrade": "websocket", "Connection": "Upgrade"},
    {"Expect": "100-continue"},
)

RAW_BODIES = (
    b"{",
    b"null",
    b"\xef\xbb\xbf{}",
    b"\xff\xfe{\x00}\x00",
    b'"' + b"\\ud83d" * 500 + b'"',
    b"\x1f\x8b\x08\x00broken",
    b"\x28\xb5\x2f\xfd\x00",
    b"[" * 3_000,
    b"1e999999",
    b"9" * 5_000,
    b"data=" + b"%" * 3_000,
    b"data=eyJldmVudCI6IlwwIn0&compression=base64",
    b"\x0a\xff\xff\xff\xff\x0f",
    gzip.compress(b'{"events": []}') + b"garbage",
    gzip.compress(b'{"batch": [{"event": "\\u0000"}]}'),
)
MULTIPART_BODIES = (
    b"--x\r\nContent-Disposition: form-data; name=a; filename=b\r\n\r\n",
    b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n\x00\xff\r\n--x--\r\n',
    b'--x\r\nContent-Disposition: form-data; name="\xff"; filename="\x00"\r\n\r\na\r\n--x--\r\n',
    b'--x\r\nContent-Disposition: form-data; name="a"\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!\r\n--x--\r\n',
    b"--x\r\nContent-Type: multipart/mixed; boundary=\r\n\r\n" * 50,
    b"--x--",
    b'--x\r\nContent-Disposition: form-data; name="_save"\r\n\r\n1\r\n' * 1_100 + b"--x--\r\n",
)
# Each has an end: what waits for more is the matter of the slow clients.
CHUNKED_BODIES = (
    b"0\r\n\r\n",
    b"2\r\n{}\r\n0\r\n\r\n",
    b"zz\r\n\r\n",
    b"-1\r\n\r\n",
    b"ffffffffffffffffff\r\n",
    b"1;" + b"a" * 5_000 + b"\r\n{\r\n0\r\n\r\n",
    b"0\r\nAuthorization: Bearer x\r\nContent-Length: 9\r\n\r\n",
)
FORM_TYPE = "application/x-www-form-urlencoded"

# Names that the portal's forms have, and values that they may stumble over.
FIELDS = (
    *("username", "password", "password1", "password2", "login", "next", "name", "email", "remember"),
    *(
        "action",
        "_selected_action",
        "index",
        "_save",
        "_continue",
        "_addanother",
        "_saveasnew",
        "_popup",
        "post",
    ),
    *("first_name", "last_name", "is_active", "is_staff", "groups", "user_permissions", "permissions"),
    *("last_login", "last_login_0", "last_login_1", "date_joined", "date_joined_0", "date_joined_1"),
    *("environment", "scope", "source", "requests_per_minute", "expires_at", "expires_at_0", "expires_at_1"),
    *(
        "kpi",
        "value",
        "percentile",
        "starts_on",
        "valid_from",
        "note",
        "direction",
        "label",
        "period",
        "objective",
    ),
    *("form-TOTAL_FORMS", "form-INITIAL_FORMS", "form-0-id", "csrfmiddlewaretoken", "usable_password"),
)
VALUES: Sequence[str] = (
    *("", "0", "1", "-1", "on", "a\x00b", "\x00", "\ud800", "\U0001f4a3", "\u202e", "x" * 300, "x" * 70_000),
    *("9" * 30, "9" * 4_500, "1e400", "NaN", "Infinity", "-0", "0.1" + "0" * 500, "1_000", "\u0661"),
    *("0001-01-01", "9999-12-31", "2026-02-30", "23:59:60", "0000-00-00", "9999-12-31T23:59:59-23:59"),
    *(
        "delete_selected",
        "revoke_keys",
        "revoke",
        "replay",
        "__init__",
        "//evil.example/",
        "javascript:1",
        "%s%n",
    ),
    *("ingest", "production", "visitors", "workflow-duration", "faults"),
)
ODD_NUMBERS = (
    "1e400",
    "-1e400",
    "NaN",
    "Infinity",
    "-0.0",
    "1" + "0" * 4_000,
    "99999999999999999999",
    "0.1e-400",
)
EVENT_NAMES = (
    "workbench.draft_created",
    "workbench.chat_message_sent",
    "workbench.session_started",
    "$pageview",
    "",
)
EVENT_FIELDS = (
    *(
        "event",
        "type",
        "id",
        "messageId",
        "uuid",
        "sessionId",
        "session_id",
        "timestamp",
        "originalTimestamp",
    ),
    *(
        "sentAt",
        "properties",
        "context",
        "integrations",
        "anonymousId",
        "userId",
        "distinct_id",
        "api_key",
        "token",
    ),
    *(
        "environment",
        "batch",
        "events",
        "schemaVersion",
        "offset",
        "writeKey",
        "data",
        "historical_migration",
    ),
)


def path_of(dice: Random, path: str) -> str:
    """The path, every third time with odd parts in it or after it."""
    turn = dice.random()
    if turn < 0.2:
        return CHOSEN_PART.sub(lambda part: dice.choice(PARTS), path)
    return path + dice.choice(ENDINGS) if turn < 0.3 else path


def query(dice: Random, path: str) -> str:
    if dice.random() < 0.3:
        return ""
    return dice.choice((*ADMIN_QUERIES, *QUERIES[:8]) if path.startswith("/admin/") else QUERIES)


def headers(dice: Random) -> dict[str, str]:
    return dict(dice.choice(HEADERS)) if dice.random() < 0.3 else {}


def content(dice: Random) -> tuple[dict[str, str], bytes]:
    """(headers that say what it is, a body)."""
    return dice.choices(CONTENTS, weights=CONTENT_WEIGHTS)[0](dice)


def nothing(dice: Random) -> tuple[dict[str, str], bytes]:
    return {}, b""


def raw(dice: Random) -> tuple[dict[str, str], bytes]:
    return dice.choice([{}, {"Content-Type": "application/json"}, {"Content-Type": FORM_TYPE}]), dice.choice(
        RAW_BODIES
    )


def multipart(dice: Random) -> tuple[dict[str, str], bytes]:
    return {"Content-Type": "multipart/form-data; boundary=x"}, dice.choice(MULTIPART_BODIES)


def chunked(dice: Random) -> tuple[dict[str, str], bytes]:
    return {"Transfer-Encoding": "chunked"}, dice.choice(CHUNKED_BODIES)


def form(dice: Random) -> tuple[dict[str, str], bytes]:
    fields = [(name, dice.choice(VALUES)) for name in dice.choices(FIELDS, k=dice.randint(1, 12))]
    return {"Content-Type": FORM_TYPE}, urlencode(fields, errors="surrogatepass").encode()


def admin_action(dice: Random) -> tuple[dict[str, str], bytes]:
    """An action on rows of the change list; never on all of them, and only on the first: others need theirs."""
    chosen = dice.choice(["1", "0", "", "NaN", "\x00", "9" * 30])
    fields = [
        ("action", dice.choice(["delete_selected", "revoke_keys", "", "\x00", "nothing"])),
        ("_selected_action", chosen),
        ("index", dice.choice(["0", "-1", "99", "NaN"])),
        *dice.choice([[], [("post", "yes")], [("select_across", "NaN")]]),
    ]
    return {"Content-Type": FORM_TYPE}, urlencode(fields).encode()


def events(dice: Random) -> tuple[dict[str, str], bytes]:
    """A body of one of the protocols, with odd values anywhere."""
    name = dice.choice(("events", "batch", "data"))
    several = [event(dice) for _ in range(dice.randint(1, 4))]
    document = dice.choice([{name: several, "api_key": value(dice)}, several, several[0]])
    text = json.dumps(document)
    for _ in range(dice.randint(0, 2)):
        text = text.replace(": 7", f": {dice.choice(ODD_NUMBERS)}", 1)
    content_type = dice.choice(("application/json", "text/plain", "application/json; charset=utf-8"))
    body = text.encode()
    if dice.random() < 0.2:
        return {"Content-Type": content_type, "Content-Encoding": "gzip"}, gzip.compress(body)
    return {"Content-Type": content_type}, body


def event(dice: Random) -> dict[str, Any]:
    """Like an event that is accepted, but for some fields."""
    made: dict[str, Any] = {
        "event": dice.choice(EVENT_NAMES),
        "type": "track",
        "sessionId": "hostile",
        "timestamp": datetime.now(UTC).isoformat(),
        "properties": {"source": "chat"},
    }
    for name in dice.choices(EVENT_FIELDS, k=dice.randint(0, 4)):
        made[name] = value(dice)
    made["properties"] = (
        value(dice) if dice.random() < 0.3 else {dice.choice(EVENT_FIELDS): value(dice), "n": 7}
    )
    return made


def value(dice: Random, *, depth: int = 0) -> Any:
    """Any JSON value."""
    turn = dice.random()
    if turn < 0.15 and depth < 4:
        return [value(dice, depth=depth + 1) for _ in range(dice.randint(0, 3))]
    if turn < 0.3 and depth < 4:
        return {dice.choice(VALUES)[:50]: value(dice, depth=depth + 1) for _ in range(dice.randint(0, 3))}
    if turn < 0.5:
        return dice.choice([None, True, False, 0, -1, 7, 7, 2**63, 2**64, -(2**63) - 1, 1.5])
    return dice.choice(VALUES)


Content = Callable[[Random], tuple[dict[str, str], bytes]]
CONTENTS: Sequence[Content] = (nothing, raw, multipart, chunked, form, admin_action, events)
CONTENT_WEIGHTS = (12, 8, 4, 1, 12, 8, 12)
