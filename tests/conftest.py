"""What every test may need: quiet libraries, and pictures."""

from __future__ import annotations

import os

# Before anything imports TensorFlow or Keras: the tests should not depend on the settings of whoever runs them.
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
