"""How fast the tf.data pipeline alone delivers patches, beside how fast the shipped models train.

    python scripts/benchmark_pipeline.py --data DATA

DATA holds ``train/`` (default: $DENOISE_ZOO_DATA). The pipeline must deliver at least 4 times what the fastest model
takes, or it would steal the cores that training needs.
"""

from __future__ import annotations

import argparse
import time

import keras
import tensorflow as tf

import zoo
from zoo.cli.options import add_data
from zoo.training.data import batches
from zoo.training.sources import open_images


def pipeline_rate(data: tf.data.Dataset, batch: int, seconds: float) -> float:
    """Patches per second."""
    iterator = iter(data)
    for _ in range(20):
        next(iterator)
    count, began = 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        next(iterator)
        count += batch
    return count / (time.perf_counter() - began)


def training_rate(model: keras.Model, data: tf.data.Dataset, batch: int, seconds: float) -> float:
    """Patches per second, data already at hand."""
    noisy, clean = next(iter(data))
    model.compile("adam", "mae", jit_compile=False)
    for _ in range(3):
        model.train_on_batch(noisy, clean)
    count, began = 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        model.train_on_batch(noisy, clean)
        count += batch
    return count / (time.perf_counter() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_data(parser, "train")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--patch", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=5, help="per measurement")
    args = parser.parse_args()

    delivered, trained = {}, {}
    for channels in (1, 3):
        images = open_images(args.data / "train", channels)
        data = batches(images, zoo.Gaussian((0, 55)), batch=args.batch, patch=args.patch, seed=0)
        delivered[channels] = pipeline_rate(data, args.batch, args.seconds)
        print(f"pipeline, {channels} channel(s): {delivered[channels]:.0f} patches/s", flush=True)
        for name in zoo.list_pretrained(channels=channels):
            entry = zoo.describe(name)
            if entry.takes_sigma:
                continue
            rate = training_rate(zoo.load_keras(name), data, args.batch, args.seconds)
            trained[name] = rate
            print(f"training {name}: {rate:.0f} patches/s, pipeline {delivered[channels] / rate:.1f} times", flush=True)
    fastest = max(trained, key=trained.__getitem__)
    ratio = delivered[zoo.describe(fastest).channels] / trained[fastest]
    print(f"fastest: {fastest}; the pipeline delivers {ratio:.1f} times what it takes (wanted: at least 4)")


if __name__ == "__main__":
    main()
