"""A workspace for tests of single steps: objects, models and the context that a step runs in."""

from __future__ import annotations

import io
import sys
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from smp.definition.compiled import CompiledPipeline, ModelPackageGroup
from smp.errors import SetupError
from smp.local.jobs.context import StepContext
from smp.local.jobs.model import run_model
from smp.local.sandbox.base import Sandbox
from smp.local.sandbox.bubblewrap import Bubblewrap
from smp.local.sandbox.choose import choose_sandbox
from smp.local.store.object_store import ObjectStore
from smp.local.store.places import Places

BUCKET = "s3://smp-local"
PYTHON = Path(sys.executable).parent


@dataclass
class Workspace:
    """A directory with an object store in it; `lines` is what the steps' logs said."""

    root: Path
    lines: list[str] = field(default_factory=list)
    stop: Event = field(default_factory=Event)
    sandbox: Sandbox | None = None
    """Bubblewrap where it is not set."""
    steps: Iterator[int] = field(default_factory=lambda: iter(range(1000)))

    @property
    def places(self) -> Places:
        return Places(self.root / ".smp")

    @property
    def store(self) -> ObjectStore:
        return ObjectStore(self.places.buckets)

    def put(self, key: str, content: bytes | str) -> str:
        """Put an object into the bucket and return its URI."""
        source = self.root / "object"
        source.write_bytes(content.encode() if isinstance(content, str) else content)
        self.store.put(source, f"{BUCKET}/{key}")
        return f"{BUCKET}/{key}"

    def read(self, key: str) -> bytes:
        return self.store.path_of(f"{BUCKET}/{key}").read_bytes()

    def keys(self, prefix: str) -> list[str]:
        uris = [item.uri for item in self.store.list(f"{BUCKET}/{prefix}")]
        return [uri.removeprefix(f"{BUCKET}/") for uri in uris]

    def put_model(self, files: Mapping[str, str | bytes], key: str = "model.tar.gz") -> str:
        """Put an artifact with the given files."""
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
            for name, content in files.items():
                data = content.encode() if isinstance(content, str) else content
                member = tarfile.TarInfo(name)
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
        return self.put(key, buffer.getvalue())

    def context(
        self,
        name: str,
        kind: str,
        arguments: dict[str, Any],
        *,
        run: str = "run-1",
        groups: tuple[ModelPackageGroup, ...] = (),
    ) -> StepContext:
        """Return what a step gets to work with."""
        directory = self.root / f"attempt-{next(self.steps)}"
        directory.mkdir()
        return StepContext(
            name=name,
            step={"Name": name, "Type": kind},
            arguments=arguments,
            job_name=f"{name}-{run}",
            execution_id=run,
            directory=directory,
            log=self.root / "log.txt",
            places=self.places,
            compiled=CompiledPipeline(
                "churn", {"Steps": []}, (), self.root / "code", model_package_groups=groups
            ),
            store=self.store,
            sandbox=self.sandbox or Bubblewrap(bubblewrap()),
            python=PYTHON,
            stop=self.stop,
            network=False,
            grace_seconds=2.0,
            on_line=self.lines.append,
        )

    def make_model(self, code: str, environment: Mapping[str, str] | None = None) -> str:
        """Make a model that serves by the given script, and return its name."""
        key = f"models/{next(self.steps)}/model.tar.gz"
        uri = self.put_model({"code/inference.py": code, "weight.txt": "10"}, key)
        return self.make_model_of(uri, environment)

    def make_model_of(self, uri: str, environment: Mapping[str, str] | None = None) -> str:
        """Make a model of an artifact."""
        container = {
            "Image": "000000000000.dkr.ecr.us-east-1.amazonaws.com/own:1",
            "ModelDataUrl": uri,
            "Environment": {
                "SAGEMAKER_PROGRAM": "inference.py",
                "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
                **(environment or {}),
            },
        }
        arguments = {"PrimaryContainer": container, "ExecutionRoleArn": "arn:aws:iam::0:role/x"}
        name = run_model(self.context(f"own-model-{next(self.steps)}", "Model", arguments))[
            "ModelName"
        ]
        assert isinstance(name, str)
        return name


def transform_request(model: str, uri: str, **settings: Any) -> dict[str, Any]:
    """Return a CreateTransformJob request; a setting goes where the API has it."""
    request: dict[str, Any] = {
        "ModelName": model,
        "TransformInput": {
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": uri}},
            "ContentType": "text/csv",
        },
        "TransformOutput": {"S3OutputPath": f"{BUCKET}/out", "Accept": "text/csv"},
        "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
    }
    for name, value in settings.items():
        if name in ("ContentType", "SplitType", "CompressionType"):
            request["TransformInput"][name] = value
        elif name in ("Accept", "AssembleWith"):
            request["TransformOutput"][name] = value
        elif name == "S3DataType":
            request["TransformInput"]["DataSource"]["S3DataSource"][name] = value
        elif name == "InstanceCount":
            request["TransformResources"][name] = value
        else:
            request[name] = value
    return request


def bubblewrap() -> Path:
    """Return where bubblewrap is installed; the test is skipped where it is not."""
    try:
        sandbox = choose_sandbox("bubblewrap")
    except SetupError as error:
        pytest.skip(str(error))
    assert isinstance(sandbox, Bubblewrap)
    return sandbox.executable
