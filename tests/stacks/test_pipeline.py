"""What the stack of one pipeline promises: its roles, its files, its definition."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from smp.definition.compiled import Json
from smp.definition.deploy_values import substitute
from stacks.pipeline import pipeline_stack_id
from tests.stacks.pipelines import full_pipeline
from tests.stacks.synthesis import Synthesis, shown

CHURN = "Smp-Pipeline-churn"
PREPARE = "Smp-Pipeline-prepare"
WIDE = "Smp-Pipeline-wide"
BUCKET = "<ExportsOutputRefDataBucketE6B0FAA83794BF10>"
KEY = "<ExportsOutputFnGetAttEncryptionKey3A692D6EArn94765F1F>"


def pipeline(synthesis: Synthesis, stack: str) -> Json:
    (resource,) = synthesis.resources(stack, "AWS::SageMaker::Pipeline").values()
    return resource


def definition(synthesis: Synthesis, stack: str) -> Json:
    properties = pipeline(synthesis, stack)["Properties"]
    body: Json = json.loads(shown(properties["PipelineDefinition"]["PipelineDefinitionBody"]))
    return body


class TestDefinition:
    def test_is_the_compiled_one_with_values_for_names(
        self, isolated: Synthesis, store: Path
    ) -> None:
        compiled = full_pipeline(store)
        place = "<Smp-production-Foundation:ExportsOutput"
        values: dict[str, str | list[str]] = {
            "account_id": "123456789012",
            "region": "eu-west-1",
            "bucket": f"{place}RefDataBucketE6B0FAA83794BF10>",
            "role_arn": "<PipelineJobRole77082595.Arn>",
            "kms_key_arn": f"{place}FnGetAttEncryptionKey3A692D6EArn94765F1F>",
            "subnets": [
                f"{place}RefNetworkVpcIsolatedSubnet1Subnet0400477E0480198B>",
                f"{place}RefNetworkVpcIsolatedSubnet2SubnetF65B365A08912845>",
            ],
            "security_group_ids": [
                f"{place}FnGetAttNetworkJobSecurityGroup21D3477AGroupId2F594E38>"
            ],
            "image.sklearn-1.2-1": compiled.images["sklearn-1.2-1"]["eu-west-1"],
        }
        expected = substitute(compiled.definition, values.__getitem__)
        assert definition(isolated, "Smp-production-Pipeline-churn") == expected

    def test_has_the_roles_bucket_key_and_region_of_the_deployment(
        self, agnostic: Synthesis
    ) -> None:
        training = definition(agnostic, CHURN)["Steps"][1]["Arguments"]
        assert training["RoleArn"] == "<PipelineJobRole77082595.Arn>"
        assert training["OutputDataConfig"] == {
            "S3OutputPath": f"s3://{BUCKET}/models/churn",
            "KmsKeyId": KEY,
        }
        assert training["HyperParameters"] == {"rounds": "12", "region": "<AWS::Region>"}

    def test_runs_jobs_in_the_isolated_subnets(self, agnostic: Synthesis) -> None:
        vpc = definition(agnostic, CHURN)["Steps"][1]["Arguments"]["VpcConfig"]
        assert len(vpc["Subnets"]) == 2
        assert all("IsolatedSubnet" in subnet for subnet in vpc["Subnets"])

    def test_runs_jobs_with_a_way_out_only_where_asked(self, agnostic: Synthesis) -> None:
        step = definition(agnostic, PREPARE)["Steps"][0]["Arguments"]
        subnets = step["NetworkConfig"]["VpcConfig"]["Subnets"]
        assert len(subnets) == 2
        assert all("EgressSubnet" in subnet for subnet in subnets)

    def test_looks_up_images_where_the_region_is_not_known(self, agnostic: Synthesis) -> None:
        mapping = agnostic.template(CHURN)["Mappings"]["PipelineImagesByRegion4E934271"]
        assert set(mapping) == {"eu-west-1", "us-east-1"}
        body = pipeline(agnostic, CHURN)["Properties"]["PipelineDefinition"]
        assert "Fn::FindInMap" in json.dumps(body)

    def test_names_images_where_the_region_is_known(self, isolated: Synthesis) -> None:
        stack = "Smp-production-Pipeline-churn"
        assert "Mappings" not in isolated.template(stack)
        step = definition(isolated, stack)["Steps"][0]["Arguments"]
        assert step["AppSpecification"]["ImageUri"].startswith("141502667606.dkr.ecr.eu-west-1.")

    def test_goes_to_the_bucket_when_it_is_large(self, agnostic: Synthesis) -> None:
        location = pipeline(agnostic, WIDE)["Properties"]["PipelineDefinition"]
        assert set(location) == {"PipelineDefinitionS3Location"}
        place = shown(location["PipelineDefinitionS3Location"])
        assert place["Bucket"] == BUCKET
        prefix, _, name = place["Key"].partition("/")
        assert prefix == "definitions"
        assert len(name.removesuffix(".json")) == 64
        assert len(agnostic.text(WIDE)) < 200_000

    def test_in_the_bucket_has_all_its_steps(self, agnostic: Synthesis) -> None:
        location = pipeline(agnostic, WIDE)["Properties"]["PipelineDefinition"]
        name = location["PipelineDefinitionS3Location"]["Key"].removeprefix("definitions/")
        (file,) = agnostic.directory.glob(f"asset.*/{name}")
        assert len(json.loads(file.read_text())["Steps"]) == 60


class TestPipeline:
    def test_has_its_names_parallelism_and_tags(self, agnostic: Synthesis) -> None:
        properties = pipeline(agnostic, CHURN)["Properties"]
        assert properties["PipelineName"] == "churn"
        assert properties["PipelineDisplayName"] == "churn-shown"
        assert properties["PipelineDescription"] == "What churn does"
        assert properties["ParallelismConfiguration"] == {"MaxParallelExecutionSteps": 3}
        assert properties["Tags"] == [{"Key": "team", "Value": "research"}]

    def test_comes_after_its_code_groups_and_permissions(self, agnostic: Synthesis) -> None:
        waits_for = " ".join(pipeline(agnostic, CHURN)["DependsOn"])
        for needed in (
            "FilesCodeCustomResource",
            "JobRoleDataPolicy",
            "JobRoleRuntimePolicy",
            "PipelineRolePolicy",
            "ModelPackageGroups",
        ):
            assert needed in waits_for

    def test_says_where_to_find_it(self, agnostic: Synthesis) -> None:
        outputs = {
            name: shown(output["Value"])
            for name, output in agnostic.template(CHURN)["Outputs"].items()
        }
        arn = "arn:<AWS::Partition>:sagemaker:<AWS::Region>:<AWS::AccountId>:pipeline/churn"
        assert outputs["PipelineArn"] == arn
        assert outputs["PipelineConsole"].startswith(
            "https://<AWS::Region>.console.aws.amazon.com/"
        )
        assert outputs["Bucket"] == BUCKET

    def test_model_package_groups_outlive_the_stack(self, agnostic: Synthesis) -> None:
        groups = agnostic.resources(CHURN, "AWS::SageMaker::ModelPackageGroup")
        assert list(groups) == ["PipelineModelPackageGroupschurnModels5DEDC97B"]
        (group,) = groups.values()
        assert group["DeletionPolicy"] == "Retain"
        assert group["Properties"]["ModelPackageGroupName"] == "churn-Models"
        assert group["Properties"]["ModelPackageGroupDescription"] == "All of them"


class TestRoles:
    def test_only_sagemaker_of_this_account_assumes_them(self, agnostic: Synthesis) -> None:
        roles = agnostic.resources(CHURN, "AWS::IAM::Role")
        for name in ("PipelineJobRole77082595", "PipelinePipelineRole931FC80A"):
            (statement,) = roles[name]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
            assert statement["Principal"] == {"Service": "sagemaker.amazonaws.com"}
            assert shown(statement["Condition"]) == {
                "StringEquals": {"aws:SourceAccount": "<AWS::AccountId>"}
            }

    @pytest.mark.parametrize("stack", [CHURN, PREPARE, WIDE, "Smp-Foundation"])
    def test_no_action_is_a_wildcard(self, agnostic: Synthesis, stack: str) -> None:
        for policy in agnostic.resources(stack, "AWS::IAM::ManagedPolicy").values():
            for statement in policy["Properties"]["PolicyDocument"]["Statement"]:
                assert not any("*" in action for action in statement["Action"])

    def test_only_actions_without_resources_have_every_resource(self, agnostic: Synthesis) -> None:
        everywhere = {
            action
            for policy in agnostic.resources(CHURN, "AWS::IAM::ManagedPolicy").values()
            for statement in policy["Properties"]["PolicyDocument"]["Statement"]
            if "*" in statement["Resource"]
            for action in statement["Action"]
        }
        assert everywhere == {
            "cloudwatch:PutMetricData",
            "ec2:DescribeDhcpOptions",
            "ec2:DescribeNetworkInterfaces",
            "ec2:DescribeSecurityGroups",
            "ec2:DescribeSubnets",
            "ec2:DescribeVpcs",
            "ecr:GetAuthorizationToken",
        }

    def test_jobs_read_what_the_definition_names_and_nothing_else(
        self, agnostic: Synthesis, store: Path
    ) -> None:
        statements = agnostic.statements(CHURN, "PipelineJobRoleDataPolicy")
        (tree,) = full_pipeline(store).code
        own = f"arn:<AWS::Partition>:s3:::{BUCKET}"
        assert shown(statements["ReadData"]["Resource"]) == [
            f"{own}/code/{tree.sha256}",
            f"{own}/code/{tree.sha256}/*",
            "arn:<AWS::Partition>:s3:::company-data/raw",
            "arn:<AWS::Partition>:s3:::company-data/raw/*",
        ]
        assert shown(statements["WriteResults"]["Resource"]) == [
            f"{own}/churn/*",
            f"{own}/models/churn",
            f"{own}/models/churn/*",
        ]

    def test_jobs_pull_only_the_images_of_the_definition(self, agnostic: Synthesis) -> None:
        images = agnostic.statements(CHURN, "PipelineJobRoleRuntimePolicy")["PullImages"]
        own, regional = images["Resource"]
        assert shown(own).endswith(":ecr:<AWS::Region>:<AWS::AccountId>:repository/trainer")
        assert json.dumps(regional).count("Fn::FindInMap") == 1
        assert ":repository/sagemaker-scikit-learn" in json.dumps(regional)

    def test_jobs_write_only_logs_of_their_kind(self, agnostic: Synthesis) -> None:
        logs = agnostic.statements(PREPARE, "PipelineJobRoleRuntimePolicy")["WriteLogs"]
        groups = [shown(resource).partition(":log-group:")[2] for resource in logs["Resource"]]
        assert groups == [
            "/aws/sagemaker/ProcessingJobs",
            "/aws/sagemaker/ProcessingJobs:log-stream:*",
        ]

    def test_jobs_put_interfaces_into_their_subnets_only(self, agnostic: Synthesis) -> None:
        statements = agnostic.statements(CHURN, "PipelineJobRoleRuntimePolicy")
        subnets = [r for r in shown(statements["CreateInterfaces"]["Resource"]) if ":subnet/" in r]
        assert len(subnets) == 2
        assert all("IsolatedSubnet" in subnet for subnet in subnets)
        assert shown(statements["ManageInterfaces"]["Condition"]) == {
            "ArnEquals": {"ec2:Subnet": subnets}
        }

    def test_jobs_use_the_key_through_s3_and_lend_it_to_volumes(self, agnostic: Synthesis) -> None:
        statements = agnostic.statements(CHURN, "PipelineJobRoleRuntimePolicy")
        assert shown(statements["EncryptData"]["Resource"]) == [KEY]
        assert shown(statements["EncryptData"]["Condition"]) == {
            "StringEquals": {"kms:ViaService": "s3.<AWS::Region>.<AWS::URLSuffix>"}
        }
        assert statements["EncryptVolumes"]["Condition"] == {
            "Bool": {"kms:GrantIsForAWSResource": "true"}
        }

    def test_the_pipeline_passes_the_job_role_and_only_to_sagemaker(
        self, agnostic: Synthesis
    ) -> None:
        statement = agnostic.statements(CHURN, "PipelinePipelineRolePolicy")["PassJobRole"]
        assert shown(statement["Resource"]) == ["<PipelineJobRole77082595.Arn>"]
        assert statement["Condition"] == {
            "StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}
        }

    def test_the_pipeline_may_do_what_its_steps_need(self, agnostic: Synthesis) -> None:
        assert set(agnostic.statements(PREPARE, "PipelinePipelineRolePolicy")) == {
            "PassJobRole",
            "RunProcessingJobs",
        }
        assert set(agnostic.statements(CHURN, "PipelinePipelineRolePolicy")) == {
            "DecryptResults",
            "PassJobRole",
            "ReadResults",
            "RegisterModels",
            "RunProcessingJobs",
            "RunTrainingJobs",
        }

    def test_the_pipeline_registers_into_its_own_groups(self, agnostic: Synthesis) -> None:
        statement = agnostic.statements(CHURN, "PipelinePipelineRolePolicy")["RegisterModels"]
        names = {resource.rpartition(":")[2] for resource in shown(statement["Resource"])}
        assert names == {
            "model-package-group/churn-Models",
            "model-package-group/churn-models",
            "model-package/churn-Models/*",
            "model-package/churn-models/*",
        }

    def test_a_brought_role_is_passed_and_not_changed(self, brought: Synthesis) -> None:
        policies = brought.resources(CHURN, "AWS::IAM::ManagedPolicy")
        assert not any("JobRole" in name for name in policies)
        statement = brought.statements(CHURN, "PipelinePipelineRolePolicy")["PassJobRole"]
        assert statement["Resource"] == ["arn:aws:iam::123456789012:role/company/jobs"]


class TestFiles:
    def test_are_uploaded_once_and_never_deleted(self, agnostic: Synthesis) -> None:
        (upload,) = agnostic.resources(CHURN, "Custom::CDKBucketDeployment").values()
        assert upload["Properties"]["Prune"] is False
        assert upload["Properties"]["RetainOnDelete"] is True
        assert upload["Properties"]["DestinationBucketKeyPrefix"] == "code"

    def test_are_those_of_the_pipeline_at_their_hashes(
        self, agnostic: Synthesis, store: Path
    ) -> None:
        (tree,) = full_pipeline(store).code
        assets = agnostic.directory.glob(f"asset.*/{tree.sha256}")
        found = {
            path.relative_to(asset).as_posix()
            for asset in assets
            for path in asset.rglob("*")
            if path.is_file()
        }
        assert found == {"prep.py", "sub/where.json"}
        for directory in agnostic.directory.glob("asset.*"):
            if (directory / tree.sha256 / "prep.py").exists():
                assert [path.name for path in directory.iterdir()] == [tree.sha256]

    def test_with_values_are_filled_in_at_deployment(self, agnostic: Synthesis) -> None:
        (upload,) = agnostic.resources(CHURN, "Custom::CDKBucketDeployment").values()
        _, markers = upload["Properties"]["SourceMarkers"]
        assert [shown(value) for value in markers.values()] == [BUCKET]

    def test_are_copied_by_a_function_that_reads_only_their_archives(
        self, agnostic: Synthesis
    ) -> None:
        statements = agnostic.statements(CHURN, "PipelineFilesPolicy")
        archives = shown(statements["ReadAssets"]["Resource"])
        assert len(archives) == 2
        assert all(str(archive).endswith(".zip") for archive in archives)
        assert {r.partition("/")[2] for r in shown(statements["WriteFiles"]["Resource"])} == {
            "code/*",
            "definitions/*",
        }

    def test_go_to_a_brought_bucket(self, brought: Synthesis) -> None:
        (upload,) = brought.resources(CHURN, "Custom::CDKBucketDeployment").values()
        assert upload["Properties"]["DestinationBucketName"] == "company-pipelines"


class TestStackNames:
    def test_say_the_environment_and_the_pipeline(self, isolated: Synthesis) -> None:
        assert isolated.names() == {
            "Smp-production-Foundation",
            "Smp-production-Pipeline-another",
            "Smp-production-Pipeline-churn",
        }

    def test_stay_within_the_limit_and_apart(self) -> None:
        first, second = (pipeline_stack_id("Smp", "long-" * 40 + end) for end in "ab")
        assert len(first) <= 128
        assert first != second


def test_other_pipelines_change_nothing(isolated: Synthesis, store: Path, tmp_path: Path) -> None:
    from tests.stacks.synthesis import synthesize

    settings = {"account": "123456789012", "region": "eu-west-1", "tags": {"stage": "production"}}
    alone = synthesize(tmp_path, [full_pipeline(store)], settings, "production")
    stack = "Smp-production-Pipeline-churn"
    assert alone.text(stack) == isolated.text(stack)
    foundation = "Smp-production-Foundation"
    assert alone.text(foundation) == isolated.text(foundation)
