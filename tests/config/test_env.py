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
