"""How secrets and personal data stand in the audit: that they changed, never what they were."""

from typing import Any

from auditlog.registry import auditlog
from django.db.models import Model

HIDDEN = "(hidden)"
EMPTY = ("", "None")


def hide(value: str) -> str:
    """`(hidden)`; an empty value stays empty, so that setting and clearing can be told apart."""
    return value if value in EMPTY else HIDDEN


def name_of(row: Model) -> str:
    """The row's name; its kind and key where the name would tell a value that is hidden."""
    name = str(row)
    hidden = auditlog.get_model_fields(type(row))["mask_fields"] if auditlog.contains(type(row)) else []
    texts = {text for field in hidden for text in texts_in(getattr(row, field))}
    return f"{row._meta.verbose_name} {row.pk}" if any(text in name for text in texts) else name


def texts_in(value: Any) -> set[str]:
    """The texts within a value, also a nested one."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return {text for part in value for text in texts_in(part)}
    return {value} if isinstance(value, str) and value else set()
