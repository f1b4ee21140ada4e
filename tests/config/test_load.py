"""What a valid workspace means: merging, placeholders, directories and links."""

from __future__ import annotations

from pathlib import Path

import pytest

from smp.config.load import load_project
from smp.config.project import Pipeline
from smp.config.read.placeholders import SMP_NAMES
from smp.config.steps.section_step import StepConfig
from smp.definition import deploy_values
from smp.errors import ConfigError, Location, ScriptError
from tests.config.workspace import BASE, CONF, make_workspace, place_file

DIRECTORY = "model_configs/churn/conf"
MODEL = "conf: {models: {churn: {source_directory: scripts}}}\n"
TRAIN = "conf: {models: {churn: {train: {image_uri: train:1, entry_point: train.py}}}}\n"


def pipeline_file(name: str, framework: str = "") -> str:
    return (
        f"conf:\n{framework}  sagemakerPipeline:\n    pipelineName: {name}\n"
        "    models: {churn: {steps: [{step_name: a, step_class: Training}]}}\n"
    )


def load_one(directory: Path, change: tuple[str, str], **environ: str) -> Pipeline:
    text = BASE.replace(*change)
    assert text != BASE
    [pipeline] = load_project(make_workspace(directory, {CONF: text}), environ=environ).pipelines
    return pipeline


class TestMerging:
    def test_sections_of_one_model_may_stand_in_several_files(self, tmp_path: Path) -> None:
        files = {"a.yaml": MODEL, "b.yaml": TRAIN, "c.yaml": pipeline_file("churn")}
        workspace = make_workspace(tmp_path, {f"{DIRECTORY}/{n}": t for n, t in files.items()})
        [model] = load_project(workspace).models.values()
        assert model.file == f"{DIRECTORY}/a.yaml"
        assert model.config.train is not None
        assert model.locate("train", "image_uri") == Location(f"{DIRECTORY}/b.yaml", 1, 44)

    def test_each_pipeline_section_is_a_pipeline_and_they_are_sorted(self, tmp_path: Path) -> None:
        files = {CONF: MODEL, f"{DIRECTORY}/1.yaml": pipeline_file("weekly")}
        files[f"{DIRECTORY}/2.yaml"] = pipeline_file("daily")
        pipelines = load_project(make_workspace(tmp_path, files)).pipelines
        assert [pipeline.config.pipeline_name for pipeline in pipelines] == ["daily", "weekly"]

    def test_framework_keys_are_for_the_pipeline_of_their_file(self, tmp_path: Path) -> None:
        files = {
            CONF: MODEL,
            f"{DIRECTORY}/1.yaml": pipeline_file("own", "  s3Bucket: own-bucket\n"),
            f"{DIRECTORY}/2.yaml": pipeline_file("shared"),
            f"{DIRECTORY}/framework.yaml": "conf:\n  s3Bucket: shared-bucket\n"
            "  sagemakerNetworkSecurity: {subnets: , internet_egress: true}\n"
            "  models: {projectName: sales, modelName: x}\n  applicationName: y\n",
        }
        project = load_project(make_workspace(tmp_path, files))
        own, shared = project.pipelines
        assert (own.s3_bucket, shared.s3_bucket) == ("own-bucket", "shared-bucket")
        assert own.project_name == shared.project_name == "sales"
        assert own.network.internet_egress is shared.network.internet_egress is True
        assert [note.path for note in project.notes] == [
            "conf.models.modelName",
            "conf.applicationName",
        ]

    def test_the_project_is_named_like_the_pipeline_unless_told(self, tmp_path: Path) -> None:
        [pipeline] = load_project(make_workspace(tmp_path, {CONF: BASE})).pipelines
        assert pipeline.project_name == "churn"
        assert pipeline.s3_bucket is None

    def test_anchors_aliases_and_merge_keys(self, tmp_path: Path) -> None:
        text = """\
conf:
  models:
    churn:
      source_directory: scripts
      preprocess: &job
        framework_version: "1.2-1"
        entry_point: preprocess.py
        instance_count: 3
    prices:
      source_directory: ../churn/scripts
      preprocess:
        <<: *job
        instance_count: 4
"""
        text = text.replace("../churn/", "") + pipeline_file("churn").removeprefix("conf:\n")
        models = load_project(make_workspace(tmp_path, {CONF: text})).models
        counts = [
            m.config.preprocess and m.config.preprocess.instance_count for m in models.values()
        ]
        assert counts == [3, 4]
        assert models["prices"].locate("preprocess", "entry_point").line == 7

    def test_a_dot_in_a_models_name(self, tmp_path: Path) -> None:
        text = BASE.replace("churn:\n", "churn.v2:\n").replace(
            "registry:\n", "registry:\n        ModelPackageGroupName: churn-v2\n"
        )
        assert list(load_project(make_workspace(tmp_path, {CONF: text})).models) == ["churn.v2"]


