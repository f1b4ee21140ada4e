"""The process that imports the SDK and compiles: a request on standard input, the outcome on output.

It never reads a configuration, and nothing it prints by accident reaches its answer.
"""

from __future__ import annotations

import gc
import os
import pickle
import signal
import sys

from smp.compiler.compile import compile_pipeline
from smp.compiler.exit_with_parent import exit_when_parent_dies
from smp.compiler.sdk.light_imports import leave_out_unused
from smp.errors import SmpError


def main() -> None:
    """Answer with one item a pipeline: its JSON text, or the error that says why there is none."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    leave_out_unused()
    gc.disable()  # a short life, most of it spent on making classes that stay
    answer = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    exit_when_parent_dies(answer.fileno())
    request = pickle.load(sys.stdin.buffer)
    outcomes: list[str | SmpError] = []
    for graph in request.graphs:
        try:
            outcomes.append(compile_pipeline(graph, request.code_store).to_json())
        except SmpError as error:
            outcomes.append(error)
    with answer:
        pickle.dump(outcomes, answer)


if __name__ == "__main__":
    main()
