"""The graph that is built: implied steps, emitted names, groups, notes."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from smp.config.load import load_project
from smp.errors import ConfigError, Problem
from smp.graph import build_graph, build_graphs
from smp.graph.channels import training_channel
from smp.graph.nodes import model_package_group_name
from tests.graph.workspace import DIRECTORY, IMAGE, graph_of, load, pipeline_of, write

FULL = """\
fit: Training
model: CreateModel
predict: Transform, chain_input_source_step: prep
prep: Processing
score: Metrics, chain_input_source_step: predict
register: RegisterModel
"""
REPACK = f"{{InferenceSpecification: {{image_uri: {IMAGE}}}}}"


def test_each_class_finds_the_steps_that_it_relies_on(tmp_path: Path) -> None:
    graph = graph_of(tmp_path, FULL)
    assert graph.node("model").reads == ("fit",)
    assert graph.node("predict").reads == ("prep", "model")
    assert graph.node("register").reads == ("fit", "score")
    assert graph.node("register").create_model is None


def test_the_last_training_step_before_is_meant(tmp_path: Path) -> None:
    graph = graph_of(tmp_path, "a: Training\nb: Training\nmodel: CreateModel\nc: Training")
    assert graph.node("model").training == "b"


def test_a_training_step_that_is_written_later_counts_where_there_is_no_earlier(
    tmp_path: Path,
) -> None:
    graph = graph_of(tmp_path, "model: CreateModel\na: Training\nb: Training")
    assert graph.node("model").training == "b"


def test_create_model_and_register_model_append_their_class(tmp_path: Path) -> None:
    graph = graph_of(tmp_path, FULL)
    assert graph.node("model").emitted == ("model-CreateModel",)
    assert graph.node("register").emitted == ("register-RegisterModel",)
    assert graph.node("fit").emitted == ("fit",)


def test_a_model_is_packed_once_and_registered_as_packed(tmp_path: Path) -> None:
    graph = graph_of(tmp_path, FULL, demo__registry=REPACK)
    assert graph.node("model").emitted == ("model-RepackModel-0", "model-CreateModel")
    assert graph.node("register").create_model == "model"
    assert graph.node("register").emitted == ("register-RegisterModel",)


def test_a_model_without_create_model_is_packed_for_registration(tmp_path: Path) -> None:
    graph = graph_of(tmp_path, "fit: Training\nregister: RegisterModel", demo__registry=REPACK)
    assert graph.node("register").emitted == ("register-RepackModel-0", "register-RegisterModel")


def test_what_another_training_made_is_packed_on_its_own(tmp_path: Path) -> None:
    """Sharing the first one's pack would register the artifact of another training."""
    steps = "fit: Training\nmodel: CreateModel\nagain: Training\nregister: RegisterModel"
    node = graph_of(tmp_path, steps, demo__registry=REPACK).node("register")
    assert (node.training, node.create_model, node.repacks) == ("again", None, True)


def test_a_group_is_named_by_the_registry_or_by_project_and_model(tmp_path: Path) -> None:
    registry = f"{{ModelPackageGroupName: churners, ModelRepack: no, {REPACK[1:]}"
    steps = "fit: Training\nregister: RegisterModel"
    graph = graph_of(tmp_path / "own", steps, demo__registry=registry)
    assert model_package_group_name(graph.pipeline, graph.models[0]) == "churners"
    graph = graph_of(tmp_path / "default", steps)
    assert model_package_group_name(graph.pipeline, graph.models[0]) == "demo-demo"


def test_a_project_name_begins_the_groups_name(tmp_path: Path) -> None:
    text = pipeline_of("fit: Training\nregister: RegisterModel")
    text = text.replace("conf:\n", "conf:\n  projectName: sales\n")
    graph = build_graph(load(tmp_path, text), "demo")
    assert model_package_group_name(graph.pipeline, graph.models[0]) == "sales-demo"


def test_hyphens_and_dots_of_a_chained_channel_become_underscores(tmp_path: Path) -> None:
    graph = graph_of(
        tmp_path, "my-prep: Processing\nfit: Training, chain_input_source_step: my-prep"
    )
    section = graph.node("fit").model.config.train
    assert section is not None
    channels = [training_channel(chain, section) for chain in graph.node("fit").chained]
    assert channels == ["my_prep_train", "my_prep_test"]


