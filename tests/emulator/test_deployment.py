"""The whole app, deployed by the real CDK CLI to an emulated account: what a user would find there."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path

import pytest

from smp.aws.deployed import read_deployed
from smp.aws.session import open_session
from smp.compiler.cache.compile_all import compile_all
from smp.config.load import load_project
from smp.definition.assembly import read_assembly
from smp.definition.compiled import CODE_PREFIX, CompiledPipeline, Json
from smp.definition.deploy_values import FUNCTION_PREFIX, IMAGE_PREFIX, substitute
from smp.definition.functions import APPROVED_MODEL
from smp.graph import build_graphs
from tests.emulator.emulator import ACCOUNT, REGION, ROOT, Emulator, running_emulator

pytestmark = pytest.mark.emulator

FOUNDATION = "Smp-Foundation"
CHURN_CONFIG = Path("model_configs/churn_lightgbm/conf/conf.yaml")
STORED_IN_BUCKET = "housing"
SWITCHED_OFF = "        enabled: false # in prod it is\n"
TRIGGERS = """\
      - name: new-customers
        type: data
        prefix: incoming/
        suffix: .csv
      - name: new-districts
        type: approved_model
        pipeline: housing
        model: housing-mlp
      - name: off
        type: data
        enabled: false
        prefix: elsewhere/
