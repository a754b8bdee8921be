"""A digest as text: the text part of the mail, and what goes to the chat."""

from collections.abc import Iterator, Sequence
from typing import Any

from digests.letters.content import Digest, EnvironmentPart, KpiLine
from telemetry.notices.channels import escape

# Slack's limits (https://api.slack.com/reference/block-kit/blocks) for a section and a header. It takes 50 blocks.
SECTION_CHARACTERS = 3000
HEADER_CHARACTERS = 150
MOST_PARTS = 15


def news_of(part: EnvironmentPart) -> list[tuple[str, list[KpiLine]]]:
    """The lists of an environment that have something in them, with their headings."""
    lists = [
        ("Left its target", part.left),
        ("Back on target", part.came_back),
        ("Changed, beyond noise", part.changed),
        ("Off target", part.still_off),
    ]
    return [(heading, lines) for heading, lines in lists if lines]


def sentence_of(line: KpiLine, *, before: str) -> str:
    """Draft acceptance: 34.9% (target ≥ 30%), the week before 33%: +1.9 points, better."""
    change = f": {line.change_words}" if line.change_words else ""
    return f"{line.title}: {line.value} (target {line.target}), {before} {line.previous}{change}"


def table_line(line: KpiLine) -> str:
    parts = [f"target {line.target}", line.verdict, line.change_words]
    return f"{line.title}: {line.note or line.value} ({'; '.join(filter(None, parts))})"


def plain_digest(digest: Digest, *, settings_url: str, unsubscribe_url: str) -> str:
    """The whole digest as plain text."""
    return "\n".join(plain_lines(digest, settings_url=settings_url, unsubscribe_url=unsubscribe_url))


def plain_lines(digest: Digest, *, settings_url: str, unsubscribe_url: str) -> Iterator[str]:
    yield f"{digest.name}: {digest.period}"
    yield f"Days of {digest.zone}, against {digest.before}."
    for part in digest.parts:
        yield from ("", "", part.environment, "=" * len(part.environment))
        yield from filter(None, [part.url, part.note])
        if part.is_quiet:
            yield from ("", "Nothing changed beyond noise, and nothing crossed its target.")
        for heading, lines in news_of(part):
            yield from ("", heading)
            yield from (f"- {sentence_of(line, before=digest.before)}" for line in lines)
        yield from ("", "Every KPI" if part.lines else "No KPI of your choice is left.")
        yield from (f"- {table_line(line)}" for line in part.lines)
    yield from ("", "")
    if settings_url:
        yield from (f"Change it: {settings_url}", f"Unsubscribe: {unsubscribe_url}")
    else:
        yield "Change it or unsubscribe in the portal: Account, Digest."
    yield ""


def chat_message(digest: Digest, *, settings_url: str) -> dict[str, Any]:
    """What is posted to Slack: blocks, and a text for notifications and for chats that know no blocks."""
    title = f"{digest.name}: {digest.period}"[:HEADER_CHARACTERS]
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": {"type": "plain_text", "text": title, "emoji": False}},
        section(f"Days of {escape(digest.zone)}, against {digest.before}."),
    ]
    for part in digest.parts[:MOST_PARTS]:
        blocks += [{"type": "divider"}, section(chat_text(part, before=digest.before))]
    if len(digest.parts) > MOST_PARTS:
        blocks.append(section(f"There are {len(digest.parts) - MOST_PARTS} more environments in the portal."))
    if settings_url:
        blocks.append(section(f"<{settings_url}|Change this digest>"))
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
        texts.append("Nothing changed beyond noise, and nothing crossed its target.")
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
