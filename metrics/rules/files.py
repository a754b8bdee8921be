"""Which rule files there are, and their texts."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import yaml
from django.utils.text import slugify

from alerts.thresholds import ThresholdFile
from kpis.registry import Kpi
from metrics.rules.budgets import budget_groups
from metrics.rules.promql import Rule
from metrics.rules.thresholds import kpi_group, threshold_group
from objectives.definitions import Objective

HEADER = "# Written by `python manage.py export_rules`; do not edit.\n"
LINE_LENGTH = 120


def rule_texts(
    *,
    objectives: Sequence[Objective],
    thresholds: ThresholdFile,
    kpis: Iterable[Kpi],
    runbook: str,
    folder: Path,
) -> dict[Path, str]:
    """The text of each rule file in the folder. `runbook` is the address of the page of docs/runbooks/alerts.md."""
    files: Mapping[str, Iterable[Rule]] = {
        "objectives.yaml": budget_groups(objectives),
        "thresholds.yaml": [threshold_group(thresholds.alerts)],
        "kpis.yaml": [kpi_group(kpis, threshold=thresholds.kpi, portal=portal_of(runbook))],
    }
    return {folder / name: file_text(groups, runbook=runbook) for name, groups in files.items()}


def portal_of(runbook: str) -> str:
    """The address of the portal that shows the runbook; empty where it is not one of the portal's pages."""
    portal, _, rest = runbook.partition("/runbooks/alerts")
    return "" if rest.strip("/") or portal == runbook else portal


def file_text(groups: Iterable[Rule], *, runbook: str) -> str:
    content = {"groups": [with_runbooks(group, runbook=runbook) for group in groups]}
    body = yaml.dump(content, Dumper=RuleDumper, sort_keys=False, allow_unicode=True, width=LINE_LENGTH)
    return HEADER + body


def with_runbooks(group: Rule, *, runbook: str) -> Rule:
    """The group whose alerts have the address of their section."""
    return {**group, "rules": [with_runbook(rule, runbook=runbook) for rule in group["rules"]]}


def with_runbook(rule: Rule, *, runbook: str) -> Rule:
    if "alert" not in rule:
        return rule
    url = f"{runbook}#{slugify(rule['alert'])}"
    return {**rule, "annotations": {**rule["annotations"], "runbook_url": url}}


class RuleDumper(yaml.SafeDumper):
    """Writes expressions of several lines as they read best."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def represent_text(dumper: RuleDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


RuleDumper.add_representer(str, represent_text)
