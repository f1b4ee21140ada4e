"""An emulated AWS account for the tests of `smp.aws`: a server process on this machine.

Starts and ends its own process; never reaches an address other than this machine's loopback.
"""

from __future__ import annotations

import json
import os
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import boto3

from tests.moto_server import running_server

ACCOUNT = "123456789012"
REGION = "eu-west-1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/Smp-Pipeline-PipelineRole"


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
    log_file = directory / "server.log"
    with running_server("tests.aws.serve", directory, log_file, ACCOUNT) as port:
        yield Account(f"http://127.0.0.1:{port}")
