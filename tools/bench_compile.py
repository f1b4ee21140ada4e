"""Compiles a workspace's pipelines in this process and prints how long each phase took, as JSON.

The benchmark runs it as a separate process, so that every measurement begins with nothing imported.
"""

import json
import resource
import sys
import time
from pathlib import Path


def main(workspace: Path) -> None:
    """Load, check and compile; the SDK's import is a separate phase."""
    started = time.perf_counter()
    from smp.config.load import load_project
    from smp.graph import build_graphs

    project = load_project(workspace)
    graphs = build_graphs(project)
    loaded = time.perf_counter()
    import smp.compiler.render  # noqa: F401
    from smp.compiler.compile import compile_pipeline

    code_store = workspace / ".smp" / "code"
    compile_pipeline(graphs[0], code_store)
    imported = time.perf_counter()
    steps = sum(len(list(compile_pipeline(graph, code_store).steps())) for graph in graphs)
    compiled = time.perf_counter()
    print(
        json.dumps(
            {
                "pipelines": len(graphs),
                "steps": steps,
                "load_seconds": loaded - started,
                "import_seconds": imported - loaded,
                "compile_seconds": compiled - imported,
                "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            }
        )
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
