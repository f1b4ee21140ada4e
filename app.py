"""The CDK app: settings and model configurations in, stacks of one environment or of the delivery out.

It alone reads the environment and the CDK context. If nothing changed since the last time it leaves
the assembly as it is, and large packages are imported only after that.
"""

from __future__ import annotations

import atexit
import gc
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from smp.errors import SmpError
from stacks.context import config_pattern, read_context
from stacks.fingerprint import Assembly

WORKSPACE = Path(__file__).resolve().parent


def main() -> None:
    environ = dict(os.environ)
    context = read_context(WORKSPACE, environ)
    assembly = Assembly.of(WORKSPACE, environ, context, config_pattern(context, environ))
    with assembly.locked():
        if not assembly.is_current():
            with assembly.renewed() as recorded:
                synthesize(recorded, context, assembly)


def synthesize(environ: Mapping[str, str], context: dict[str, object], assembly: Assembly) -> None:
    gc.disable()  # a short life, most of it spent on making classes that stay
    from smp.compiler.cache.store import COMPILED_DIRECTORY, compiled_in
    from smp.compiler.cache.worker_process import start_if_likely
    from stacks.policy_checks import PolicyChecks

    work = WORKSPACE / ".smp"
    worker = start_if_likely(work, assembly.configs, work / COMPILED_DIRECTORY)
    checks = PolicyChecks(None if assembly.sources is None else work / "passed.json")

    from smp.compiler.cache.compile_all import compile_all
    from smp.config.load import load_project
    from smp.graph import build_graphs
    from stacks.delivery_plan import DeliveryPlan, is_asked_for, load_delivery
    from stacks.settings import check_all, load_deployment

    plan = (load_delivery if is_asked_for(context) else load_deployment)(
        context, environ, WORKSPACE
    )
    graphs = {
        each.name: build_graphs(
            load_project(WORKSPACE, plan.model_configs, environ, each.name, each.environments)
        )
        for each in plan.deployments
    }
    check_all(plan.deployments, graphs)
    first, *others = graphs
    compilation = compile_all(graphs[first], work, worker=worker)
    if compilation.compiling:
        checks.expect_changes()

    from stacks.environment import Environment, new_app

    checks.ready()
    app = new_app(context, assembly.directory)
    compiled = {first: compilation.result()}
    compiled |= {
        name: compile_all(graphs[name], work, compiled_in(name)).result() for name in others
    }
    if isinstance(plan, DeliveryPlan):
        from stacks.delivery import add_delivery

        add_delivery(app, plan, compiled, WORKSPACE)
    else:
        Environment(app, plan).add_pipelines(compiled[first])
    checks.add_to(app)
    app.synth()


def leave() -> None:
    """End the process without taking apart all that was imported, which takes a third of a second."""
    atexit._run_exitfuncs()  # among them the one that ends the CDK's process
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    try:
        main()
    except (SmpError, ModuleNotFoundError) as error:
        sys.exit(str(error))
    leave()
