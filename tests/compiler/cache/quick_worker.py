"""Answers like the worker, in the same protocol, without the SDK: a pipeline of no steps and one tree."""

from __future__ import annotations

import pickle
import sys

from smp.definition.code.store import CodeStore
from smp.definition.compiled import CompiledPipeline


def main() -> None:
    request = pickle.load(sys.stdin.buffer)
    tree = CodeStore(request.code_store).add_files({"sm_train.sh": b"exit 0\n"}, "sdk drivers")
    answers = [
        CompiledPipeline(graph.name, {"Steps": []}, (tree,), request.code_store).to_json()
        for graph in request.graphs
    ]
    pickle.dump(answers, sys.stdout.buffer)


if __name__ == "__main__":
    main()
