"""The one place that knows the SageMaker SDK's quirks: a session without AWS, and its imports.

Importing this module imports the SDK (seconds). It never contacts AWS: every client it hands out
raises, and uploads are packed into the code store instead.
"""

from __future__ import annotations

import gzip
import io
import json
import logging
import os
import shutil
import tarfile
import tempfile
import types
import warnings
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any, NoReturn

import boto3

from smp.compiler.sdk.constants import SDK_REGION, to_constants
from smp.compiler.sdk.launch import with_launcher
from smp.definition import deploy_values
from smp.definition.code.source_files import read_source_files
from smp.definition.code.store import CodeStore
from smp.definition.compiled import CodeTree
from smp.errors import CompileError

_SOURCE_CODE_JSON = "sourcecode.json"
_CODE_CONTAINER_PATH = "/opt/ml/input/data/code"

_ENVIRONMENT = {
    "AWS_DEFAULT_REGION": SDK_REGION,
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "SAGEMAKER_VALIDATE_ROLE": "false",
    "SAGEMAKER_ADMIN_CONFIG_OVERRIDE": os.devnull,
    "SAGEMAKER_USER_CONFIG_OVERRIDE": os.devnull,
}
"""What importing and using the SDK needs, and what keeps a user's own AWS settings out of it."""


@contextmanager
def offline_environment() -> Iterator[None]:
    """Give the SDK an environment without the user's AWS settings, and keep its chatter down.

    The SDK reads the environment on import and while it composes a request.
    """
    kept = dict(os.environ)
    for name in [name for name in os.environ if name.startswith(("AWS_", "SAGEMAKER_"))]:
        del os.environ[name]
    os.environ.update(_ENVIRONMENT)
    logged = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logged)
        os.environ.clear()
        os.environ.update(kept)


class NoAws:
    """Replaces the boto3 session and clients of the SDK; a call of either is a bug of this module."""

    region_name = SDK_REGION

    def __init__(self, service: str = "session") -> None:
        self._service = service
        self._user_agent_creator = types.SimpleNamespace(to_string=lambda *_args, **_kwargs: "")

    def client(self, service: str, *_args: Any, **_kwargs: Any) -> NoAws:
        return NoAws(service)

    resource = client

    def __getattr__(self, operation: str) -> NoReturn:
        raise RuntimeError(f"compiling must not call AWS: {self._service}.{operation}")


@contextmanager
def _no_clients() -> Iterator[None]:
    """Keep the SDK from building boto3 clients on import: a class body of it does."""
    kept = boto3.client
    boto3.client = lambda service, *_args, **_kwargs: NoAws(service)  # type: ignore[assignment]
    try:
        yield
    finally:
        boto3.client = kept


with offline_environment(), _no_clients():
    import sagemaker.mlops.workflow.pipeline
    import sagemaker.serve.model_builder
    import sagemaker.train  # noqa: F401
    import sagemaker.train.model_trainer as _model_trainer

import sagemaker.core.common_utils as _common_utils  # noqa: E402
import sagemaker.core.telemetry.telemetry_logging as _telemetry  # noqa: E402
import sagemaker.mlops.workflow._steps_compiler as _steps_compiler  # noqa: E402
import sagemaker.mlops.workflow.steps as _sdk_steps  # noqa: E402
from sagemaker.core.workflow.pipeline_context import PipelineSession  # noqa: E402
from sagemaker.mlops.workflow.pipeline import Pipeline  # noqa: E402

__all__ = ["NoAws", "OfflineSession", "Pipeline", "offline_environment"]


def _silence_sdk() -> None:
    """Switch off telemetry, the local client that each job step would build, litter, and repetition.

    The SDK reads botocore's table of endpoints anew for each region of an image. It also reads all code
    of a job for a hash that only addresses chosen by the SDK contain.
    """
    _steps_compiler.get_code_hash = lambda _step: None
    _common_utils._botocore_resolver = lru_cache(maxsize=1)(_common_utils._botocore_resolver)
    _telemetry._send_telemetry_request = lambda *_args, **_kwargs: None
    callers = ("create_processing_job", "create_training_job", "create_transform_job")
    local_client = types.SimpleNamespace(
        **{name: types.SimpleNamespace(__name__=name) for name in callers}
    )
    _sdk_steps.LocalSagemakerClient = lambda *_args, **_kwargs: local_client
    _model_trainer.TemporaryDirectory = _QuietDirectory


class _QuietDirectory:
    """A temporary directory that goes when its trainer goes.

    A trainer never cleans up after a compilation, and Python warns about each that it created.
    """

    def __init__(self) -> None:
        self.name = tempfile.mkdtemp()
        self.cleanup = weakref.finalize(self, shutil.rmtree, self.name, ignore_errors=True)


_silence_sdk()