"""
"""Two more triggers of the churn pipeline, whose schedule is switched on by what they replace."""


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """A copy of this app, with every stack of it deployed."""
    app = copy_of_the_app(tmp_path_factory.mktemp("app"))
    changed(app / CHURN_CONFIG, SWITCHED_OFF, TRIGGERS)
    with running_emulator(app, tmp_path_factory.mktemp("home")) as emulator:
        emulator.cdk("bootstrap", f"aws://{ACCOUNT}/{REGION}")
        emulator.cdk("deploy", "--all", "--require-approval", "never")
        yield emulator


@pytest.fixture(scope="module")
def compiled(
    deployed: Emulator, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, CompiledPipeline]:
    graphs = build_graphs(load_project(deployed.app))
    pipelines = compile_all(graphs, tmp_path_factory.mktemp("work")).result()
    return {pipeline.name: pipeline for pipeline in pipelines}


def copy_of_the_app(directory: Path) -> Path:
    for name in ("smp", "constructs_lib", "stacks", "model_configs"):
        shutil.copytree(ROOT / name, directory / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("app.py", "cdk.json", "package-lock.json", "pyproject.toml", "requirements.lock"):
        shutil.copy2(ROOT / name, directory / name)
    for name in (".venv", "node_modules"):
        (directory / name).symlink_to(ROOT / name)
    return directory


def stack_of(pipeline: str) -> str:
    return f"Smp-Pipeline-{pipeline}"


def deployed_definition(emulator: Emulator, pipeline: str) -> Json:
    described = emulator.client("sagemaker").describe_pipeline(PipelineName=pipeline)
    definition: Json = json.loads(described["PipelineDefinition"])
    return definition


def real_values(emulator: Emulator, pipeline: CompiledPipeline) -> dict[str, str | list[str]]:
    """What stands in the account for each deploy-time name, read from the account itself."""
    outputs = emulator.outputs(stack_of(pipeline.name))
    (job_role,) = emulator.resources(stack_of(pipeline.name), "AWS::IAM::Role", "JobRole")
    (key,) = emulator.resources(FOUNDATION, "AWS::KMS::Key")
    subnets = "EgressSubnet" if pipeline.internet_egress else "IsolatedSubnet"
    return {
        "account_id": ACCOUNT,
        "region": REGION,
        "bucket": outputs["Bucket"],
        "role_arn": f"arn:aws:iam::{ACCOUNT}:role/{job_role}",
        "kms_key_arn": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{key}",
        "subnets": emulator.resources(FOUNDATION, "AWS::EC2::Subnet", subnets),
        "security_group_ids": emulator.resources(
            FOUNDATION, "AWS::EC2::SecurityGroup", "JobSecurityGroup"
        ),
        **registry_lookup(emulator, pipeline),
        **{f"{IMAGE_PREFIX}{name}": regions[REGION] for name, regions in pipeline.images.items()},
    }


def registry_lookup(emulator: Emulator, pipeline: CompiledPipeline) -> dict[str, str]:
    """The ARN of the function that looks into the registry, where the pipeline has one."""
    kind = "AWS::Lambda::Function"
    names = emulator.resources(stack_of(pipeline.name), kind, "RegistryLookup")
    arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:"
    return {f"{FUNCTION_PREFIX}{APPROVED_MODEL.name}": f"{arn}{name}" for name in names}


def changed(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert text.count(old) == 1
    file.write_text(text.replace(old, new), encoding="utf-8")


def test_every_pipeline_is_deployed_as_compiled(
    deployed: Emulator, compiled: dict[str, CompiledPipeline]
) -> None:
    assert compiled
    for name, pipeline in compiled.items():
        values = real_values(deployed, pipeline)
        expected = substitute(pipeline.definition, values.__getitem__)
        assert deployed_definition(deployed, name) == expected


def test_every_pipeline_is_read_back_as_compiled(
    deployed: Emulator,
    compiled: dict[str, CompiledPipeline],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for variable, value in deployed.environment.items():
        monkeypatch.setenv(variable, value)
    known = tuple(compiled.values())
    found = read_deployed(open_session(), [*compiled, "not-deployed"], tmp_path, known).pipelines
    assert [pipeline.name for pipeline in found] == list(compiled)
    for pipeline in found:
        started = tuple(item for item in compiled[pipeline.name].triggers if item.enabled)
        expected = replace(
            compiled[pipeline.name], code_store=tmp_path, stand_ins={}, triggers=started
        )
        differing = [
            field.name
            for field in fields(expected)
            if getattr(pipeline, field.name) != getattr(expected, field.name)
        ]
        assert differing == []


def test_every_pipeline_has_its_description_and_parallelism(
    deployed: Emulator, compiled: dict[str, CompiledPipeline]
) -> None:
    for name, pipeline in compiled.items():
        described = deployed.client("sagemaker").describe_pipeline(PipelineName=name)
        parallelism = described.get("ParallelismConfiguration") or {}
        assert described["PipelineDisplayName"] == (pipeline.display_name or name)
        assert described.get("PipelineDescription", "") == (pipeline.description or "")
        assert parallelism.get("MaxParallelExecutionSteps") == pipeline.max_parallel_steps


def test_code_lies_at_the_addresses_that_the_definition_names(
    deployed: Emulator, compiled: dict[str, CompiledPipeline]
) -> None:
    for pipeline in compiled.values():
        values = real_values(deployed, pipeline)
        for tree in pipeline.code:
            stored = deployed.objects(str(values["bucket"]), f"{tree.key}/")
            expected = {
                file.path: (pipeline.code_store / tree.sha256 / file.path).read_bytes()
                for file in tree.files
            }
            for file in tree.files:
                if file.is_template:
                    text = expected[file.path].decode()
                    expected[file.path] = substitute(text, values.__getitem__).encode()
            assert stored == expected


def test_the_bucket_holds_no_code_but_that_of_the_pipelines(
    deployed: Emulator, compiled: dict[str, CompiledPipeline]
) -> None:
    (bucket,) = {deployed.outputs(stack_of(name))["Bucket"] for name in compiled}
    stored = {key.split("/")[0] for key in deployed.objects(bucket, f"{CODE_PREFIX}/")}
    assert stored == {tree.sha256 for pipeline in compiled.values() for tree in pipeline.code}


def test_the_assembly_holds_every_pipeline_as_compiled(
    deployed: Emulator, compiled: dict[str, CompiledPipeline], tmp_path: Path
) -> None:
    found = read_assembly(deployed.app / "cdk.out", tmp_path)
    assert {pipeline.name: pipeline.to_json() for pipeline in found} == {
        name: pipeline.to_json() for name, pipeline in compiled.items()
    }


def test_what_is_switched_on_starts_the_pipeline(deployed: Emulator) -> None:
    arn = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:pipeline/churn-lightgbm"
    scheduler, events = deployed.client("scheduler"), deployed.client("events")
    schedule = scheduler.get_schedule(GroupName="churn-lightgbm", Name="weekly")
    (queue,) = deployed.resources(stack_of("churn-lightgbm"), "AWS::SQS::Queue")
    names = events.list_rule_names_by_target(TargetArn=arn)["RuleNames"]
    assert sorted(names) == ["churn-lightgbm-new-customers", "churn-lightgbm-new-districts"]
    targets = [
        schedule["Target"],
        *(events.list_targets_by_rule(Rule=name)["Targets"][0] for name in names),
    ]
    iam = deployed.client("iam")
    for target in targets:
        assert target["Arn"] == arn
        assert target["DeadLetterConfig"]["Arn"].endswith(queue.rpartition("/")[2])
        (attached,) = iam.list_attached_role_policies(RoleName=target["RoleArn"].split("/")[1])[
            "AttachedPolicies"
        ]
        assert "Triggers" in attached["PolicyName"]


def test_a_second_look_finds_no_differences(deployed: Emulator) -> None:
    printed = deployed.cdk("diff", "--all", "--fail")
    assert "Number of stacks with differences: 0" in printed


def test_a_changed_hyperparameter_is_the_only_difference(deployed: Emulator) -> None:
    config = deployed.app / CHURN_CONFIG
    before = config.read_text(encoding="utf-8")
    changed(config, "num_leaves: 15", "num_leaves: 31")
    printed = deployed.cdk("diff", "--all", "--fail", succeeds=False)
    config.write_text(before, encoding="utf-8")
    assert "Number of stacks with differences: 1" in printed
    lines = [line.strip() for line in printed.splitlines()]
    named = [line for line in lines if line.startswith("[~] Metadata ")]
    assert [line.split(":")[1] for line in named] == [" step churn-training"], printed
    assert any(line.startswith("[-]") and "15" in line for line in lines), printed
    assert any(line.startswith("[+]") and "31" in line for line in lines), printed


def check_permissions(emulator: Emulator) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "smp", "check-permissions"],
        cwd=emulator.app,
        env=emulator.environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_what_is_deployed_allows_nothing_more_than_what_is_deployed(deployed: Emulator) -> None:
    deployed.cdk("synth", "--quiet")
    checked = check_permissions(deployed)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert checked.stdout == "6 stacks compared: nothing more is allowed\n"


def test_data_from_elsewhere_is_named_as_a_widening_before_it_is_deployed(
    deployed: Emulator,
) -> None:
    config = deployed.app / CHURN_CONFIG
    before = config.read_text(encoding="utf-8")
    changed(config, "s3://SMP_S3BUCKETNAME/churn/validation", "s3://company-secrets/salaries")
    deployed.cdk("synth", "--quiet")
    config.write_text(before, encoding="utf-8")
    checked = check_permissions(deployed)
    assert checked.returncode == 3, checked.stdout + checked.stderr
    *lines, summary = checked.stdout.splitlines()
    assert summary == "6 stacks compared: 2 more allowed"
    reading, listing = sorted(lines)
    assert "role PipelineJobRole" in reading
    assert " may now s3:GetObject on arn:aws:s3:::company-secrets/salaries/*" in reading
    assert " may now s3:ListBucket on arn:aws:s3:::company-secrets if StringLike" in listing


def test_a_changed_script_is_uploaded_beside_the_old_one(deployed: Emulator) -> None:
    name = "churn-lightgbm"
    script = deployed.app / "model_configs" / "churn_lightgbm" / "scripts" / "train.py"
    bucket = deployed.outputs(stack_of(name))["Bucket"]
    before = deployed.objects(bucket, f"{CODE_PREFIX}/")
    definition = deployed_definition(deployed, name)
    with script.open("a", encoding="utf-8") as file:
        file.write("# changed\n")
    deployed.cdk("deploy", stack_of(name), "--require-approval", "never")
    after = deployed.objects(bucket, f"{CODE_PREFIX}/")
    assert before.items() < after.items()
    assert any(b"# changed" in content for content in after.values())
    assert deployed_definition(deployed, name) != definition


def test_a_definition_kept_in_the_bucket_is_deployed_as_compiled(
    deployed: Emulator, compiled: dict[str, CompiledPipeline]
) -> None:
    settings = deployed.app / "cdk.json"
    written = json.loads(settings.read_text(encoding="utf-8"))
    written["context"]["smp"]["environments"]["default"]["maxInlineDefinitionCharacters"] = 0
    settings.write_text(json.dumps(written), encoding="utf-8")
    name = STORED_IN_BUCKET
    deployed.cdk("deploy", stack_of(name), "--require-approval", "never")
    template = deployed.client("cloudformation").get_template(StackName=stack_of(name))
    assert "PipelineDefinitionS3Location" in json.dumps(template["TemplateBody"])
    values = real_values(deployed, compiled[name])
    expected = substitute(compiled[name].definition, values.__getitem__)
    assert deployed_definition(deployed, name) == expected


def test_destroying_everything_leaves_the_protected_foundation(deployed: Emulator) -> None:
    printed = deployed.cdk("destroy", "--all", "--force", succeeds=False)
    assert "cannot be deleted while TerminationProtection is enabled" in printed
    assert deployed.client("sagemaker").list_pipelines()["PipelineSummaries"] == []
    assert deployed.resources(FOUNDATION, "AWS::KMS::Key")


def test_destroying_the_unprotected_foundation_leaves_bucket_and_key(deployed: Emulator) -> None:
    buckets = deployed.resources(FOUNDATION, "AWS::S3::Bucket")
    (key,) = deployed.resources(FOUNDATION, "AWS::KMS::Key")
    deployed.client("cloudformation").update_termination_protection(
        StackName=FOUNDATION, EnableTerminationProtection=False
    )
    deployed.cdk("destroy", FOUNDATION, "--force")
    remaining = {bucket["Name"] for bucket in deployed.client("s3").list_buckets()["Buckets"]}
    assert buckets
    assert set(buckets) <= remaining
    assert deployed.client("kms").encrypt(KeyId=key, Plaintext=b"data")["CiphertextBlob"]
