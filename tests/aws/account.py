"""An emulated AWS account for the tests of `smp.aws`: a server process on this machine.

Starts and ends its own process; never reaches an address other than this machine's loopback.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import boto3

ROOT = Path(__file__).resolve().parents[2]
ACCOUNT = "123456789012"
REGION = "eu-west-1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/Smp-Pipeline-PipelineRole"

_START_SECONDS = 60


@dataclass(frozen=True)
class Account:
    """One emulated account."""

    url: str

    @property
    def environment(self) -> dict[str, str]:
        """The variables through which any AWS client reaches the account and nothing else."""
        return {
            "AWS_ACCESS_KEY_ID": "emulated",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ENDPOINT_URL": self.url,
            "AWS_MAX_ATTEMPTS": "2",
            "AWS_REGION": REGION,
            "AWS_SECRET_ACCESS_KEY": "emulated",
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }

    def client(self, service: str) -> Any:
        """Make a client of the account."""
        return _client(self.url, service)

    def reset(self) -> None:
        """Empty the account."""
        request = urllib.request.Request(f"{self.url}/moto-api/reset", method="POST")
        urllib.request.urlopen(request, timeout=10).close()

    def deploy(self, name: str, definition: Mapping[str, Any]) -> None:
        """Create a pipeline, or give it another definition."""
        sagemaker, text = self.client("sagemaker"), json.dumps(definition)
        existing = sagemaker.list_pipelines()["PipelineSummaries"]
        if name in {item["PipelineName"] for item in existing}:
            sagemaker.update_pipeline(PipelineName=name, PipelineDefinition=text)
        else:
            sagemaker.create_pipeline(
                PipelineName=name,
                PipelineDefinition=text,
                RoleArn=ROLE,
                ClientRequestToken="x" * 32,
            )

    def executions(self, name: str) -> list[dict[str, Any]]:
        """Return what the service lists of a pipeline's executions, the newest first."""
        pages = self.client("sagemaker").get_paginator("list_pipeline_executions")
        return [
            item
            for page in pages.paginate(PipelineName=name)
            for item in page["PipelineExecutionSummaries"]
        ]


@cache
def _client(url: str, service: str) -> Any:
    return boto3.client(  # type: ignore[call-overload]
        service,
        region_name=REGION,
        endpoint_url=url,
        aws_access_key_id="emulated",
        aws_secret_access_key="emulated",
    )


@contextmanager
def running_account(directory: Path) -> Iterator[Account]:
    """Start an emulated account, and end it with the block."""
    account = Account(f"http://127.0.0.1:{_free_port()}")
    log_file = directory / "server.log"
    with log_file.open("wb") as log:
        server = subprocess.Popen(
            [
                sys.executable,
                "-W",
                "ignore",
                "-m",
                "tests.aws.serve",
                account.url.rpartition(":")[2],
            ],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], "HOME": str(directory), "MOTO_ACCOUNT_ID": ACCOUNT},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            _wait_until_it_answers(account, server, log_file)
            yield account
        finally:
            server.terminate()
            server.wait(timeout=30)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_it_answers(
    account: Account, server: subprocess.Popen[bytes], log_file: Path
) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        assert server.poll() is None, log_file.read_text("utf-8", "replace")
        try:
            urllib.request.urlopen(f"{account.url}/moto-api/", timeout=5).close()
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
        else:
            return
    raise TimeoutError("the emulator did not start")
