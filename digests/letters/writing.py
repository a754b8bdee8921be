"""A digest as text: the text part of the mail, and what goes to the chat."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.utils.translation import gettext as _

from digests.letters.content import Digest, EnvironmentPart, KpiLine
from telemetry.notices.channels import escape

# Slack's limits (https://api.slack.com/reference/block-kit/blocks) for a section and a header. It takes 50 blocks.
SECTION_CHARACTERS = 3000
HEADER_CHARACTERS = 150
MOST_PARTS = 15


def news_of(part: EnvironmentPart) -> list[tuple[str, list[KpiLine]]]:
    """The lists of an environment that have something in them, with their headings."""
    lists = [
        (_("Left its target"), part.left),
        (_("Back on target"), part.came_back),
        (_("Changed, beyond noise"), part.changed),
        (_("Off target"), part.still_off),
    ]
    return [(heading, lines) for heading, lines in lists if lines]


def sentence_of(line: KpiLine, *, before: str) -> str:
    """Draft acceptance: 34.9% (target ≥ 30%), the week before 33%: +1.9 points, better."""
    change = f": {line.change_words}" if line.change_words else ""
    words = _("%(title)s: %(value)s (target %(target)s), %(before)s %(previous)s") % {
        "title": line.title,
        "value": line.value,
        "target": line.target,
        "before": before,
        "previous": line.previous,
    }
    return f"{words}{change}"


def table_line(line: KpiLine) -> str:
    parts = [_("target %(target)s") % {"target": line.target}, line.verdict, line.change_words]
    return f"{line.title}: {line.note or line.value} ({'; '.join(filter(None, parts))})"


def plain_digest(digest: Digest, *, settings_url: str, unsubscribe_url: str) -> str:
    """The whole digest as plain text."""
    return "\n".join(plain_lines(digest, settings_url=settings_url, unsubscribe_url=unsubscribe_url))


def plain_lines(digest: Digest, *, settings_url: str, unsubscribe_url: str) -> Iterator[str]:
    yield f"{digest.name}: {digest.period}"
    yield days_text(digest.zone, digest=digest)
    for part in digest.parts:
        yield from ("", "", part.environment, "=" * len(part.environment))
        yield from filter(None, [part.url, part.note])
        if part.is_quiet:
            yield from ("", quiet_text())
        for heading, lines in news_of(part):
            yield from ("", heading)
            yield from (f"- {sentence_of(line, before=digest.before)}" for line in lines)
        yield from ("", _("Every KPI") if part.lines else _("No KPI of your choice is left."))
        yield from (f"- {table_line(line)}" for line in part.lines)
    yield from ("", "")
    if settings_url:
        yield from (f"{_('Change it')}: {settings_url}", f"{_('Unsubscribe')}: {unsubscribe_url}")
    else:
        yield _("Change it or unsubscribe in the portal: Account, Digest.")
    yield ""


def days_text(zone: str, *, digest: Digest) -> str:
    return _("Days of %(zone)s, against %(before)s.") % {"zone": zone, "before": digest.before}


def quiet_text() -> str:
    return _("Nothing changed beyond noise, and nothing crossed its target.")


def chat_message(digest: Digest, *, settings_url: str) -> dict[str, Any]:
    """What is posted to Slack: blocks, and a text for notifications and for chats that know no blocks."""
    title = f"{digest.name}: {digest.period}"[:HEADER_CHARACTERS]
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": {"type": "plain_text", "text": title, "emoji": False}},
        section(days_text(escape(digest.zone), digest=digest)),
    ]
    for part in digest.parts[:MOST_PARTS]:
        blocks += [{"type": "divider"}, section(chat_text(part, before=digest.before))]
    if len(digest.parts) > MOST_PARTS:
        left_out = {"count": len(digest.parts) - MOST_PARTS}
        blocks.append(section(_("There are %(count)s more environments in the portal.") % left_out))
    if settings_url:
        blocks.append(section(f"<{settings_url}|{_('Change this digest')}>"))
    return {"text": escape(digest.subject), "blocks": blocks, "unfurl_links": False, "unfurl_media": False}


def section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": cut(text), "verbatim": True}}


def cut(text: str) -> str:
    """Whole lines only: half a link is none."""
    lines: list[str] = []
    for line in text.split("\n"):
        if sum(map(len, lines)) + len(lines) + len(line) > SECTION_CHARACTERS - 2:
            return "\n".join([*lines, "…"])
        lines.append(line)
    return text


def chat_text(part: EnvironmentPart, *, before: str) -> str:
    name = escape(part.environment)
    texts = [f"*<{part.url}|{name}>*" if part.url else f"*{name}*", *filter(None, [escape(part.note)])]
    if part.is_quiet:
        texts.append(quiet_text())
    for heading, lines in news_of(part):
        texts += [f"*{heading}*", *chat_lines(lines, before=before)]
    return "\n".join(texts)


def chat_lines(lines: Sequence[KpiLine], *, before: str) -> list[str]:
    texts = []
    for line in lines:
        title = escape(line.title)
        rest = escape(sentence_of(line, before=before).removeprefix(line.title))
        texts.append(f"• {f'<{line.url}|{title}>' if line.url else title}{rest}")
    return texts
