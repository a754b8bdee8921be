"""What the pages of the funnel keep in their URL beside environment and range, and the links that change it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from django.http import Http404, HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from kpis.formatting import words_of
from kpis.reading.funnel import known_sources
from pages.page_controls import Link
from pages.page_request import PageRequest, PageState, page_request_or_404
from web.languages import lazy_text
from workbench.models import FunnelStep
from workbench.stopped_sessions import SessionFilter

TEMPLATES: Mapping[str, bool | None] = {"": None, "used": True, "not_used": False}
TEMPLATE_LABELS = {"": lazy_text("Either"), "used": lazy_text("Used"), "not_used": lazy_text("Not used")}
# What is chosen, to be said after the word "sessions": whether a source is, and which use of templates.
CLAUSES = {
    (False, "used"): lazy_text("that used a template"),
    (False, "not_used"): lazy_text("that used no template"),
    (True, ""): lazy_text("that created a draft from %(source)s"),
    (True, "used"): lazy_text("that created a draft from %(source)s and used a template"),
    (True, "not_used"): lazy_text("that created a draft from %(source)s and used no template"),
}


@dataclass(frozen=True, kw_only=True)
class FunnelRequest:
    """The page with what is chosen. Its words are "" where nothing is."""

    page: PageRequest
    source: str
    template: str

    @property
    def chosen(self) -> SessionFilter:
        return SessionFilter(source=self.source, used_template=TEMPLATES[self.template])

    @property
    def words(self) -> str:
        """What is chosen, to be said after the word "sessions"."""
        clause = CLAUSES.get((bool(self.source), self.template), "")
        return clause % {"source": self.source} if clause else ""

    def source_links(self) -> list[Link]:
        sources = ("", *known_sources())
        return [
            Link(
                label=words_of(source) or _("Any"),
                url=self.page.state.with_extra(source=source).link(),
                is_current=source == self.source,
            )
            for source in sources
        ]

    def template_links(self) -> list[Link]:
        return [
            Link(
                label=label,
                url=self.page.state.with_extra(template=name).link(),
                is_current=name == self.template,
            )
            for name, label in TEMPLATE_LABELS.items()
        ]


def funnel_request_or_404(
    request: HttpRequest, *, environments: Sequence[str], **extra: str
) -> FunnelRequest:
    """`extra` is what a page keeps besides. Raises Http404 for a source or a use of templates that is unknown."""
    page = page_request_or_404(request, environments=list(environments))
    source, template = request.GET.get("source", ""), request.GET.get("template", "")
    sources = known_sources()
    if template not in TEMPLATES or (source and sources and source not in sources):
        raise Http404("There is no such choice of sessions.")
    state = page.state.with_extra(source=source, template=template, **extra)
    return FunnelRequest(page=replace(page, state=state), source=source, template=template)


def stopped_url(state: PageState, *, step: FunnelStep) -> str:
    """The sessions of the same page that stopped at the step."""
    return reverse("funnel-sessions") + state.with_extra(step=step.name.lower(), older="").query()
