"""The demo program, as ``make demo`` runs it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
PROBE = """
import runpy, sys
sys.argv = ["demo.py"]
try:
    runpy.run_path({script!r}, run_name="__main__")
except SystemExit as stopped:
    assert not stopped.code, stopped.code
assert "tensorflow" not in sys.modules and "keras" not in sys.modules
"""


def test_the_demo_cleans_a_photograph_without_tensorflow(tmp_path: Path):
    code = PROBE.format(script=str(ROOT / "scripts" / "demo.py"))
    process = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr
    before, after = (float(n) for n in re.findall(r"PSNR \w+: +([\d.]+) dB", process.stdout))
    assert 19 < before < 22  # sigma 25, clipped and rounded
    assert after > before + 8
    with Image.open(tmp_path / "demo" / "before-after.png") as sheet:
        assert sheet.width == 2 * 512 + 8  # side by side, and below each the details
        assert sheet.height == 30 + 512 + 8 + 240
