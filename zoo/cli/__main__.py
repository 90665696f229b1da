"""``python -m zoo.cli``: the command, where its script is not on the path."""

import sys

from zoo.cli import main

sys.exit(main())
