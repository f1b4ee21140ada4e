"""Runs state machines: the AWS emulator on loopback, executing what was rendered.

It never looks into a state machine.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
import requests
from botocore.config import Config
from moto.server import ThreadedMotoServer

from smp.definition.compiled import CompiledPipeline
from smp.definition.deploy_values import LIST_VALUES, substitute
from smp.export.stepfunctions import render_state_machine
from tests.export import emulated_states
from tests.export.emulated_states import Call, Plan

Json = dict[str, Any]
REGION, ACCOUNT, BUCKET = "eu-west-1", "123456789012", "smp-data"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/runs-pipelines"
VALUES: Mapping[str, str] = {
    "account_id": ACCOUNT,
    "region": REGION,
    "bucket": BUCKET,
    "role_arn": ROLE,
    "partition": "aws",
    "kms_key_arn": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1111",
    "function.approved-model": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:approved-model",
}


def deployed(value: Any) -> Any:
    """Return a JSON value with the values of a deployment."""

    def resolve(name: str) -> str | list[str]:
        if name in LIST_VALUES:
            return ["subnet-1"] if name == "subnets" else ["sg-1"]
        return VALUES.get(name, f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/{name}:1")

    return substitute(value, resolve)


@dataclass(frozen=True)
class Execution:
    """What came of an execution."""

    status: str
    output: Any
    error: str
    cause: str
    calls: tuple[Call, ...]
    waits: tuple[float, ...]
    id: str
    inputs: tuple[Json, ...] = ()
    """What each state was given, in the order in which they were entered."""

    def called(self, action: str) -> list[Call]:
        """Return the calls of one operation, in order."""
        return [call for call in self.calls if call.action == action]

    def states(self) -> list[str]:
        """Return the states that called something, in order."""
        return [call.state for call in self.calls]


class Engine:
    """A running emulator."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}"
        self._count = 0
        self.s3 = self._client("s3")
        self.sagemaker = self._client("sagemaker")
        self._states = self._client("stepfunctions")
        self.s3.create_bucket(
            Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION}
        )

    def _client(self, service: str) -> Any:
        return boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url=self._url,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"total_max_attempts": 1}),
        )

    def put(self, key: str, content: Any) -> None:
        """Put a JSON object into the bucket."""
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=json.dumps(content).encode())

    def next_id(self) -> str:
        """Return the name that the next execution will have."""
        return f"run-{self._count + 1}"

    def run(
        self,
        compiled: CompiledPipeline,
        plan: Plan | None = None,
        given: Any = None,
        machine: Json | None = None,
    ) -> Execution:
        """Run a pipeline as a state machine to its end."""
        plan = plan or Plan()
        emulated_states.begin(plan)
        definition = deployed(machine or render_state_machine(compiled))
        self._count += 1
        name = f"{re.sub('[^A-Za-z0-9]', '-', compiled.name)}-{self._count}"
        made = self._states.create_state_machine(
            name=name, definition=json.dumps(definition), roleArn=ROLE
        )
        started = self._states.start_execution(
            stateMachineArn=made["stateMachineArn"],
            name=f"run-{self._count}",
            input=json.dumps({} if given is None else given),
        )
        return self._ended(started["executionArn"], plan)

    def _inputs(self, arn: str) -> Iterator[Json]:
        events = self._states.get_execution_history(executionArn=arn, maxResults=1000)["events"]
        for event in events:
            given = json.loads(event.get("stateEnteredEventDetails", {}).get("input", "null"))
            if isinstance(given, dict):
                yield given

    def _ended(self, arn: str, plan: Plan, seconds: float = 30) -> Execution:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            found = self._states.describe_execution(executionArn=arn)
            if found["status"] != "RUNNING":
                return Execution(
                    found["status"],
                    json.loads(found.get("output") or "null"),
                    found.get("error", ""),
                    found.get("cause", ""),
                    tuple(plan.calls),
                    tuple(plan.waits),
                    arn.rpartition(":")[2],
                    tuple(self._inputs(arn)),
                )
            time.sleep(0.02)
        pytest.fail(f"{arn} did not end in {seconds} s")


@contextmanager
def started_engine(monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """Start the emulator on a free port, and end it."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    url = f"http://127.0.0.1:{port}/moto-api"
    monkeypatch.setenv("MOTO_PORT", str(port))
    emulated_states.install()
    try:
        requests.post(
            f"{url}/config", json={"stepfunctions": {"execute_state_machine": True}}, timeout=5
        ).raise_for_status()
        requests.post(f"{url}/reset", timeout=5).raise_for_status()
        yield Engine(port)
    finally:
        server.stop()
