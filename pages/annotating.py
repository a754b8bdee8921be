"""Annotations on pages: the list below a KPI's chart, and the forms that add, change and delete one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Self, cast
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import messages
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from kpis.annotations import MOST_CHARACTERS, BadAnnotation, Note, annotate, edit
from kpis.days import reporting_zone
from kpis.formatting import moment_text
from kpis.models import Annotation
from kpis.registry import DEFINITIONS, REGISTRY
from pages.page_request import environments_of, no_environment_page, page_request_or_404
from people.access import needs_right
from people.models import Right
from web.languages import lazy_text

EVERY_KPI = lazy_text("Every KPI")
KPI_CHOICES = [("", EVERY_KPI), *((kpi.slug, lazy_text(kpi.title)) for kpi in DEFINITIONS)]
LOCAL_MINUTE = "%Y-%m-%dT%H:%M"


@dataclass(frozen=True, kw_only=True)
class AnnotationText:
    """A line of the list. `edit_url` is "" for people who may not change it."""

    at: str
    text: str
    by: str
    about: str
    edit_url: str

    @classmethod
    def from_annotation(cls, annotation: Annotation, *, zone: ZoneInfo, edit_url: str) -> Self:
        return cls(
            at=moment_text(annotation.at, zone=zone),
            text=annotation.text,
            by=author_text(annotation),
            about="" if annotation.kpi else _("every KPI"),
            edit_url=edit_url,
        )


def annotation_texts(
    annotations: Sequence[Annotation], *, zone: ZoneInfo, may_edit: bool, back: str
) -> list[AnnotationText]:
    """`back` is the address of the page that shows them, to which the form of one returns."""
    return [
        AnnotationText.from_annotation(
            annotation, zone=zone, edit_url=edit_url(annotation, back=back) if may_edit else ""
        )
        for annotation in annotations
    ]


def author_text(annotation: Annotation) -> str:
    """ada; ada, edited by ben; web-ci with a key."""
    person = annotation.added_by
    author = person.get_username() if person else sender_text(annotation.source)
    if not annotation.edited_by:
        return author
    names = {"author": author, "editor": annotation.edited_by.get_username()}
    return _("%(author)s, edited by %(editor)s") % names


def sender_text(source: str) -> str:
    if not source:
        return _("somebody whose account is gone")
    return _("%(source)s with a key") % {"source": source}


def edit_url(annotation: Annotation, *, back: str) -> str:
    return f"{reverse('annotation', args=[annotation.pk])}?{urlencode({'next': back})}"


def add_url(*, environment: str, kpi: str, back: str) -> str:
    query = urlencode({"environment": environment, "kpi": kpi, "next": back})
    return f"{reverse('add-annotation')}?{query}"


class AnnotationForm(forms.Form):
    text = forms.CharField(
        label=lazy_text("What happened"),
        max_length=MOST_CHARACTERS,
        help_text=lazy_text("One line, such as: v2.3 deployed"),
    )
    at = forms.DateTimeField(
        label=lazy_text("When"),
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format=LOCAL_MINUTE),
    )
    kpi = forms.ChoiceField(label=lazy_text("It may explain"), choices=KPI_CHOICES, required=False)

    def __init__(self, *args: Any, zone: ZoneInfo, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["at"].help_text = _("In %(zone)s") % {"zone": zone.key}

    @property
    def note(self) -> Note:
        """What a valid form says."""
        return Note(text=self.cleaned_data["text"], at=self.cleaned_data["at"], kpi=self.cleaned_data["kpi"])


@require_http_methods(["GET", "HEAD", "POST"])
@needs_right(Right.ANNOTATE)
def add_annotation(request: HttpRequest) -> HttpResponse:
    """The page at /annotations/add/."""
    environments = environments_of(request)
    if not environments:
        return no_environment_page(request)
    page = page_request_or_404(request, environments=environments)
    kpi, zone = request.GET.get("kpi", ""), reporting_zone()
    initial = {"at": page.now.astimezone(zone), "kpi": kpi if kpi in REGISTRY else ""}
    with timezone.override(zone):
        form = AnnotationForm(request.POST or None, initial=initial, zone=zone)
        store = partial(annotate, environment=page.environment, person=cast(User, request.user), now=page.now)
        if form.is_valid() and was_stored(form, store=store):
            messages.success(request, _("The annotation was added."))
            return redirect(address_after(request))
        return show_form(request, form=form, environment=page.environment)


def was_stored(form: AnnotationForm, *, store: Callable[[Note], object]) -> bool:
    """Whether it could be; else the form says why not."""
    try:
        store(form.note)
    except BadAnnotation as error:
        form.add_error(error.field, str(error))
        return False
    return True


@require_http_methods(["GET", "HEAD", "POST"])
@needs_right(Right.ANNOTATE)
def edit_annotation(request: HttpRequest, pk: int) -> HttpResponse:
    """The page at /annotations/<pk>/."""
    annotation = annotation_or_404(pk, environments=environments_of(request))
    if request.method == "POST" and "delete" in request.POST:
        annotation.delete()
        messages.success(request, _("The annotation was deleted."))
        return redirect(address_after(request))
    zone = reporting_zone()
    initial = {"text": annotation.text, "at": annotation.at.astimezone(zone), "kpi": annotation.kpi}
    with timezone.override(zone):
        form = AnnotationForm(request.POST or None, initial=initial, zone=zone)
        store = partial(edit, annotation, person=cast(User, request.user), now=timezone.now())
        if form.is_valid() and was_stored(form, store=store):
            messages.success(request, _("The annotation was changed."))
            return redirect(address_after(request))
        return show_form(request, form=form, environment=annotation.environment, annotation=annotation)


def annotation_or_404(pk: int, *, environments: Sequence[str]) -> Annotation:
    """One of an environment that is closed to the person does not exist for them."""
    rows = Annotation.objects.select_related("added_by", "edited_by")
    found = rows.filter(pk=pk, environment__in=environments).first()
    if found is None:
        raise Http404("There is no annotation of this number.")
    return found


def address_after(request: HttpRequest) -> str:
    """Where the person came from, if that is a page of the portal; else the overview."""
    address = request.GET.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(
        address, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return address if is_ours else reverse("overview")


def show_form(
    request: HttpRequest, *, form: AnnotationForm, environment: str, annotation: Annotation | None = None
) -> HttpResponse:
    context = {
        "form": form,
        "environment": environment,
        "author": author_text(annotation) if annotation else "",
        "back": address_after(request),
    }
    return render(request, "pages/annotation.html", context, status=400 if form.errors else 200)
