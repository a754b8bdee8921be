import os
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from config import env


def test_text_is_stripped(monkeypatch):
    monkeypatch.setenv("NAME", "  value\n")

    assert env.text("NAME") == "value"


def test_text_comes_from_a_file(monkeypatch, tmp_path):
    (tmp_path / "secret").write_text("value\n")
    monkeypatch.setenv("NAME_FILE", str(tmp_path / "secret"))

    assert env.text("NAME") == "value"


def test_a_value_and_a_file_at_once_are_refused(monkeypatch, tmp_path):
    monkeypatch.setenv("NAME", "value")
    monkeypatch.setenv("NAME_FILE", str(tmp_path / "secret"))

    with pytest.raises(ImproperlyConfigured, match="NAME and NAME_FILE are both set"):
        env.text("NAME")


def test_a_file_that_cannot_be_read_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("NAME_FILE", str(tmp_path / "missing"))

    with pytest.raises(ImproperlyConfigured, match="NAME_FILE names a file that cannot be read"):
        env.text("NAME")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("1", True),
        ("TRUE", True),
        ("yes", True),
        ("on", True),
        ("0", False),
        ("False", False),
        ("off", False),
    ],
)
def test_flag_reads_common_spellings(monkeypatch, value, expected):
    monkeypatch.setenv("NAME", value)

    assert env.flag("NAME", default=not expected) is expected


def test_flag_refuses_another_word(monkeypatch):
    monkeypatch.setenv("NAME", "maybe")

    with pytest.raises(ImproperlyConfigured, match="NAME is 'maybe'; it takes true or false"):
        env.flag("NAME", default=True)


@pytest.mark.parametrize("value", ["1", "10"])
def test_integer_takes_both_ends_of_its_range(monkeypatch, value):
    monkeypatch.setenv("NAME", value)

    assert env.integer("NAME", default=5, minimum=1, maximum=10) == int(value)


@pytest.mark.parametrize("value", ["0", "11", "1.5", "many", "nan"])
def test_integer_refuses_what_is_outside_or_no_whole_number(monkeypatch, value):
    monkeypatch.setenv("NAME", value)

    with pytest.raises(ImproperlyConfigured, match=f"NAME is '?{value}'?; it takes"):
        env.integer("NAME", default=5, minimum=1, maximum=10)


@pytest.mark.parametrize("value", ["nan", "inf", "0.09"])
def test_number_refuses_what_is_outside(monkeypatch, value):
    monkeypatch.setenv("NAME", value)

    with pytest.raises(ImproperlyConfigured, match=r"it takes 0\.1 to 10"):
        env.number("NAME", default=5, minimum=0.1, maximum=10)


def test_an_empty_variable_means_the_default(monkeypatch):
    monkeypatch.setenv("NAME", "")

    assert env.flag("NAME", default=True) is True
    assert env.integer("NAME", default=5, minimum=1, maximum=10) == 5
    assert env.words("NAME", default=["a"]) == ["a"]


def test_words_drop_empty_parts(monkeypatch):
    monkeypatch.setenv("NAME", " a, ,b,")

    assert env.words("NAME") == ["a", "b"]


def test_a_directory_is_made_for_its_owner_alone(monkeypatch, tmp_path):
    monkeypatch.setenv("NAME", str(tmp_path / "new"))
    path = env.directory("NAME", default=Path("unused"))

    assert path == tmp_path / "new"
    assert path.stat().st_mode & 0o777 == 0o700


