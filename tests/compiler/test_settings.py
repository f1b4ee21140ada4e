"""What holds for every class of step: caching, tags, environment, keys, network, names."""

from __future__ import annotations

from pathlib import Path

import pytest

from smp.compiler.compile import compile_pipeline
from smp.config.values.instance_storage import NVME_FAMILIES
from smp.config.values.instance_types import InstanceKind, instance_types
from smp.definition.deploy_values import names_in
from smp.graph import build_graph
from tests.compiler.compiling import Json, arguments, compile_demo, step
from tests.graph.workspace import IMAGE, SECTIONS, load, pipeline_of

STEPS = """\
prep: Processing
fit: Training
model: CreateModel
predict: Transform, chain_input_source_step: prep
score: Metrics, chain_input_source_step: predict
register: RegisterModel
"""
JOBS = {"prep": "preprocess", "fit": "train", "predict": "transform", "score": "evaluate"}
NAMES = {
    "prep": "ProcessingJobName",
    "fit": "TrainingJobName",
    "predict": "TransformJobName",
    "score": "ProcessingJobName",
}
WITHOUT_LOCAL_DISK = {
    *("c4", "c5", "c5n", "c6i", "c7i", "c7i-flex", "c8i", "c8i-flex", "inf2", "m4", "m5", "m6i"),
    *(
        "m7i",
        "m7i-flex",
        "m8i",
        "m8i-flex",
        "p2",
        "p3",
        "r5",
        "r6i",
        "r7i",
        "r8i",
        "r8i-flex",
        "t3",
    ),
}


def with_all(key: str) -> dict[str, str]:
    """Every job section with one more key."""
    return {f"demo__{section}": f"{SECTIONS[section][:-1]}, {key}}}" for section in JOBS.values()}


def volume_key(found: Json) -> str | None:
    resources = (
        found.get("ResourceConfig")
        or found.get("TransformResources")
        or found["ProcessingResources"]["ClusterConfig"]
    )
    key: str | None = resources.get("VolumeKmsKeyId")
    return key


@pytest.mark.parametrize("name", JOBS)
def test_every_job_can_be_cached_for_ten_days_by_default(name: str, tmp_path: Path) -> None:
    steps = "\n".join(
        f"{line}, enable_cache: true" if line.startswith(f"{name}:") else line
        for line in STEPS.splitlines()
    )
    compiled = compile_demo(tmp_path, steps)
    cached = {
        item["Name"]: item["CacheConfig"] for item in compiled.steps() if "CacheConfig" in item
    }
    assert cached == {name: {"Enabled": True, "ExpireAfter": "10d"}}


def test_how_long_a_result_counts_can_be_set(tmp_path: Path) -> None:
    compiled = compile_demo(tmp_path, "fit: Training, enable_cache: True, cache_expire_after: T12h")
    assert step(compiled, "fit")["CacheConfig"] == {"Enabled": True, "ExpireAfter": "T12h"}


def test_nothing_is_cached_unless_asked(tmp_path: Path) -> None:
    compiled = compile_demo(tmp_path, STEPS)
    assert not [item["Name"] for item in compiled.steps() if "CacheConfig" in item]


def test_every_job_takes_tags(tmp_path: Path) -> None:
    compiled = compile_demo(tmp_path, STEPS, **with_all("tags: [{Key: team, Value: 7}]"))
    for name in JOBS:
        assert arguments(compiled, name)["Tags"] == [{"Key": "team", "Value": "7"}]


def test_every_job_takes_environment_variables(tmp_path: Path) -> None:
    compiled = compile_demo(tmp_path, STEPS, **with_all("env: {DEPTH: 3, DEEP: true, WHO: me}"))
    for name in JOBS:
        environment = arguments(compiled, name)["Environment"]
        assert environment == {"DEPTH": "3", "DEEP": "true", "WHO": "me"}


def test_a_base_job_name_begins_the_jobs_name(tmp_path: Path) -> None:
    compiled = compile_demo(tmp_path, STEPS, **with_all("base_job_name: mine"))
    assert {name: arguments(compiled, name)[NAMES[name]] for name in JOBS} == dict.fromkeys(
        JOBS, "mine"
    )


def test_without_a_base_job_name_the_service_names_the_job_by_its_step(tmp_path: Path) -> None:
    compiled = compile_demo(tmp_path, STEPS)
    assert not [name for name in JOBS if NAMES[name] in arguments(compiled, name)]


def test_two_steps_of_one_section_share_no_place(tmp_path: Path) -> None:
    compiled = compile_demo(tmp_path, "a: Training\nb: Training")
    paths = {arguments(compiled, name)["OutputDataConfig"]["S3OutputPath"] for name in "ab"}
    assert len(paths) == 2


@pytest.mark.parametrize("name", ["prep", "fit", "score"])
def test_jobs_run_in_the_network_with_traffic_between_containers_encrypted(
    name: str, tmp_path: Path
) -> None:
    found = arguments(compile_demo(tmp_path, STEPS), name)
    network = found.get("NetworkConfig", found)
    assert network["EnableInterContainerTrafficEncryption"] is True
    assert network["VpcConfig"] == {
        "Subnets": ["${smp:subnets}"],
        "SecurityGroupIds": ["${smp:security_group_ids}"],
    }


def test_outputs_and_volumes_are_encrypted_with_the_key(tmp_path: Path) -> None:
    compiled = compile_demo(tmp_path, STEPS)
    outputs = ("ProcessingOutputConfig", "OutputDataConfig", "TransformOutput")
    for name in JOBS:
        found = arguments(compiled, name)
        assert volume_key(found) == "${smp:kms_key_arn}"
        (output,) = (found[key] for key in outputs if key in found)
        assert output["KmsKeyId"] == "${smp:kms_key_arn}"