class TestScalars:
    def test_what_yaml_1_1_would_change_stays_text(self, tmp_path: Path) -> None:
        env = (
            "env: {COUNTRY: NO, DATE: 2024-01-31, ACCOUNT: 012345, TIME: 12:30, RATE: 1e-4, N: 1.5}"
        )
        text = BASE.replace("instance_count: 2", env)
        [model] = load_project(make_workspace(tmp_path, {CONF: text})).models.values()
        assert model.config.train is not None
        assert model.config.train.env == {
            "COUNTRY": "NO",
            "DATE": "2024-01-31",
            "ACCOUNT": "012345",
            "TIME": "12:30",
            "RATE": "1e-4",
            "N": "1.5",
        }

    @pytest.mark.parametrize("word", ["true", '"True"', "yes", "on", '"true"'])
    def test_flags(self, tmp_path: Path, word: str) -> None:
        pipeline = load_one(tmp_path, ("enable_cache: True", f"enable_cache: {word}"))
        step = pipeline.config.models["churn"].steps[0]
        assert isinstance(step, StepConfig)
        assert step.enable_cache is True

    @pytest.mark.parametrize(
        ("change", "attribute", "value"),
        [
            (("volume_size_in_gb", "max_run_time_in_seconds"), "max_runtime_seconds", 64),
            (("volume_size_in_gb", "max_runtime_in_seconds"), "max_runtime_seconds", 64),
            (("hyperparameters", "hyperparams"), "hyperparameters", {"rounds": 100}),
        ],
    )
    def test_other_spellings(
        self, tmp_path: Path, change: tuple[str, str], attribute: str, value: object
    ) -> None:
        workspace = make_workspace(tmp_path, {CONF: BASE.replace(*change)})
        train = load_project(workspace).models["churn"].config.train
        assert getattr(train, attribute) == value


class TestPlaceholders:
    def test_the_names_are_those_of_the_compiler(self) -> None:
        assert set(SMP_NAMES.values()) == {
            deploy_values.ACCOUNT_ID,
            deploy_values.REGION,
            deploy_values.BUCKET,
            deploy_values.ROLE_ARN,
            deploy_values.SUBNETS,
            deploy_values.SECURITY_GROUP_IDS,
        }

    def test_network_and_role(self, tmp_path: Path) -> None:
        [pipeline] = load_project(make_workspace(tmp_path, {CONF: BASE})).pipelines
        assert pipeline.network.subnets == (deploy_values.SUBNETS,)
        assert pipeline.network.security_groups_id == (deploy_values.SECURITY_GROUP_IDS,)
        assert pipeline.network.role == deploy_values.ROLE_ARN

    def test_subnets_with_commas(self, tmp_path: Path) -> None:
        written = "subnets: subnet-11111111 , subnet-22222222,"
        pipeline = load_one(tmp_path, ("subnets: SMP_SUBNETS", written))
        assert pipeline.network.subnets == ("subnet-11111111", "subnet-22222222")

    @pytest.mark.parametrize("written", ["", '""', "[]", "' , '"])
    def test_empty_subnets_are_absent(self, tmp_path: Path, written: str) -> None:
        pipeline = load_one(tmp_path, ("subnets: SMP_SUBNETS", f"subnets: {written}"))
        assert pipeline.network.subnets == ()

    def test_list_items_and_inner_segments(self, tmp_path: Path) -> None:
        pipeline = load_one(
            tmp_path,
            (
                "    dependencies:",
                "    description: a.SMP_REGION, SMP_ACCOUNTID\n    dependencies:",
            ),
        )
        assert pipeline.config.description == "a.${smp:region}, ${smp:account_id}"

    def test_no_other_environment_variable_is_ever_put_in(self, tmp_path: Path) -> None:
        pipeline = load_one(
            tmp_path,
            ("    dependencies:", "    description: HOME.$HOME.${HOME}\n    dependencies:"),
            HOME="/root",
        )
        assert pipeline.config.description == "HOME.$HOME.${HOME}"

    def test_text_and_numbers_from_the_environment(self, tmp_path: Path) -> None:
        pipeline = load_one(
            tmp_path,
            ("pipelineName: churn", "pipelineName: churn-${env:STAGE}\n    maxSteps: ${env:STEPS}"),
            STAGE="dev",
            STEPS="60",
        )
        assert (pipeline.config.pipeline_name, pipeline.config.max_steps) == ("churn-dev", 60)

    def test_a_variables_value_is_not_searched_for_placeholders(self, tmp_path: Path) -> None:
        pipeline = load_one(
            tmp_path,
            ("    dependencies:", '    description: "x ${env:TEXT}"\n    dependencies:'),
            TEXT="SMP_REGION ${env:OTHER}",
        )
        assert pipeline.config.description == "x SMP_REGION ${env:OTHER}"


