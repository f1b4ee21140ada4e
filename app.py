"""The CDK app: settings and model configurations in, the stacks of one environment out.

It alone reads the environment and the CDK context. Where nothing changed since the last time it leaves
the assembly as it is, and large packages are imported only after that.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from smp.errors import SmpError
from stacks.context import config_pattern, read_context
from stacks.fingerprint import Assembly

WORKSPACE = Path(__file__).resolve().parent


def main() -> None:
    environ = dict(os.environ)
    context = read_context(WORKSPACE, environ)
    assembly = Assembly.of(WORKSPACE, environ, context, config_pattern(context, environ))
    if not assembly.is_current():
        with assembly.renewed():
            synthesize(environ, context, assembly.directory)


def synthesize(environ: dict[str, str], context: dict[str, object], directory: Path) -> None:
    from smp.compiler.cache import compile_all
    from smp.config.load import load_project
    from smp.graph import build_graphs
    from stacks.policy_checks import PolicyChecks
    from stacks.settings import load_deployment

    checks = PolicyChecks()
    deployment = load_deployment(context, environ, WORKSPACE)
    graphs = build_graphs(load_project(WORKSPACE, deployment.model_configs, environ))
    deployment.check(graphs)
    compilation = compile_all(graphs, WORKSPACE / ".smp")

    from stacks.environment import Environment

    checks.ready()
    environment = Environment(deployment, context=context, directory=directory)
    environment.add_pipelines(compilation.result())
    checks.add_to(environment.app)
    environment.app.synth()


if __name__ == "__main__":
    try:
        main()
    except (SmpError, ModuleNotFoundError) as error:
        sys.exit(str(error))
