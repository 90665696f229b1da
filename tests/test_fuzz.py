"""A slice of scripts/fuzz.py: damaged and odd inputs end in a result, or in one line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def test_damaged_and_odd_inputs():
    command = [sys.executable, ROOT / "scripts" / "fuzz.py", "--cases", "300", "--processes", "3", "--seed", "5"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    summary = done.stdout.splitlines()[-1]
    assert summary.endswith("; 0 wrong")
    # Neither was everything refused, nor nothing.
    for what in ("API: done", "API: refused", "command: exit 0", "command: exit 1"):
        assert what in summary
