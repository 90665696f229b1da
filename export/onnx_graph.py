"""An ONNX graph as it grows: nodes and weights, under names of its own."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
from onnx import NodeProto, helper


class Graph:
    """Nodes and weights as they come, each named after its Keras layer; ``taken`` names are left to the interface."""

    def __init__(self, taken: Collection[str]) -> None:
        self.nodes: list[NodeProto] = []
        self.weights: dict[str, np.ndarray] = {}
        self.made_by: dict[str, NodeProto] = {}
        self.shared: set[str] = set()  # tensors that several layers read
        self._taken = set(taken)
        self._sizes: dict[str, str] = {}

    def node(self, name: str, operation: str, *inputs: str, **attributes: Any) -> str:
        """Append a node; returns the name of its result, which is ``name`` where that is free."""
        name = self._free(name)
        node = helper.make_node(operation, inputs, [name], name, **attributes)
        self.nodes.append(node)
        self.made_by[name] = node
        return name

    def weight(self, name: str, values: Any, dtype: Any = np.float32) -> str:
        """Add a constant; returns its name."""
        name = self._free(name)
        self.weights[name] = np.ascontiguousarray(np.asarray(values, dtype))
        return name

    def whole(self, name: str, *values: int) -> str:
        """Add a constant vector of whole numbers."""
        return self.weight(name, values, np.int64)

    def size(self, tensor: str) -> str:
        """Height and width of a tensor, asked for once."""
        if tensor not in self._sizes:
            self._sizes[tensor] = self.node(f"{tensor}/size", "Shape", tensor, start=2, end=4)
        return self._sizes[tensor]

    def _free(self, name: str) -> str:
        # A layer can be called like an input or output, and stand in several places.
        free, count = name, 1
        while free in self._taken:
            count += 1
            free = f"{name}_{count}"
        self._taken.add(free)
        return free