def test_a_pipeline_of_exactly_the_limit_is_taken(tmp_path: Path) -> None:
    steps = "\n".join(f"s{index}: Processing" for index in range(50))
    assert len(graph_of(tmp_path, steps).steps) == 50


def test_max_steps_raises_the_limit(tmp_path: Path) -> None:
    text = pipeline_of("\n".join(f"s{index}: Processing" for index in range(60)))
    text = text.replace("    models:\n", "    maxSteps: 60\n    models:\n", 1)
    assert len(build_graph(load(tmp_path, text), "demo").steps) == 60


def test_seven_files_and_three_chains_fit_by_a_manifest(tmp_path: Path) -> None:
    files = ", ".join(f"{{sourceName: f{i}, fileName: s3://data/f{i}}}" for i in range(7))
    channels = f"{{train: {{dataFiles: [{files}]}}}}"
    section = f"{{image_uri: {IMAGE}, entry_point: preprocess.py, channels: {channels}}}"
    steps = "a: Processing\nb: Processing\nc: Processing\n"
    steps += "all: Processing, chain_input_source_step: [a, b, c]"
    assert len(graph_of(tmp_path, steps, demo__preprocess=section).node("all").chained) == 3


def test_step_type_may_repeat_the_section_of_the_class(tmp_path: Path) -> None:
    steps = "prep: Processing, step_type: preprocess\nfit: Training, step_type: train"
    assert len(graph_of(tmp_path, steps).steps) == 2


def test_a_name_that_executions_may_not_take_is_noted(tmp_path: Path) -> None:
    name = "p" * 83
    project = load(tmp_path, pipeline_of("prep: Processing").replace(": demo\n", f": {name}\n", 1))
    (note,) = build_graph(project, name).notes
    assert str(note) == (
        f"{DIRECTORY}/conf/pipeline.yaml:3:19: conf.sagemakerPipeline.pipelineName: a name of 83 "
        "characters has been reported to fail at execution\n    hint: keep it to 82 characters"
    )
    assert graph_of(tmp_path / "short", "prep: Processing").notes == ()


def test_a_problem_of_a_step_says_where_the_step_is_written(tmp_path: Path) -> None:
    graph = graph_of(tmp_path, "prep: Processing\nfit: Training")
    assert str(graph.at_step(graph.node("fit"), Problem("is odd"))) == (
        f"{DIRECTORY}/conf/pipeline.yaml:8:13: conf.sagemakerPipeline.models.demo.steps[1]: "
        "step fit: is odd"
    )


def test_a_graph_can_be_handed_to_another_process(tmp_path: Path) -> None:
    graph = graph_of(tmp_path, FULL)
    assert pickle.loads(pickle.dumps(graph)) == graph


def test_fails_for_an_unknown_pipeline_with_near_names(tmp_path: Path) -> None:
    project = load(tmp_path, pipeline_of("prep: Processing"))
    with pytest.raises(ConfigError) as error:
        build_graph(project, "demos")
    assert str(error.value) == (
        "there is no pipeline 'demos'\n    allowed: demo\n    hint: did you mean 'demo'?"
    )


def test_fails_with_the_problems_of_every_pipeline(tmp_path: Path) -> None:
    load(tmp_path, pipeline_of("fit: Training, chain_input_source_step: nothing"))
    second = pipeline_of("prep: Processing", "[prep >> prep]").replace(": demo\n", ": second\n", 1)
    write(tmp_path / DIRECTORY / "conf/second.yaml", second)
    with pytest.raises(ConfigError) as error:
        build_graphs(load_project(tmp_path))
    files = [str(problem.location).split(":")[0] for problem in error.value.problems]
    assert files == [f"{DIRECTORY}/conf/pipeline.yaml", f"{DIRECTORY}/conf/second.yaml"]


def test_fails_where_two_pipelines_claim_one_group(tmp_path: Path) -> None:
    text = pipeline_of("fit: Training\nregister: RegisterModel")
    load(tmp_path, text)
    shared = text.replace(": demo\n", ": second\n", 1).replace(
        "conf:\n", "conf:\n  projectName: demo\n"
    )
    write(tmp_path / DIRECTORY / "conf/second.yaml", shared)
    with pytest.raises(
        ConfigError, match="'demo-demo' is also claimed by model 'demo' of pipeline"
    ):
        build_graphs(load_project(tmp_path))
