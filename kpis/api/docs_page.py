"""The API's documentation as a page, printed from the OpenAPI schema: no script, nothing from elsewhere."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator

CODE = re.compile(r"`([^`]+)`")
METHODS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True, kw_only=True)
class Operation:
    anchor: str
    method: str
    path: str
    summary: str
    description: str
    parameters: list[Mapping[str, Any]]
    answers: list[tuple[str, str]]


@dataclass(frozen=True, kw_only=True)
class Shape:
    """A schema of the components, field by field."""

    name: str
    description: str
    fields: list[tuple[str, str, str]]


@require_safe
def api_docs(request: HttpRequest) -> HttpResponse:
    """Every operation and every shape of the schema at /api/schema/."""
    return render(request, "pages/api_docs.html", documentation())


@lru_cache(maxsize=1)
def documentation() -> dict[str, Any]:
    """The schema does not change while the process runs."""
    schema = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    components = schema["components"]["schemas"]
    choices = {name: choice_words(shape) for name, shape in components.items() if "enum" in shape}
    return {
        "operations": [
            make_operation(path, method, operation)
            for path, item in schema["paths"].items()
            for method, operation in item.items()
            if method in METHODS
        ],
        "shapes": [
            make_shape(name, shape, choices=choices)
            for name, shape in components.items()
            if name not in choices
        ],
    }


def make_operation(path: str, method: str, operation: Mapping[str, Any]) -> Operation:
    return Operation(
        anchor=operation["operationId"],
        method=method.upper(),
        path=path,
        summary=operation.get("summary", ""),
        description=with_code(operation.get("description", "")),
        parameters=[
            {**parameter, "description": with_code(parameter.get("description", ""))}
            for parameter in operation.get("parameters", [])
        ],
        answers=[(status, answer_shape(answer)) for status, answer in operation["responses"].items()],
    )


def with_code(text: str) -> SafeString:
    """The text as HTML, with what the schema has between backticks as code."""
    return mark_safe(CODE.sub(r"<code>\1</code>", escape(text)))  # noqa: S308


def answer_shape(answer: Mapping[str, Any]) -> str:
    """Name of the shape that a status is answered with; its description where it has no shape of its own."""
    for media in answer.get("content", {}).values():
        return type_name(media.get("schema", {}))
    return str(answer.get("description", ""))


def choice_words(shape: Mapping[str, Any]) -> str:
    return " | ".join("null" if choice is None else str(choice) for choice in shape["enum"])


def make_shape(name: str, shape: Mapping[str, Any], *, choices: Mapping[str, str]) -> Shape:
    required = set(shape.get("required", ()))
    return Shape(
        name=name,
        description=shape.get("description", ""),
        fields=[
            (
                field,
                type_words(details, choices=choices) + ("" if field in required else ", optional"),
                field_words(details),
            )
            for field, details in shape.get("properties", {}).items()
        ],
    )


def field_words(details: Mapping[str, Any]) -> str:
    # Choices come with a generated list of values, which the type already says.
    return str(details.get("description", "")).split("\n")[0].removeprefix("* ")


def type_words(details: Mapping[str, Any], *, choices: Mapping[str, str]) -> str:
    """A type with the values of its choices spelled out."""
    return " | ".join(choices.get(name, name) for name in type_name(details).split(" or "))


def type_name(schema: Mapping[str, Any]) -> str:
    """A schema in a few words: a shape's name, a type, a list of one."""
    for key in ("allOf", "oneOf", "anyOf"):
        if key in schema:
            names = [type_name(part) for part in schema[key] if part]
            return " or ".join(dict.fromkeys(name for name in names if name))
    if "$ref" in schema:
        return str(schema["$ref"]).rsplit("/", 1)[-1]
    if schema.get("type") == "array":
        return f"list of {type_name(schema['items'])}"
    name = str(schema.get("format") or schema.get("type") or "any")
    return f"{name} or null" if schema.get("nullable") else name
