import pytest

from telemetry.intake.unplanned import (
    is_like_enum_value,
    is_machine_id,
    is_private_id,
    is_small_number,
    may_be_kept,
)

CARD = "4111111111111111"
UUID = "0190a1f2-7c3b-4d21-8f7e-0190a1f27c3b"


@pytest.mark.parametrize(
    ("value", "is_small"),
    [
        (0, True),
        (0.5, True),
        (10**12 - 1, True),
        (10**12, False),
        (1 - 10**12, True),
        (-(10**12), False),
        (float("nan"), False),
        (float("inf"), False),
        ("1", False),
        (None, False),
    ],
)
def test_a_number_below_a_card_number_is_small(value: object, is_small: bool) -> None:
    assert is_small_number(value) is is_small


@pytest.mark.parametrize(
    ("value", "is_like_one"),
    [
        ("voice", True),
        ("v2", True),
        ("voice_memo-2", True),
        ("a" * 40, True),
        ("a" * 41, False),
        ("", False),
        ("Voice", False),
        ("2voice", False),
        ("voice memo", False),
        ("voice.memo", False),
        ("voice__memo", False),
        ("_voice", False),
        ("voice-", False),
        ("voice\n", False),
        ("ébène", False),
        ("anna@example.com", False),
        ("sk-abcdefghijkl", False),
        ("ghp_abcdefghijklmnop", False),
        (1, False),
        (None, False),
    ],
)
def test_a_value_of_an_enumeration_is_a_short_token(value: object, is_like_one: bool) -> None:
    assert is_like_enum_value(value) is is_like_one


@pytest.mark.parametrize(
    ("name", "value", "is_one"),
    [
        ("folderId", UUID, True),
        ("folderId", UUID.upper(), True),
        ("folderId", f"{UUID}-1", False),
        ("folderId", "20ab41" * 2 + "20ab", True),
        ("folderId", "20ab41" * 2 + "20a", False),
        ("folderId", "a" * 128, True),
        ("folderId", "a" * 129, False),
        ("folderId", CARD, False),
        ("folderId", "f-1029", True),
        ("folderId", "folder_20ab41", True),
        ("folderId", "FOLDER-20AB41", True),
        ("folderId", "f-a1b2", True),
        ("folderId", "f-a1b", False),
        ("folderId", "f-" + "1" * 126, True),
        ("folderId", "f-" + "1" * 127, False),
        ("folderId", "f1029", False),
        ("folderId", "f-10-29", False),
        ("folderId", "f-10xy29", False),
        ("folderId", "folders-1029", False),
        ("folderId", "anna-1985", False),
        ("folderId", "anna", False),
        ("folderId", "anna1985", False),
        ("folderId", "1029", False),
        ("folderId", "f-1029\n", False),
        ("folderId", "", False),
        ("folderId", 1029, False),
        ("parentDraftId", "d-1029", True),
        ("parentDraftId", "p-1029", True),
        ("parentDraftId", "x-1029", False),
        ("parent_draft_id", "d-1029", False),
        ("f" + "o" * 61 + "Id", UUID, True),
        ("f" + "o" * 62 + "Id", UUID, False),
    ],
)
def test_an_id_of_a_machine_has_the_form_of_one(name: str, value: object, is_one: bool) -> None:
    assert is_machine_id(value, name=name) is is_one


@pytest.mark.parametrize(
    ("name", "is_private"),
    [
        ("ownerId", True),
        ("owner_id", True),
        ("assigneeIDs", True),
        ("userid", True),
        ("targetUserId", True),
        ("accessTokenId", True),
        ("folderId", False),
        ("owner", False),
        ("outputTokens", False),
        ("a" * 63 + "Id", True),
        ("", False),
    ],
)
def test_ids_of_persons_and_credentials_are_private(name: str, is_private: bool) -> None:
    assert is_private_id(name) is is_private


@pytest.mark.parametrize(
    ("name", "value", "is_kept"),
    [
        ("pinned", True, True),
        ("pinned", None, True),
        ("cachedTokens", 12, True),
        ("cachedTokens", 10**12, False),
        ("ownerId", 4711, False),
        ("ownerId", UUID, False),
        ("ownerId", None, True),
        ("folderId", 4711, True),
        ("folderId", "f-1029", True),
        ("folderIds", "f-1029", False),
        ("folder", "f-1029", False),
        ("folderId", ["f-1029"], False),
        ("folderIds", ["f-1029", UUID], True),
        ("folderIds", [], True),
        ("folderIds", ["f-1029"] * 50, True),
        ("folderIds", ["f-1029"] * 51, False),
        ("folderIds", ["f-1029", "anna"], False),
        ("folderIds", ["f-1029", ["f-1029"]], False),
        ("folders", ["f-1029"], False),
        ("folderId", {"a": "f-1029"}, False),
        ("flavour", "vanilla", False),
    ],
)
def test_only_the_form_of_a_value_keeps_it(name: str, value: object, is_kept: bool) -> None:
    assert may_be_kept(value, name=name) is is_kept
