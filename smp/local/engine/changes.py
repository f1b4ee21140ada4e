"""What changed since a run began: code, configs, packages, and the data that finished steps read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from smp.definition.compiled import CompiledPipeline
from smp.local.engine.step_runner import read_inputs
from smp.local.show.compare import code_changes, definition_changes
from smp.local.store.file_hashes import FileHashes
from smp.local.store.places import Places
from smp.local.store.run_store import SUCCEEDED, Run
from smp.local.store.step_data import StepData


def changes_since(
    run: Run, compiled: CompiledPipeline, requirements: Mapping[str, str], places: Places
) -> list[str]:
    """Return each change in a few words. `compiled` and `requirements` are what a new run would have."""
    before = run.compiled(places.code)
    return list(
        dict.fromkeys(
            [
                *_code(before, compiled),
                *_configs(before, compiled),
                *_packages(run, before, requirements),
                *_data(run, places),
            ]
        )
    )


def _code(before: CompiledPipeline, after: CompiledPipeline) -> Iterator[str]:
    for change in code_changes(before, after):
        for file in change["files"]:
            kind = {None: "added"}.get(
                file["before"], "removed" if file["after"] is None else "changed"
            )
            yield f"{change['name']}/{file['name']} was {kind}"


def _configs(before: CompiledPipeline, after: CompiledPipeline) -> Iterator[str]:
    for change in definition_changes(before, after):
        name = f": {change['name']}" if change["name"] else ""
        yield f"the config of step {change['step']} was changed{name}"


def _packages(run: Run, before: CompiledPipeline, requirements: Mapping[str, str]) -> Iterator[str]:
    for model in sorted(set(before.step_models.values())):
        path = run.requirements_path(model)
        then = path.read_text(encoding="utf-8") if path.is_file() else None
        if then != requirements.get(model):
            yield f"requirements-local.txt of model {model} was changed"


def _data(run: Run, places: Places) -> Iterator[str]:
    data, hashes = StepData(run.unrolled(places.code), places), FileHashes(places.hashes)
    for step in run.steps():
        if step.status != SUCCEEDED or step.reused_from:
            continue
        then = {item["name"]: (item["sha256"], item["listing"]) for item in step.inputs}
        for item in read_inputs(data.inputs(step), hashes):
            if then.get(item["name"], ()) != (item["sha256"], item["listing"]):
                yield f"input {item['name']} of step {step.name} was changed ({item['uri']})"
