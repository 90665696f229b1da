"""Memory and time of large pictures, against a small one.

    python scripts/benchmark_size.py [NAME ...] [--megapixels 100] [--threads 2] [--tile auto]

For each entry (default: the everyday ones): the most memory that the process took beyond the arrays that go in and come
out, and the time per megapixel against that of a picture of one megapixel. Each measurement is a process of its own.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from errors import errors_in_one_line

import zoo
from zoo.cli.options import tile
from zoo.cli.tables import aligned

NAMES = ("resnet-gaussian-gray", "resnet-gaussian-color")


def resident() -> int:
    """Bytes of memory that this process has now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def measure(name: str, megapixels: float, threads: int, size: int | str | None) -> dict[str, float]:
    """One picture of random pixels, in this process."""
    side = round(1000 * megapixels**0.5)
    denoise = zoo.load(name, threads=threads)
    shape = (side, side) if denoise.channels == 1 else (side, side, 3)
    image = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    out = np.zeros_like(image)
    out[...] = 1  # so that it is in memory before the count begins
    sigma = 25 if denoise.entry.takes_sigma else None
    denoise(image[:256, :256], sigma=sigma)
    before, start = resident(), time.perf_counter()
    denoise(image, sigma=sigma, tile=size, out=out)  # type: ignore[arg-type]
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"seconds": seconds / (side * side / 1e6), "bytes": peak - before}


@errors_in_one_line
def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", default=NAMES, metavar="NAME")
    parser.add_argument("--megapixels", type=float, default=100)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--tile", type=tile, default="auto")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        print(json.dumps(measure(args.names[0], args.megapixels, args.threads, args.tile)))
        return 0
    rows = [("entry", "megapixels", "s/MPix", "of 1 MPix", "MiB beyond the arrays")]
    for name in args.names:
        small = 0.0
        for megapixels in (1, args.megapixels):
            command = [sys.executable, __file__, name, "--one", "--megapixels", str(megapixels)]
            command += ["--threads", str(args.threads), "--tile", "none" if args.tile is None else str(args.tile)]
            done = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True)
            if done.returncode:  # it has said why
                return done.returncode
            found = json.loads(done.stdout)
            small = small or found["seconds"]
            ratio, memory = found["seconds"] / small, found["bytes"] / 2**20
            rows.append((name, f"{megapixels:g}", f"{found['seconds']:.3f}", f"{ratio:.3f}", f"{memory:.0f}"))
    print(aligned(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