def test_a_directory_that_cannot_be_made_is_named(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NAME", str(tmp_path / "file" / "below"))

    with pytest.raises(
        ImproperlyConfigured, match=r"NAME is .*below, which can't be created: Not a directory"
    ):
        env.directory("NAME", default=Path("unused"))


def test_a_directory_that_was_there_is_not_made_anew(monkeypatch, tmp_path):
    monkeypatch.setenv("NAME", str(tmp_path / "gone"))

    with pytest.raises(ImproperlyConfigured, match=r"NAME is .*gone, which was there .* and is gone"):
        env.directory("NAME", default=Path("unused"), may_create=False)
    assert not (tmp_path / "gone").exists()

    assert env.directory("NAME", default=Path("unused")).is_dir()
    assert env.directory("NAME", default=Path("unused"), may_create=False) == tmp_path / "gone"


def test_a_file_of_variables_fills_in_what_the_environment_leaves_open(monkeypatch, tmp_path):
    monkeypatch.setenv("GIVEN", "from the environment")
    for name in ("PLAIN", "QUOTED", "EMPTY"):
        monkeypatch.delenv(name, raising=False)
    file = tmp_path / ".env"
    file.write_text("# a comment\n\nGIVEN=from the file\nexport PLAIN = a=b\nQUOTED='a b'\nEMPTY=\n")
    monkeypatch.setattr(os, "environ", dict(os.environ))

    env.load(file)

    assert [os.environ[name] for name in ("GIVEN", "PLAIN", "QUOTED", "EMPTY")] == [
        "from the environment",
        "a=b",
        "a b",
        "",
    ]


def test_a_missing_file_of_variables_is_an_empty_one(tmp_path):
    env.load(tmp_path / ".env")


def test_a_line_without_an_equals_sign_is_named(tmp_path):
    (tmp_path / ".env").write_text("# first\nSECRET\n")

    with pytest.raises(ImproperlyConfigured, match=r"\.env has no NAME=value in line 2"):
        env.load(tmp_path / ".env")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "https://hooks.slack.com/services/T0/B0/x",
        "http://127.0.0.1:8065/hooks/x",
        "http://[::1]/x",
        "http://localhost/x",
    ],
)
def test_a_webhook_is_https_or_on_this_machine(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK", url)

    assert env.webhook("HOOK") == url


@pytest.mark.parametrize(
    "url",
    [
        "hooks.slack.com/secret",
        "http://hooks.slack.com/secret",
        "http://10.0.0.1/secret",
        "http://169.254.169.254/secret",
        "http://127.0.0.1.example.com/secret",
        "http://127.0.0.1@evil.example/secret",
        "https:///secret",
        "https://a b/secret",
        "https://[::1/secret",
        "https://host:many/secret",
        "file:///secret",
        "ftp://127.0.0.1/secret",
    ],
)
def test_another_webhook_is_refused_and_not_shown(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK", url)

    with pytest.raises(ImproperlyConfigured, match="HOOK must begin with https") as caught:
        env.webhook("HOOK")

    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(("value", "expected"), [("", "none"), ("staff", "staff"), (" ALL ", "all")])
def test_a_choice_is_one_of_several(monkeypatch, value, expected):
    monkeypatch.setenv("NAME", value)

    assert env.choice("NAME", choices=("none", "staff", "all")) == expected


def test_another_choice_is_refused(monkeypatch):
    monkeypatch.setenv("NAME", "everybody")

    with pytest.raises(ImproperlyConfigured, match="NAME is 'everybody'; it takes none, all"):
        env.choice("NAME", choices=("none", "all"))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("", {}),
        ("a=b", {"a": "b"}),
        ("a=b, c = d ,", {"a": "b", "c": "d"}),
        ("CN=staff=viewer", {"CN=staff": "viewer"}),
        ("a=b,a=c", {"a": "c"}),
    ],
)
def test_pairs_are_a_table(monkeypatch, value, expected):
    monkeypatch.setenv("NAME", value)

    assert env.pairs("NAME") == expected


@pytest.mark.parametrize("value", ["a", "=b", "a=", "a=b,c"])
def test_what_is_no_pair_is_refused(monkeypatch, value):
    monkeypatch.setenv("NAME", value)

    with pytest.raises(ImproperlyConfigured, match="NAME can't be read"):
        env.pairs("NAME")


@pytest.mark.parametrize(
    ("value", "expected", "hosts"),
    [
        ("", "", []),
        ("https://Kpi.example.com", "https://kpi.example.com", ["kpi.example.com"]),
        ("https://kpi.example.com/", "https://kpi.example.com", ["kpi.example.com"]),
        ("http://10.1.2.3:8000", "http://10.1.2.3:8000", ["10.1.2.3"]),
        ("https://[2001:db8::1]:8443", "https://[2001:db8::1]:8443", ["[2001:db8::1]"]),
    ],
)
def test_an_origin_is_a_scheme_and_a_host(monkeypatch, value, expected, hosts):
    monkeypatch.setenv("NAME", value)

    assert (env.origin("NAME"), env.hosts_of(env.origin("NAME"))) == (expected, hosts)


@pytest.mark.parametrize(
    "value",
    [
        *("kpi.example.com", "ftp://kpi.example.com", "https://", "https://kpi.example.com/portal"),
        *(
            "https://a:b@kpi.example.com",
            "https://kpi.example.com:99999",
            "https://kpi.example.com?a",
            "https://[x",
        ),
        "https://kpi.example.com#a",
    ],
)
def test_an_address_that_is_no_origin_is_refused(monkeypatch, value):
    monkeypatch.setenv("NAME", value)

    with pytest.raises(ImproperlyConfigured, match=r"NAME is .*; it takes an origin"):
        env.origin("NAME")


def test_origins_are_a_list_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAME", "https://Wiki.example.com/, http://10.1.2.3:8000")
    assert env.origins("NAME") == ["https://wiki.example.com", "http://10.1.2.3:8000"]

    monkeypatch.setenv("NAME", "https://wiki.example.com,*")
    with pytest.raises(ImproperlyConfigured, match="NAME is '\\*'"):
        env.origins("NAME")


def test_a_template_of_links_has_its_placeholder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINK", "https://traces.example.com/{id}")

    assert env.link_template("LINK", placeholder="{id}") == "https://traces.example.com/{id}"


@pytest.mark.parametrize("url", ["https://traces.example.com/", "javascript:{id}", "traces/{id}"])
def test_another_template_of_links_is_refused(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINK", url)

    with pytest.raises(ImproperlyConfigured, match="LINK must begin with https://"):
        env.link_template("LINK", placeholder="{id}")
