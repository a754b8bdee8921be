"""The examples in deploy/ as the tests read them."""

from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"


def read_yaml(name: str) -> Any:
    return yaml.safe_load((DEPLOY / name).read_text(encoding="utf-8"))


def compose() -> dict[str, Any]:
    return dict(read_yaml("compose.yaml"))


def kubernetes() -> list[dict[str, Any]]:
    """All objects of the Kubernetes example."""
    texts = [path.read_text(encoding="utf-8") for path in sorted((DEPLOY / "kubernetes").glob("*.yaml"))]
    return [found for text in texts for found in yaml.safe_load_all(text)]
