"""Runs one program several times at once. Standard input: the program; arguments: what URL stands for in each."""

import sys
from concurrent.futures import ThreadPoolExecutor

program = sys.stdin.read()


def run(url: str) -> None:
    exec(program.replace("URL", url), {})


with ThreadPoolExecutor(len(sys.argv)) as pool:
    list(pool.map(run, sys.argv[1:]))
