"""Write the ONNX files of the shipped entries anew from their weights, as after a change of a layer or of the export.

    python scripts/export_entries.py [NAME ...]

Each is compared with Keras before it takes the old one's place. The scores are those of the old file until
scripts/score_entries.py has measured the new one.
"""

from __future__ import annotations

import argparse
import sys

from errors import errors_in_one_line

import zoo
from export.entry import exported_again


@errors_in_one_line
def main() -> int:
    parser = argparse.ArgumentParser(description="Write the entries' ONNX files anew.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="of entries (default: all)")
    for name in parser.parse_args().names or zoo.list_pretrained():
        exported_again(zoo.describe(name))
        print(name, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
