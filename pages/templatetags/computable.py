"""Prints a figure with the value behind it, which the file of its table has too (docs/export.md)."""

from django import template
from django.utils.html import format_html

from kpis.formatting import ComputableText

register = template.Library()


@register.filter
def computable(text: object, unit: str = "") -> object:
    """The text in an element that has its value; what has none as it is. A `unit` is printed in place of its own."""
    if not isinstance(text, ComputableText):
        return text
    return format_html('<data value="{}" data-unit="{}">{}</data>', text.raw, unit or text.unit, text)
