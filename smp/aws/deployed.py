"""Deployed pipelines read back as compiled pipelines, so that they can be compared with what is to come.

It never changes anything in the account and downloads only objects at the addresses in the definitions.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from smp.aws.deployed_code import read_tree
from smp.aws.deployed_triggers import deployed_triggers
from smp.aws.deployed_values import CODE_URI, Values, find_values, restore_placeholders
from smp.aws.service_errors import is_denied, is_missing, service_error
from smp.aws.session import Session, client
from smp.definition.code.store import CodeStore
from smp.definition.compiled import CompiledPipeline, Json, ModelPackageGroup, nested_steps
from smp.definition.deploy_values import BUCKET
from smp.definition.functions import FUNCTIONS, Function
from smp.definition.triggers import SAGEMAKER, Trigger
from smp.errors import Problem, RunError

AWS_TAGS = "aws:"
INTERNET = ("0.0.0.0/0", "::/0")


@dataclass(frozen=True)
class ReadBack:
    """Deployed pipelines, and what of them could not be read."""

    pipelines: tuple[CompiledPipeline, ...]
    unread: tuple[str, ...] = ()
    """What access was denied to, one text each; the pipelines have what is known in its place."""


def read_deployed(
    session: Session,
    names: Sequence[str],
    directory: Path,
    known: Sequence[CompiledPipeline] = (),
) -> ReadBack:
    """Return the deployed pipelines of these names; those that are not deployed are left out.

    Code trees are written to `<directory>/<sha256>/<path>`, their `code_store`. `known` is what
    they will be compared with: it has the names of images and origins, and shows if a config spells out
    what could also be a deploy-time name. Tags of the whole deployment count only if `known` has
    them. Raises SetupError and RunError.
    """
    sagemaker = client(session, "sagemaker")
    found, unread = [], []
    for name in names:
        described = _describe(sagemaker, name)
        if described is not None:
            named = {**described, "PipelineName": name}
            deployed = _Deployed(session, sagemaker, named, directory, known)
            found.append(deployed.compiled())
            unread += [f"{name}: {part}" for part in dict.fromkeys(deployed.unread)]
    return ReadBack(tuple(found), tuple(unread))


def _describe(sagemaker: Any, name: str) -> Json | None:
    try:
        described: Json = sagemaker.describe_pipeline(PipelineName=name)
    except ClientError as error:
        if is_missing(error):
            return None
        raise service_error(error, f"read the deployed pipeline {name}") from error
    except BotoCoreError as error:
        raise service_error(error, f"read the deployed pipeline {name}") from error
    return described


class _Deployed:
    """One answer of DescribePipeline and what belongs to it."""

    def __init__(
        self,
        session: Session,
        sagemaker: Any,
        described: Json,
        directory: Path,
        known: Sequence[CompiledPipeline],
    ) -> None:
        self._session = session
        self._sagemaker = sagemaker
        self._described = described
        self._store = CodeStore(directory)
        self._known = known
        self._name = str(described["PipelineName"])
        self.unread: list[str] = []
        self._same = next((pipeline for pipeline in known if pipeline.name == self._name), None)
        self._deployed = _parsed(self._name, described["PipelineDefinition"])
        self._tags = self._read_tags()
        self._values = self._find_values()

    def _find_values(self) -> Values:
        """Read the values off the definition; role and function are the stack's, if known.

        So a role that someone put into every step by hand is not taken for the deployment's.
        """
        _, partition, _, region, account, _ = str(self._described["PipelineArn"]).split(":")
        values = find_values(self._deployed, account, region, self._known)
        arns = dict(values.functions)
        for key in arns:
            name = function_name(self._session, self._tags, FUNCTIONS[key], self.unread.append)
            if name:
                arns[key] = f"arn:{partition}:lambda:{region}:{account}:function:{name}"
        values = replace(values, functions=arns)
        role = job_role_name(self._session, self._tags, self.unread.append)
        if role is None:
            return values
        return replace(values, role_arn=f"arn:{partition}:iam::{account}:role/{role}")

    def compiled(self) -> CompiledPipeline:
        """Return all of it as a compiled pipeline."""
        definition = restore_placeholders(self._name, self._deployed, self._values, self._known)
        described = self._described
        shown = described.get("PipelineDisplayName")
        parallel = (described.get("ParallelismConfiguration") or {}).get(
            "MaxParallelExecutionSteps"
        )
        steps = {step["Name"] for step in nested_steps(definition["Steps"])}
        same = self._same
        return CompiledPipeline(
            name=self._name,
            definition=definition,
            code=tuple(self._code(definition)),
            code_store=self._store.root,
            display_name=None if shown in ("", self._name) else shown,
            description=described.get("PipelineDescription") or None,
            max_parallel_steps=parallel,
            tags=self._own_tags(),
            images=self._images(definition),
            model_package_groups=tuple(self._groups(definition)),
            internet_egress=self._reaches_internet(),
            models=same.models if same else (),
            step_models={n: m for n, m in same.step_models.items() if n in steps} if same else {},
            triggers=self._triggers(),
            targets=same.targets if same else (SAGEMAKER,),
        )

    def _triggers(self) -> tuple[Trigger, ...]:
        """Return what starts the pipeline; its ARN has the name in lower case, whatever is answered."""
        known = self._same.triggers if self._same else ()
        arn = str(self._described["PipelineArn"])
        start, _, name = arn.rpartition("/")
        arn = f"{start}/{name.lower()}"
        bucket = self._values.bucket
        try:
            return deployed_triggers(self._session, self._name, arn, bucket, known)
        except ClientError as error:
            if not is_denied(error):
                raise service_error(error, f"read what starts {self._name}") from error
            self.unread.append("schedules and triggers")
            return tuple(known)

    def _code(self, definition: Json) -> Iterator[Any]:
        """Yield the trees: in the order of the known pipeline, then of the definition."""
        in_definition = dict.fromkeys(_trees(json.dumps(definition)))
        origins = {tree.sha256: tree.origin for tree in self._same.code} if self._same else {}
        s3 = client(self._session, "s3")
        ordered = [sha256 for sha256 in origins if sha256 in in_definition]
        for sha256 in [*ordered, *(s for s in in_definition if s not in origins)]:
            origin = origins.get(sha256) or self._origin(definition, sha256)
            yield read_tree(s3, sha256, origin, self._values, self._store)

    def _origin(self, definition: Json, sha256: str) -> str:
        """Return the origin of the known tree that the same step reads at the same place."""
        if self._same:
            trees = {tree.sha256: tree.origin for tree in self._same.code}
            now = dict(_code_places(self._same.definition))
            for place, deployed in _code_places(definition):
                if deployed == sha256 and now.get(place) in trees:
                    return trees[now[place]]
        return f"deployed code {sha256[:12]}"

    def _images(self, definition: Json) -> dict[str, Any]:
        text = json.dumps(definition)
        return {
            name: dict(by_region)
            for pipeline in self._known
            for name, by_region in pipeline.images.items()
            if f"${{smp:image.{name}}}" in text
        }

    def _read_tags(self) -> dict[str, str]:
        """Return all tags of the pipeline; those that are known where they may not be read."""
        arn = self._described["PipelineArn"]
        try:
            pages = self._sagemaker.get_paginator("list_tags")
            listed = [tag for page in pages.paginate(ResourceArn=arn) for tag in page["Tags"]]
        except ClientError as error:
            if is_denied(error):
                self.unread.append("tags")
            if is_denied(error) or is_missing(error):
                return dict(self._same.tags) if self._same else {}
            raise service_error(error, f"read the tags of {self._name}") from error
        return {tag["Key"]: tag["Value"] for tag in listed}

    def _own_tags(self) -> dict[str, str]:
        """Return the tags that are the pipeline's own: not those of AWS or of the whole deployment."""
        known = None if self._same is None else self._same.tags
        return {
            key: value
            for key, value in self._tags.items()
            if not key.startswith(AWS_TAGS) and (known is None or key in known)
        }

    def _groups(self, definition: Json) -> Iterator[ModelPackageGroup]:
        names = dict.fromkeys(
            step["Arguments"].get("ModelPackageGroupName")
            for step in nested_steps(definition["Steps"])
            if step["Type"] == "RegisterModel"
        )
        for name in names:
            if isinstance(name, str):
                yield ModelPackageGroup(name, self._description_of(name))

    def _description_of(self, group: str) -> str | None:
        asked = {"ModelPackageGroupName": group}
        try:
            described = self._sagemaker.describe_model_package_group(**asked)
        except ClientError as error:
            if not (is_denied(error) or is_missing(error)):
                raise service_error(error, f"read the model package group {group}") from error
            if is_denied(error):
                self.unread.append(f"the description of the model package group {group}")
            known = self._same.model_package_groups if self._same else ()
            return next((item.description for item in known if item.name == group), None)
        return described.get("ModelPackageGroupDescription") or None

    def _reaches_internet(self) -> bool:
        """Whether a route leads from the jobs to the internet; `known`'s value if that cannot be read."""
        known = bool(self._same and self._same.internet_egress)
        if not self._values.subnets:
            return known
        ec2 = client(self._session, "ec2")
        subnets = {"Name": "association.subnet-id", "Values": list(self._values.subnets)}
        try:
            tables = ec2.describe_route_tables(Filters=[subnets])["RouteTables"]
        except ClientError as error:
            if is_denied(error):
                self.unread.append("the routes of its subnets")
                return known
            raise service_error(error, f"read the routes of {self._name}'s subnets") from error
        routes = [route for table in tables for route in table.get("Routes", [])]
        return any(map(_leads_out, routes)) if tables else known


