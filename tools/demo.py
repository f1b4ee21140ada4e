"""Does the main job on the bundled examples, as far as it goes without an AWS account.

Validates, compiles, draws, runs one pipeline on this machine, and synthesizes with the real CDK CLI.
Never deploys.
"""

import json
import subprocess
import sys
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from smp.cli import main as main_of_smp
from smp.compiler.cache.compile_all import compile_all
from smp.config.load import load_project
from smp.definition.compiled import CompiledPipeline
from smp.errors import SmpError
from smp.graph import PipelineGraph, build_graphs
from smp.local.report import render_report
from smp.local.show.text import show_fields
from smp.local.store.places import Places
from smp.local.store.run_store import RunStore
from smp.picture.dag import read_dag
from smp.picture.svg_picture import render_svg
from smp.review.listing import render_steps

ROOT = Path(__file__).resolve().parents[1]
WORK = ROOT / ".smp"
PICTURES = ROOT / "build"
RUN_HERE = "churn-lightgbm"
SHOWN_METRICS = ("auc", "accuracy", "f1")
ASSEMBLY = ROOT / "cdk.out"
DELIVERY = PICTURES / "delivery"


def main() -> int:
    """Run the demonstration; returns the exit status."""
    try:
        graphs = _validate()
        compiled = _compile(graphs)
    except SmpError as error:
        print(error, file=sys.stderr)
        return 1
    _show(compiled)
    if status := _run_here(RUN_HERE):
        return status
    if status := _synthesize("every stack", ASSEMBLY):
        return status
    _show_templates(compiled)
    if status := _synthesize("the delivery", DELIVERY, "-c", "delivery=true"):
        return status
    _show_delivery()
    _show_next(RUN_HERE)
    return 0


def _validate() -> tuple[PipelineGraph, ...]:
    with _announced("validating the model configurations"):
        graphs = build_graphs(load_project(ROOT))
    for graph in graphs:
        models = ", ".join(model.name for model in graph.models)
        print(f"  {graph.pipeline.config.pipeline_name:<20}valid; models: {models}", flush=True)
    return graphs


def _compile(graphs: Sequence[PipelineGraph]) -> tuple[CompiledPipeline, ...]:
    with _announced("compiling with the SageMaker SDK, offline"):
        return compile_all(graphs, WORK).result()


def _synthesize(what: str, assembly: Path, *options: str) -> int:
    command = " ".join(("tools/cdk synth", *options))
    with _announced(f"synthesizing {what}: {command}"):
        finished = subprocess.run(
            [
                ROOT / "tools" / "cdk",
                *("synth", "--quiet", "--no-notices", "--output", str(assembly), *options),
            ],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    if finished.returncode:
        print(finished.stdout, file=sys.stderr)
    return finished.returncode


def _show(compiled: Sequence[CompiledPipeline]) -> None:
    PICTURES.mkdir(exist_ok=True)
    for pipeline in compiled:
        picture = PICTURES / f"{pipeline.name}.svg"
        picture.write_text(render_svg(read_dag(pipeline, pipeline.step_models)), encoding="utf-8")
        print(f"\n{render_steps(pipeline, pipeline.step_models)}")
        print(f"  picture   {picture.relative_to(ROOT)}", flush=True)


def _show_templates(compiled: Sequence[CompiledPipeline]) -> None:
    templates = _template_of_each_pipeline()
    for pipeline in compiled:
        print(f"  {pipeline.name:<20}{templates[pipeline.name].relative_to(ROOT)}", flush=True)


def _show_delivery() -> None:
    """Print what a push would start, with the settings' example repositories and accounts."""
    template = DELIVERY / "Smp-Delivery.template.json"
    resources = json.loads(template.read_text(encoding="utf-8"))["Resources"].values()
    (delivery,) = (each for each in resources if each["Type"] == "AWS::CodePipeline::Pipeline")
    print("\ndelivery: a push to any source goes through")
    for stage in delivery["Properties"]["Stages"]:
        actions = sorted(stage["Actions"], key=lambda action: action["RunOrder"])
        doing = dict.fromkeys(_doing(action, stage["Name"]) for action in actions)
        print(f"  {stage['Name']:<16}{', '.join(doing)}")
    if checked := sorted(_repositories_with_checks(resources)):
        print(f"  pull requests are checked before, those of {', '.join(checked)}")
    print(f"  template  {template.relative_to(ROOT)}")


def _repositories_with_checks(resources: Collection[dict[str, Any]]) -> Iterator[str]:
    """Yield owner and name of each repository whose pull requests start a build."""
    for each in resources:
        if each["Type"] == "AWS::CodeBuild::Project" and "Triggers" in each["Properties"]:
            location = str(each["Properties"]["Source"]["Location"])
            yield "/".join(location.removesuffix(".git").split("/")[3:])


def _doing(action: dict[str, Any], stage: str) -> str:
    """Return an action's name without its stage's; the two that deploy a stack count as one."""
    name = str(action["Name"]).removeprefix(f"Smp-{stage}-")
    return name.removesuffix(".Prepare").removesuffix(".Deploy")


def _run_here(pipeline: str) -> int:
    """Stage a pipeline's data, run it, and show what came of it."""
    for command in (("stage", pipeline), ("run", pipeline)):
        print(f"\n==> smp {' '.join(command)}", flush=True)
        if status := main_of_smp([*command, "--workspace", str(ROOT)]):
            return status
    places = Places(WORK)
    run = RunStore(places.runs).get("last")
    fields = show_fields(run, places)
    print("\nmetrics of the model on data that it has not seen")
    for metrics in fields["metrics"].values():
        for name in SHOWN_METRICS:
            if name in metrics:
                print(f"  {name:<10} {metrics[name]:.3f}")
    for version in fields["registered"]:
        print(f"registered  {version['group']} version {version['version']}, {version['approval']}")
    report = run.directory / "report.html"
    report.write_text(render_report(run, run.compiled(places.code), places), encoding="utf-8")
    print(f"report      {report.relative_to(ROOT)}")
    return 0


def _show_next(pipeline: str) -> None:
    print("\nTo look closer: .venv/bin/smp show last; to approve the model:")
    print(f"  .venv/bin/smp models approve {pipeline}")
    print("To deploy to the account that you are logged in to:")
    print("  tools/cdk bootstrap && tools/cdk deploy --all")


def _template_of_each_pipeline() -> dict[str, Path]:
    found = {}
    for path in sorted(ASSEMBLY.rglob("*.template.json")):
        resources = json.loads(path.read_text(encoding="utf-8")).get("Resources", {})
        for resource in resources.values():
            if resource["Type"] == "AWS::SageMaker::Pipeline":
                found[resource["Properties"]["PipelineName"]] = path
    return found


@contextmanager
def _announced(doing: str) -> Iterator[None]:
    print(f"==> {doing} ... ", end="", flush=True)
    started = time.monotonic()
    try:
        yield
    except BaseException:
        print("failed", flush=True)
        raise
    print(f"{time.monotonic() - started:.1f} s", flush=True)


if __name__ == "__main__":
    sys.exit(main())
