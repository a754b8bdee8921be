from pathlib import Path

from config.management.commands.smoke import Command


def test_keys_may_come_from_a_file_that_others_do_not_see(tmp_path: Path) -> None:
    keys = tmp_path / "keys.txt"
    keys.write_text("--key=one\n--read-key=two\n--metrics-key=three\n")

    options = Command().create_parser("manage.py", "smoke").parse_args(["--url=http://x", f"@{keys}"])

    assert (options.key, options.read_key, options.metrics_key) == ("one", "two", "three")
