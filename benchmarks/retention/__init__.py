"""(h) Retention while posts come in: a PostgreSQL of ten million raw events, and an SQLite of one million."""

from benchmarks.options import Options
from benchmarks.report import Comparison
from benchmarks.retention import postgresql, sqlite
from benchmarks.servers import Databases

TITLE = "(h) retention while posts come in"


def run(options: Options, databases: Databases) -> list[Comparison]:
    return [*postgresql.run(options, databases), *sqlite.run(options)]
