"""The README's table of the versions that the suite runs with, from constraints.txt.

    python scripts/tested_versions.py [--check]

Writes it into README.md, or only says whether it is there (exit status 1 if not).
"""

from __future__ import annotations

import argparse
import re
import sys

from readme import README, around, write_between

MARK = "versions"


def table() -> str:
    pinned = re.findall(r"^([\w.-]+)==(\S+)$", README.with_name("constraints.txt").read_text(encoding="utf-8"), re.M)
    return "\n".join(["| package | tested |", "|---|---|", *(f"| {name} | {version} |" for name, version in pinned)])


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true")
    if parser.parse_args().check:
        head, tail = around(README, MARK)
        return int(README.read_text(encoding="utf-8") != f"{head}\n\n{table()}\n\n{tail}")
    write_between(README, MARK, table())
    return 0


if __name__ == "__main__":
    sys.exit(main())
