"""Training pairs from noisy images alone: Neighbor2Neighbor (Huang et al., CVPR 2021).

Of each cell of 2×2 pixels, two that touch are drawn: one goes into the noisy input, the other into the target. Both
show nearly the same picture, and where noise is independent from pixel to pixel, the one's noise tells nothing of the
other's: what the network can learn is the picture (section 4.1). The price is half the resolution in training, and some
sharpness: the two pixels lie side by side, and their difference cannot be foretold.

Tried beside it on photographs with Poisson-Gaussian noise, and worse: its regularizer (section 4.2), with the parent's
answer for the full image, at strong noise (better at weak noise, where both gain little); and Recorrupted2Recorrupted
(Pang et al., CVPR 2021) with the level of the noise fitted to the images, which gained nothing.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

# Pixels of a cell, in rows, that touch, in both orders.
PAIRS = ((0, 1), (0, 2), (1, 3), (2, 3), (1, 0), (2, 0), (3, 1), (3, 2))


def neighbor_pairs(noisy: Any, seed: Any) -> tuple[Any, Any]:
    """Input and target from noisy images.

    Args:
        noisy: float32 (n, h, w, c), h and w even.
        seed: int (2,): the same seed draws the same pixels.

    Returns:
        Two float32 arrays (n, h/2, w/2, c).
    """
    count, height, width, channels = tf.unstack(tf.shape(noisy))
    drawn = tf.random.stateless_uniform((count, height // 2, width // 2), seed, 0, len(PAIRS), tf.int32)
    cells = tf.reshape(tf.nn.space_to_depth(noisy, 2), (count, height // 2, width // 2, 4, channels))
    first, second = (tf.gather(tf.constant(column), drawn) for column in zip(*PAIRS, strict=True))
    return tuple(tf.gather(cells, pixel, axis=3, batch_dims=3) for pixel in (first, second))  # type: ignore[return-value]