class TestDirectories:
    def test_the_models_own_directory_comes_before_the_workspace(self, tmp_path: Path) -> None:
        workspace = make_workspace(tmp_path, {CONF: BASE})
        (workspace / "scripts").mkdir()
        model = load_project(workspace).models["churn"]
        assert model.directory == (workspace / "model_configs/churn").resolve()
        assert model.source_directory == model.directory / "scripts"

    def test_a_directory_below_the_workspace(self, tmp_path: Path) -> None:
        text = BASE.replace("directory: scripts", "directory: model_configs/churn/scripts")
        model = load_project(make_workspace(tmp_path, {CONF: text})).models["churn"]
        assert model.source_directory == model.directory / "scripts"

    def test_a_model_directory_that_is_a_link(self, tmp_path: Path) -> None:
        elsewhere = make_workspace(tmp_path / "checkout", {CONF: BASE})
        workspace = tmp_path / "workspace"
        (workspace / "model_configs").mkdir(parents=True)
        (workspace / "model_configs/churn").symlink_to(elsewhere / "model_configs/churn")
        model = load_project(workspace).models["churn"]
        assert model.directory == (elsewhere / "model_configs/churn").resolve()
        assert model.file == CONF

    def test_fails_for_another_models_directory(self, tmp_path: Path) -> None:
        text = BASE.replace("directory: scripts", "directory: model_configs/prices/scripts")
        workspace = make_workspace(tmp_path, {CONF: text})
        (workspace / "model_configs/prices/scripts").mkdir(parents=True)
        with pytest.raises(ScriptError, match="leads out of the model's own directory"):
            load_project(workspace)

    def test_fails_for_a_source_directory_that_links_out(self, tmp_path: Path) -> None:
        workspace = make_workspace(tmp_path, {CONF: BASE.replace("y: scripts", "y: linked")})
        (workspace / "model_configs/churn/linked").symlink_to("/etc")
        with pytest.raises(ScriptError, match="leads out of the model's own directory"):
            load_project(workspace)

    def test_fails_for_a_script_that_links_out(self, tmp_path: Path) -> None:
        workspace = make_workspace(tmp_path, {CONF: BASE})
        script = workspace / "model_configs/churn/scripts/train.py"
        script.unlink()
        script.symlink_to(place_file(tmp_path / "outside.py", ""))
        with pytest.raises(ScriptError, match=r"train\.entry_point: is a link out of the model's"):
            load_project(workspace)

    def test_a_script_that_links_to_another_of_the_model(self, tmp_path: Path) -> None:
        workspace = make_workspace(tmp_path, {CONF: BASE})
        script = workspace / "model_configs/churn/scripts/train.py"
        script.unlink()
        script.symlink_to("evaluate.py")
        assert load_project(workspace).models

    def test_a_workspace_that_is_the_models_directory(self, tmp_path: Path) -> None:
        workspace = make_workspace(tmp_path, {CONF: BASE}) / "model_configs/churn"
        assert (
            load_project(workspace, "conf/*.yaml").models["churn"].directory == workspace.resolve()
        )

    def test_two_stars_make_no_circle_of_links(self, tmp_path: Path) -> None:
        workspace = make_workspace(tmp_path, {CONF: BASE})
        for name in ("a", "b", "c"):
            (workspace / "model_configs" / name).symlink_to(".")
        assert list(load_project(workspace, "**/conf/*.yaml").models) == ["churn"]

    def test_fails_with_script_error_only_when_the_files_are_right(self, tmp_path: Path) -> None:
        workspace = make_workspace(tmp_path, {CONF: BASE})
        (workspace / "model_configs/churn/scripts/train.py").unlink()
        with pytest.raises(ScriptError):
            load_project(workspace)
        place_file(workspace / CONF, BASE.replace("instance_count: 2", "instance_count: 0"))
        with pytest.raises(ConfigError) as caught:
            load_project(workspace)
        assert len(caught.value.problems) == 2