def test_an_instance_with_local_disks_takes_no_volume_key(tmp_path: Path) -> None:
    compiled = compile_demo(tmp_path, STEPS, **with_all("instance_type: ml.g5.2xlarge"))
    for name in JOBS:
        assert volume_key(arguments(compiled, name)) is None


def test_a_choice_of_instances_of_which_some_have_local_disks_leaves_the_volume_key_out(
    tmp_path: Path,
) -> None:
    choice = "{name: kind, default: ml.m5.xlarge, allowed_values: [ml.m5.xlarge, ml.g5.xlarge]}"
    pipeline = pipeline_of("fit: Training").replace(
        "pipelineName: demo", f"pipelineName: demo\n    parameters: [{choice}]"
    )
    section = SECTIONS["train"].replace("}", ', instance_type: "${parameters.kind}"}')
    graph = build_graph(load(tmp_path, pipeline, demo__train=section), "demo")
    compiled = compile_pipeline(graph, tmp_path / "store")
    assert volume_key(arguments(compiled, "fit")) is None
    [note] = [note for note in graph.notes if note.path.endswith("train.instance_type")]
    assert "SageMaker's own key" in note.reason
    assert note.found == "with local NVMe storage: ml.g5.xlarge"


@pytest.mark.parametrize(
    "kind", ["ProcessingInstanceType", "TrainingInstanceType", "TransformInstanceType"]
)
def test_it_is_known_of_every_instance_family_whether_it_has_local_disks(
    kind: InstanceKind,
) -> None:
    """A new version of botocore brings new families: put each where it belongs."""
    families = {name.removeprefix("ml.").rpartition(".")[0] for name in instance_types(kind)}
    assert families - NVME_FAMILIES - WITHOUT_LOCAL_DISK == set()
    assert not NVME_FAMILIES & WITHOUT_LOCAL_DISK


def test_values_of_the_file_take_the_place_of_the_deployments(tmp_path: Path) -> None:
    top = (
        "  sagemakerNetworkSecurity: {role: arn:aws:iam::111122223333:role/jobs, kms_key: "
        "arn:aws:kms:eu-west-1:111122223333:key/abc, subnets: 'subnet-0123456789abcdef0, "
        "subnet-0123456789abcdef1', security_groups_id: [sg-0123456789abcdef0]}\n"
    )
    compiled = compile_demo(tmp_path, STEPS, top=top)
    vpc = {
        "Subnets": ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"],
        "SecurityGroupIds": ["sg-0123456789abcdef0"],
    }
    assert arguments(compiled, "fit")["VpcConfig"] == vpc
    assert arguments(compiled, "prep")["NetworkConfig"]["VpcConfig"] == vpc
    assert arguments(compiled, "model-CreateModel")["VpcConfig"] == vpc
    roles = {arguments(compiled, name)["RoleArn"] for name in ("prep", "fit", "score")}
    assert roles == {"arn:aws:iam::111122223333:role/jobs"}
    keys = {volume_key(arguments(compiled, name)) for name in JOBS}
    assert keys == {"arn:aws:kms:eu-west-1:111122223333:key/abc"}
    assert names_in(compiled.definition) == {"bucket"}


def test_empty_subnets_mean_those_of_the_deployment(tmp_path: Path) -> None:
    top = '  sagemakerNetworkSecurity: {subnets: " , ", security_groups_id: ""}\n'
    compiled = compile_demo(tmp_path, "fit: Training", top=top)
    assert arguments(compiled, "fit")["VpcConfig"]["Subnets"] == ["${smp:subnets}"]


def test_placeholders_become_deploy_time_names_wherever_they_stand(tmp_path: Path) -> None:
    top = (
        "  s3Bucket: SMP_S3BUCKETNAME\n"
        "  sagemakerNetworkSecurity: {role: SMP_ROLE, subnets: SMP_SUBNETS, "
        "security_groups_id: [SMP_SECURITYGROUPS]}\n"
    )
    section = SECTIONS["train"].replace(IMAGE, "SMP_ACCOUNTID.dkr.ecr.SMP_REGION.amazonaws.com/x:1")
    compiled = compile_demo(tmp_path, "fit: Training", top=top, demo__train=section)
    assert names_in(compiled.definition) == {
        *("account_id", "region", "bucket", "role_arn"),
        *("kms_key_arn", "subnets", "security_group_ids"),
    }
    image = arguments(compiled, "fit")["AlgorithmSpecification"]["TrainingImage"]
    assert image == "${smp:account_id}.dkr.ecr.${smp:region}.amazonaws.com/x:1"


def test_what_is_about_the_pipeline_as_a_whole(tmp_path: Path) -> None:
    steps = "@demo\nfit: Training\n@other\nprep: Processing"
    compiled = compile_demo(
        tmp_path,
        steps,
        dependencies="fit >> prep\n    displayName: Demo\n    description: All of it\n"
        "    maxParallelExecutionSteps: 3\n    tags: [{Key: team, Value: a}]",
        top="  sagemakerNetworkSecurity: {internet_egress: true}\n",
    )
    assert compiled.display_name == "Demo"
    assert compiled.description == "All of it"
    assert compiled.max_parallel_steps == 3
    assert compiled.tags == {"team": "a"}
    assert compiled.internet_egress is True
    assert compiled.models == ("demo", "other")
    assert compiled.step_models == {"fit": "demo", "prep": "other"}
