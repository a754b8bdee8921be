"""YAML documents as plain values, with the lines on which their faults are named."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml.constructor import SafeConstructor

Place = tuple[str | int, ...]


class PlanFault(Exception):
    """The plan can't be used. `faults` are sentences, each with the line and place of the fault."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


@dataclass(frozen=True)
class FaultReport:
    """The faults found in a YAML document so far, and the lines of its values, which the faults name."""

    name: str
    lines: dict[Place, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def add(self, path: Place, message: str) -> None:
        nearest = path
        while nearest not in self.lines and nearest:
            nearest = nearest[:-1]
        place = ".".join(map(str, path)) or "the plan"
        self.faults.append(f"{self.name}:{self.lines.get(nearest, 1)}: {place}: {message}")


def plain(node: yaml.Node, path: Place, report: FaultReport) -> Any:
    """A node as plain values. It records lines, and keys that stand twice, which YAML loaders let pass."""
    report.lines[path] = node.start_mark.line + 1
    if isinstance(node, yaml.SequenceNode):
        return [plain(item, (*path, index), report) for index, item in enumerate(node.value)]
    if isinstance(node, yaml.MappingNode):
        return _plain_mapping(node, path, report)
    return SafeConstructor().construct_object(node)


def _plain_mapping(node: yaml.MappingNode, path: Place, report: FaultReport) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key = key_node.value if isinstance(key_node, yaml.ScalarNode) else ""
        if key in result:
            report.lines[(*path, key)] = key_node.start_mark.line + 1
            report.add((*path, key), "this key stands here twice.")
        result[key] = plain(value_node, (*path, key), report)
        report.lines[(*path, key)] = key_node.start_mark.line + 1
    return result


def flag(content: Mapping[str, Any], key: str, path: Place, report: FaultReport) -> bool:
    value = content.get(key, False)
    if not isinstance(value, bool):
        report.add((*path, key), "is true or false.")
    return value is True


def sentence(content: Mapping[str, Any], key: str, path: Place, report: FaultReport) -> str:
    value = content.get(key)
    if not isinstance(value, str) or not value.strip():
        report.add((*path, key), "is missing; say it in a sentence.")
        return ""
    return value.strip()


def mapping(
    value: Any, path: Place, report: FaultReport, *, keys: frozenset[str] | None = None
) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        report.add(path, "is not a list of names with their content.")
        return {}
    for key in value:
        if keys is not None and key not in keys:
            report.add((*path, key), f"is not known here; known are {', '.join(sorted(keys))}.")
    return value
