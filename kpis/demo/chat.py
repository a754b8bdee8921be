"""The assistant: chat messages, the tools that it invokes and the templates that it suggests."""

from datetime import datetime

from kpis.demo.day import Day

TOOLS = ("search_catalogue", "draft_workflow", "validate_workflow", "explain_step", "estimate_cost")
TEMPLATES = tuple(f"tpl-{name}" for name in ("triage", "match", "report", "onboard", "review", "escalate"))


def talk(day: Day, *, session: str, now: datetime, messages: int, draft: str | None) -> datetime:
    """Chat messages, with the tools that the assistant invokes and the templates that it suggests."""
    for _ in range(messages):
        now += day.seconds(median=40, spread=0.6)
        day.add(
            "workbench.chat_message_sent",
            session=session,
            at=now,
            messageLength=round(day.random.lognormvariate(4.2, 0.7)),
            hasAttachment=day.chance(0.08),
        )
        answered = now + day.seconds(median=4, spread=0.5)
        if day.chance(0.55):
            tool = day.random.choice(TOOLS)
            succeeded = day.chance(0.96)
            day.add("workbench.chat_tool_invoked", session=session, at=answered, toolId=tool, draftId=draft,
                    success=succeeded)  # fmt: skip
        if day.chance(day.by_growth(start=0.31, end=0.4)):
            template = day.random.choice(TEMPLATES)
            day.add("workbench.template_suggested", session=session, at=answered, templateId=template,
                    draftId=draft, accepted=day.chance(0.4))  # fmt: skip
    return now