def _leads_out(route: Json) -> bool:
    target = route.get("DestinationCidrBlock") or route.get("DestinationIpv6CidrBlock")
    return target in INTERNET and route.get("GatewayId") != "local"


def _parsed(name: str, text: str) -> Json:
    try:
        definition: Json = json.loads(text)
    except ValueError as error:
        raise RunError(
            [Problem(f"the deployed definition of {name} is not JSON: {error}")]
        ) from error
    return definition


def _trees(text: str) -> Iterator[str]:
    """Yield the hash of each code tree in a text with deploy-time names."""
    start = f"s3://{BUCKET}/code/"
    for part in text.split(start)[1:]:
        if CODE_URI.match(f"s3://xyz/code/{part[:65]}"):
            yield part[:64]


def _code_places(value: Any, place: tuple[Any, ...] = ()) -> Iterable[tuple[tuple[Any, ...], str]]:
    """Yield each place that reads a code tree, and which."""
    if isinstance(value, str):
        for sha256 in _trees(value):
            yield place, sha256
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _code_places(item, (*place, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            named = item.get("Name", index) if isinstance(item, dict) else index
            yield from _code_places(item, (*place, named))


STACK_TAG = "aws:cloudformation:stack-name"
"""CloudFormation puts it on each resource that takes tags."""

JOB_ROLE = "JobRole"
"""Part of the logical id of the role that the construct makes for the jobs."""


def _ignore(part: str) -> None:
    """Do not note what could not be read."""


def job_role_name(
    session: Session, tags: Mapping[str, str], denied: Callable[[str], None] = _ignore
) -> str | None:
    """Return the name of the job role in the stack that a pipeline's tags name.

    None where the pipeline is of no stack, its stack made no job role, or may not be read.
    """
    return _physical_name(session, tags, "AWS::IAM::Role", JOB_ROLE, denied)


def function_name(
    session: Session,
    tags: Mapping[str, str],
    function: Function,
    denied: Callable[[str], None] = _ignore,
) -> str | None:
    """Return the name that the stack gave to a function of this project; None if it has none."""
    return _physical_name(session, tags, "AWS::Lambda::Function", function.construct_id, denied)


def _physical_name(
    session: Session,
    tags: Mapping[str, str],
    kind: str,
    part: str,
    denied: Callable[[str], None],
) -> str | None:
    """Return the one resource of a type whose logical id has that part, in the stack that tags name."""
    stack = tags.get(STACK_TAG)
    if stack is None:
        return None
    try:
        pages = client(session, "cloudformation").get_paginator("list_stack_resources")
        listed = [
            r for page in pages.paginate(StackName=stack) for r in page["StackResourceSummaries"]
        ]
    except ClientError as error:
        if is_denied(error):
            denied("the resources of its stack")
        if is_denied(error) or is_missing(error):
            return None
        raise service_error(error, f"list the resources of stack {stack}") from error
    names = [
        str(resource.get("PhysicalResourceId"))
        for resource in listed
        if resource["ResourceType"] == kind and part in resource["LogicalResourceId"]
    ]
    return names[0] if len(names) == 1 else None
