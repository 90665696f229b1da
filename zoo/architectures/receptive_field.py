"""Which input pixels an output pixel can depend on: exact intervals, along one axis, in plain arithmetic.

The textbook's r_out = r_in + (d−1)·j, j_out = j·s counts how many pixels are seen. Behind an upsampling that is too few
for some positions: two neighbours may stem from one position of the coarse grid, or from two. And tiling must know
where the pixels lie, too. So an interval is kept for each position of one period.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True)
class Reads:
    """Output position o reads the input positions (o·down + first) // up to (o·down + last) // up of the layer's input.

    ``shift`` says where the output's position 0 lies on the input, in input positions: convolutions without padding and
    crops begin further inside.
    """

    down: int = 1
    up: int = 1
    first: int = 0
    last: int = 0
    shift: Fraction = Fraction(0)


@dataclass(frozen=True)
class Extent:
    """The input pixels low[o] … high[o] behind position o of a tensor, along one axis.

    Listed for the positions of one period; a period further, everything lies ``len(low)·pitch`` pixels further.
    ``pitch`` is the distance of neighbouring positions in pixels (the textbook's j), ``origin`` where position 0 lies.
    """

    pitch: Fraction = Fraction(1)
    origin: Fraction = Fraction(0)
    low: tuple[int, ...] = (0,)
    high: tuple[int, ...] = (0,)

    @property
    def size(self) -> int:
        """The receptive field: how many pixels the position that sees most sees, from its first to its last."""
        return max(high - low for low, high in zip(self.low, self.high, strict=True)) + 1

    @property
    def halo(self) -> int:
        """How far beyond the pixels that a position stands for the furthest pixel lies that it sees."""
        reach = 0
        for k, (low, high) in enumerate(zip(self.low, self.high, strict=True)):
            first = math.floor(self.origin + k * self.pitch)
            last = math.ceil(self.origin + (k + 1) * self.pitch) - 1
            reach = max(reach, first - low, high - last)
        return reach

    def behind(self, reads: Reads) -> Extent:
        """The extent of the output of a layer that reads from a tensor of this extent."""
        cycle = reads.up * len(self.low)
        period = cycle // math.gcd(cycle, reads.down)
        ends = [
            ((o * reads.down + reads.first) // reads.up, (o * reads.down + reads.last) // reads.up)
            for o in range(period)
        ]
        return Extent(
            pitch=self.pitch * reads.down / reads.up,
            origin=self.origin + self.pitch * reads.shift,
            # Low and high never fall from a position to the next, so the first and the last one read decide.
            low=tuple(self.interval(first)[0] for first, _ in ends),
            high=tuple(self.interval(last)[1] for _, last in ends),
        )

    def interval(self, position: int) -> tuple[int, int]:
        """The first and the last pixel that ``position`` sees, in an image without edges."""
        periods, k = divmod(position, len(self.low))
        moved = int(periods * len(self.low) * self.pitch)
        return self.low[k] + moved, self.high[k] + moved


def merged(extents: Sequence[Extent]) -> Extent:
    """The extent of a tensor made of these, position by position (an addition, a concatenation).

    Raises:
        ValueError: They differ in pitch, so that their positions do not belong together.
    """
    if len({extent.pitch for extent in extents}) > 1:
        raise ValueError("tensors of different pitch")
    period = math.lcm(*(len(extent.low) for extent in extents))
    intervals = [[extent.interval(o) for extent in extents] for o in range(period)]
    return Extent(
        pitch=extents[0].pitch,
        origin=extents[0].origin,
        low=tuple(min(low for low, _ in some) for some in intervals),
        high=tuple(max(high for _, high in some) for some in intervals),
    )
