"""Runs a Model step: keeps what the model consists of where a later Transform step finds it."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from smp.definition.compiled import Json
from smp.errors import near_names
from smp.local.jobs.archive import is_empty_archive
from smp.local.jobs.context import StepContext, StepFailure
from smp.local.store.model_registry import Registry
from smp.local.store.object_store import ObjectStore
from smp.local.store.places import Places
from smp.text.atomic_file import write_atomically


def run_model(context: StepContext) -> dict[str, Any]:
    """Keep the model under its name, the job's, and return its DescribeModel answer."""
    described = {
        **context.arguments,
        "ModelName": context.job_name,
        "ModelArn": context.arn("model"),
        "CreationTime": time.time(),
        "EnableNetworkIsolation": bool(context.arguments.get("EnableNetworkIsolation", False)),
    }
    if any("ModelPackageName" in container for container in containers(described)):
        described["PrimaryContainer"] = _of_package(context, described["PrimaryContainer"])
    for container in containers(described):
        require_model_data(container, context.store)
    text = json.dumps(described, indent=1, ensure_ascii=False) + "\n"
    write_atomically(_path(context.places, context.job_name), text)
    return described


def _of_package(context: StepContext, container: Json) -> Json:
    """Return a container with what the version of the registry that it names says."""
    arn = str(container["ModelPackageName"])
    _, group, version = arn.rsplit("/", 2)
    package = Registry(context.places.registry).show(group, int(version))
    found = package.get("InferenceSpecification", {}).get("Containers", [])
    if len(found) != 1:
        raise StepFailure(f"version {version} of {group} is not one container with one model")
    inside = found[0]
    environment = {**inside.get("Environment", {}), **container.get("Environment", {})}
    return {**inside, **container, "Environment": environment}


def find_model(places: Places, name: str) -> Json:
    """Return the DescribeModel answer of a model that some run made; raises StepFailure."""
    path = _path(places, name)
    if not path.is_file():
        known = [file.stem for file in path.parent.glob("*.json")]
        hint = near_names(name, known)
        raise StepFailure(f"there is no model '{name}'" + (f"; {hint}" if hint else ""))
    model = json.loads(path.read_text(encoding="utf-8"))
    assert isinstance(model, dict)
    return model


def remove_model(places: Places, name: str) -> bool:
    """Delete a model that some run made, not its artifact; return whether there was one."""
    path = _path(places, name)
    is_there = path.is_file()
    path.unlink(missing_ok=True)
    return is_there


def containers(model: Mapping[str, Any]) -> list[Json]:
    """Return a model's containers in the order in which a request passes through them."""
    primary = [model["PrimaryContainer"]] if "PrimaryContainer" in model else []
    return [*primary, *model.get("Containers", [])]


def model_data_uri(container: Mapping[str, Any]) -> str | None:
    """Return the URI of a container's artifact: a `.tar.gz`, or a prefix of files; None without one."""
    source = container.get("ModelDataSource", {}).get("S3DataSource", {})
    uri = container.get("ModelDataUrl") or source.get("S3Uri")
    return str(uri) if uri else None


def require_model_data(container: Mapping[str, Any], store: ObjectStore) -> None:
    """Raise StepFailure if a container's artifact is not in the store, or is an empty archive."""
    uri = model_data_uri(container)
    if uri is None:
        return
    if not store.list(uri):
        raise StepFailure(f"could not find model data at {uri}")
    file = store.path_of(uri)
    if file.is_file() and is_empty_archive(file):
        raise StepFailure(
            f"the model data at {uri} is an empty archive, which nothing can serve; the script that made "
            "it must save its model in /opt/ml/model (SM_MODEL_DIR)"
        )


def _path(places: Places, name: str) -> Path:
    return places.root / "models" / f"{name}.json"