class OfflineSession(PipelineSession):  # type: ignore[misc]
    """A pipeline session that has no AWS clients and packs every upload into a code store.

    `trees` holds each tree that the SDK referred to, by hash. With `own_launcher` the scripts of training
    jobs are started by this project's launcher.
    """

    def __init__(self, store: CodeStore, *, own_launcher: bool = False) -> None:
        self.store = store
        self._own_launcher = own_launcher
        self.trees: dict[str, CodeTree] = {}
        self._uploads = Uploads()
        super().__init__(default_bucket=to_constants(deploy_values.BUCKET))

    def _initialize(self, *_args: Any, **_kwargs: Any) -> None:
        self.boto_session = NoAws()
        self._region_name = SDK_REGION
        self.sagemaker_client = NoAws("sagemaker")
        self.sagemaker_runtime_client = NoAws("sagemaker-runtime")
        self.sagemaker_featurestore_runtime_client = NoAws("sagemaker-featurestore-runtime")
        self.sagemaker_metrics_client = NoAws("sagemaker-metrics")
        self.s3_client = NoAws("s3")
        self.s3_resource = NoAws("s3")
        self.local_mode = False
        self.sagemaker_config: dict[str, Any] = {}
        self._default_bucket = self._default_bucket_name_override

    @property
    def role(self) -> str:
        """The constant for the ARN of the role that the deployment gives the jobs."""
        return to_constants(deploy_values.ROLE_ARN)

    @property
    def kms_key(self) -> str:
        """The constant for the ARN of the deployment's key."""
        return to_constants(deploy_values.KMS_KEY_ARN)

    @property
    def subnets(self) -> list[str]:
        """The constants for the subnets of the deployment's network."""
        return [to_constants(deploy_values.SUBNETS)]

    @property
    def security_group_ids(self) -> list[str]:
        """The constants for the security groups of the deployment's network."""
        return [to_constants(deploy_values.SECURITY_GROUP_IDS)]

    def account_id(self) -> str:
        """The constant for the account that is deployed to."""
        return to_constants(deploy_values.ACCOUNT_ID)

    def upload_data(
        self, path: str, bucket: str | None = None, key_prefix: str = "data", **kwargs: Any
    ) -> str:
        """Pack a file or directory and return its address."""
        del bucket, kwargs
        source = Path(path)
        if source.is_dir():
            return self.add_tree(self._pack(source, PurePosixPath(key_prefix).name))
        tree = self.store.add_files({source.name: source.read_bytes()}, source.name)
        return f"{self.add_tree(tree)}/{source.name}"

    def upload_string_as_file_body(
        self, body: str | bytes, bucket: str, key: str, kms_key: str | None = None
    ) -> None:
        """Keep a file whose address `settle_uploads` replaces."""
        del kms_key
        self._uploads.add(bucket, key, body)

    def add_tree(self, tree: CodeTree) -> str:
        """Remember a tree that the definition refers to and return its address."""
        self.trees[tree.sha256] = tree
        return f"s3://{self._default_bucket}/{tree.key}"

    def settle_uploads(self, definition: str) -> str:
        """Replace the addresses that the SDK invented for single files by addresses of their content."""
        for directory, tree in self._uploads.trees(self.store).items():
            if directory in definition:
                definition = definition.replace(f"{directory}/", f"{self.add_tree(tree)}/")
        return definition

    def _pack(self, path: Path, channel: str) -> CodeTree:
        if path.parent == self.store.root:
            return self.trees[path.name]
        if (path / _SOURCE_CODE_JSON).is_file():
            files = _driver_files(path)
            shipped = with_launcher(files) if self._own_launcher else files
            return self.store.add_files(shipped, "sdk drivers")
        return self.store.add_files(read_source_files(path, path), f"sdk upload of {channel}")


def _driver_files(directory: Path) -> dict[str, bytes]:
    """Read the scripts that the SDK generates for a job, without what differs from run to run."""
    files = {}
    for path in sorted(directory.rglob("*")):
        if path.is_file() and path.suffix != ".pyc":
            files[path.relative_to(directory).as_posix()] = path.read_bytes()
    if _SOURCE_CODE_JSON in files:
        source_code = json.loads(files[_SOURCE_CODE_JSON])
        source_code["source_dir"] = _CODE_CONTAINER_PATH
        files[_SOURCE_CODE_JSON] = json.dumps(source_code).encode()
    return files


class Uploads:
    """Files by the `s3://bucket/directory` that the SDK chose."""

    def __init__(self) -> None:
        self._directories: dict[str, dict[str, bytes]] = {}

    def add(self, bucket: str, key: str, body: str | bytes) -> str:
        """Keep a file and return the address that the SDK chose. Raises CompileError."""
        place = PurePosixPath(key)
        data = body.encode() if isinstance(body, str) else body
        if place.name.endswith(".tar.gz"):
            data = repack(data)
        directory = f"s3://{bucket}/{place.parent}"
        files = self._directories.setdefault(directory, {})
        if files.setdefault(place.name, data) != data:
            raise CompileError(
                f"two jobs upload different files to {directory}/{place.name}: give each "
                "of their processors a different base_job_name"
            )
        return f"{directory}/{place.name}"

    def trees(self, store: CodeStore) -> dict[str, CodeTree]:
        """Pack what came in so far and return the tree that takes the place of each address."""
        return {
            directory: store.add_files(files, f"sdk upload of {', '.join(sorted(files))}")
            for directory, files in self._directories.items()
        }


def repack(archive: bytes) -> bytes:
    """Return a `.tar.gz` with the same regular files and none of what differs from run to run.

    Order, times, owners and modes are settled, byte code is left out, and nothing is compressed, so that
    the version of zlib has no say.
    """
    packed = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(archive)) as source:
        members = [member for member in source.getmembers() if member.isfile()]
        with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as target:
            for member in sorted(members, key=lambda member: member.name):
                path = PurePosixPath(member.name)
                if path.suffix == ".pyc" or "__pycache__" in path.parts:
                    continue
                settled = tarfile.TarInfo(member.name)
                settled.size = member.size
                settled.mode = 0o755 if member.mode & 0o100 else 0o644
                target.addfile(settled, source.extractfile(member))
    return gzip.compress(packed.getvalue(), compresslevel=0, mtime=0)
