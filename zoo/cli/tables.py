"""Aligned text, as the subcommands print it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def aligned(rows: Sequence[Sequence[str]], *, left: int = 1) -> str:
    """Rows, the head first, as lines of aligned columns: the first ``left`` to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]

    def line(row: Sequence[str]) -> str:
        cells = (c.ljust(w) if i < left else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True)))
        return "  ".join(cells).rstrip()

    return "\n".join(map(line, rows))


def score_table(scores: Sequence[Mapping[str, Any]]) -> str:
    """The scores of an entry: PSNR in dB and SSIM, of the noisy and of the denoised images."""
    head = ("set", "noise", "images", "noisy dB", "dB", "noisy SSIM", "SSIM")
    rows = [
        (
            row["set"],
            row["noise"],
            str(row["count"]),
            number(row["noisy_psnr"], 2),
            number(row["psnr"], 2),
            number(row["noisy_ssim"], 4),
            number(row["ssim"], 4),
        )
        for row in scores
    ]
    return aligned([head, *rows], left=2)


def number(value: float | None, places: int) -> str:
    """A score; None is infinity, the PSNR of equal images, which JSON has no number for."""
    return "inf" if value is None else f"{value:.{places}f}"
