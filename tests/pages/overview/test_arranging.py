"""Pinning and moving with forms; the order itself is people.overview.arranging's."""

import re

import pytest
from django.contrib.messages import get_messages
from django.test import Client

from tests.kpis.builders import make_environment

pytestmark = [pytest.mark.usefixtures("clock")]

ADDRESS = "/overview/arrange/"
WAIT, RATE = "approval-wait", "approval-rate"


def press(reader: Client, query: str = "", **form: str) -> str:
    """Where the button leads."""
    response = reader.post(ADDRESS + query, form)
    assert response.status_code == 302
    return response.headers["Location"]


def titles(page: str) -> list[str]:
    return re.findall(r'<h2 id="persona-(\w+)"', page)


def cards(page: str) -> list[str]:
    return re.findall(r'<h3[^>]*><a href="/kpis/([\w-]+)/', page)


def test_pinned_kpis_stand_first_and_once_in_the_person_s_order(reader: Client) -> None:
    make_environment()
    for slug in (WAIT, RATE):
        press(reader, kpi=slug, step="pin")
    press(reader, kpi=RATE, step="up")

    page = reader.get("/").content.decode()

    assert titles(page)[0] == "pinned"
    assert cards(page)[:2] == [RATE, WAIT]
    assert len(cards(page)) == len(set(cards(page))) == 10


def test_a_section_whose_only_card_is_pinned_is_left_out(reader: Client) -> None:
    make_environment()
    press(reader, kpi="template-suggestion-rate", step="pin")

    assert titles(reader.get("/").content.decode()) == [
        "pinned",
        "end_user",
        "leadership",
        "domain_expert",
        "operator",
    ]


def test_moves_a_section(reader: Client) -> None:
    make_environment()
    press(reader, section="operator", step="up")

    assert titles(reader.get("/").content.decode()) == [
        "agent",
        "end_user",
        "leadership",
        "operator",
        "domain_expert",
    ]


# The form → the button that has the focus then, and what is said.
PRESSED = {
    "pin": ({"kpi": WAIT, "step": "pin"}, "#pin-approval-wait", "Approval wait is pinned."),
    "unpin": ({"kpi": WAIT, "step": "unpin"}, "#pin-approval-wait", "Approval wait is no longer pinned."),
    "section": ({"section": "agent", "step": "down"}, "#down-agent", "Agent is 2 of 5 now."),
    "not pinned": ({"kpi": WAIT, "step": "up"}, "#up-approval-wait", "Approval wait is not pinned."),
}


@pytest.mark.parametrize(("form", "button", "said"), PRESSED.values(), ids=PRESSED)
def test_keeps_range_and_focus_and_says_what_it_did(
    reader: Client, form: dict[str, str], button: str, said: str
) -> None:
    response = reader.post(f"{ADDRESS}?environment=demo&range=7d&compare=year", form)

    assert response.headers["Location"] == f"/?environment=demo&range=7d&compare=year{button}"
    assert [str(message) for message in get_messages(response.wsgi_request)] == [said]


def test_the_button_that_keeps_the_focus_is_on_the_page(reader: Client) -> None:
    make_environment()
    buttons = [
        press(reader, **form).rpartition("#")[2]
        for form in (
            {"kpi": WAIT, "step": "pin"},
            {"kpi": WAIT, "step": "up"},
            {"section": "agent", "step": "up"},
        )
    ]

    page = reader.get("/").content.decode()

    assert [f'id="{button}"' in page for button in buttons] == [True] * 3


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"kpi": "happiness", "step": "pin"},
        {"kpi": WAIT, "step": "sideways"},
        {"section": "pinned", "step": "up"},
        {"section": "agent", "step": "pin"},
    ],
    ids=str,
)
def test_does_not_find_a_button_that_there_is_not(reader: Client, form: dict[str, str]) -> None:
    assert reader.post(ADDRESS, form).status_code == 404


def test_a_range_that_cannot_be_understood_leads_to_the_default(reader: Client) -> None:
    assert press(reader, "?range=5d", kpi=WAIT, step="pin") == "/#pin-approval-wait"
