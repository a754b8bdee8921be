"""(f) The CPU time of 1 MB of hostile events, against that of 1 MB of plain ones (see worst_cases)."""

import tempfile

from benchmarks.options import Options
from benchmarks.report import Comparison
from benchmarks.servers import Databases, environment, inside

TITLE = "(f) hostile events"


def run(options: Options, databases: Databases) -> list[Comparison]:
    """The costliest case of each way, by name: the median says nothing of what an attacker would pick."""
    with tempfile.TemporaryDirectory() as folder:
        variables = environment(data_dir=folder, database_url=databases.make())
        with inside(variables) as process:
            process.call("make_key")
            return [
                costliest(
                    process.call(
                        "time_worst_cases",
                        every=options.every_worst_case,
                        body_bytes=options.worst_case_bytes,
                        dry_run=dry,
                    )
                )
                for dry in (True, False)
            ]


def costliest(found: tuple[str, float, float]) -> Comparison:
    name, seconds, plain_seconds = found
    return Comparison(
        name=name[:44], unit="ms", bar="<= 5", portal=[seconds * 1000], reference=[plain_seconds * 1000]
    )
