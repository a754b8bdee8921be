"""What docs/spans.md says of attributes. tests/clients/sdk/test_otlp_exporters.py runs its examples."""

from pathlib import Path

from telemetry.door.protocols.otlp.dialects import ROLE_ATTRIBUTES, SOURCES

PAGE = (Path(__file__).parents[5] / "docs" / "spans.md").read_text(encoding="utf-8")


def test_the_page_names_every_attribute_that_is_read() -> None:
    names = {name for group in SOURCES.values() for name in group} | set(ROLE_ATTRIBUTES)

    left_out = {name for name in names if name not in PAGE and f"`{name.rpartition('.')[2]}`" not in PAGE}

    assert left_out == set()
