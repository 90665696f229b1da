"""The README's table of the versions that the suite runs with, from constraints.txt.

    python scripts/tested_versions.py [--check]

Writes it into README.md, or only says whether it is there (exit status 1 if not).
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from zoo.atomic import file_beside

ROOT = Path(__file__).parent.parent
START, END = "<!-- versions: python scripts/tested_versions.py -->\n", "<!-- end of versions -->\n"


def table() -> str:
    pinned = re.findall(r"^([\w.-]+)==(\S+)$", (ROOT / "constraints.txt").read_text(encoding="utf-8"), re.M)
    rows = "".join(f"| {name} | {version} |\n" for name, version in pinned)
    return f"| package | tested |\n|---|---|\n{rows}"


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    readme = ROOT / "README.md"
    before = readme.read_text(encoding="utf-8")
    if before.count(START) != 1 or END not in before:
        parser.error(f"README.md has no place for the table; expected {START.strip()} and {END.strip()} in it")
    head, rest = before.split(START)
    after = head + START + table() + END + rest.split(END)[1]
    if args.check:
        return int(before != after)
    with file_beside(readme) as temporary:
        temporary.write_text(after, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
