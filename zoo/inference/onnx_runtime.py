"""ONNX Runtime: imported here alone, so that it is told first to keep to itself what it sees."""

from __future__ import annotations

import os

# From 1.29 on, on Linux and macOS, it writes an identifier of the machine into the home folder, and reports processes
# and models to its makers; the environment alone can forbid all of it, before the import. Who has set it decides.
SILENT = os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1") == "1"

import onnxruntime  # noqa: E402
from onnxruntime.capi import onnxruntime_pybind11_state as states  # noqa: E402  # pyright: ignore[reportAttributeAccessIssue]

if SILENT:
    onnxruntime.disable_telemetry_events()  # on Windows, where it does not look at the environment

# Its exceptions have no parent of their own.
REFUSED = (states.Fail, states.InvalidArgument, states.InvalidGraph, states.InvalidProtobuf, states.NotImplemented)
REFUSED += (states.RuntimeException, states.EPFail, states.NoSuchFile)


def session_options(threads: int | None = None) -> onnxruntime.SessionOptions:
    """For a session that says nothing but errors, with so many processor threads (None: one per core)."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # what matters of the warnings is raised where it is used
    options.intra_op_num_threads = int(threads or 0)
    return options
