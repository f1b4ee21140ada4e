"""What a step reads of another, for each pair of step classes."""

from __future__ import annotations

from pathlib import Path

import pytest

from smp.graph import ChainedInput, build_graph
from tests.graph.workspace import IMAGE, SECTIONS, graph_of, load, pipeline_of

SOURCES = """\
prep: Processing
fit: Training
model: CreateModel
predict: Transform, chain_input_source_step: prep
score: Metrics, chain_input_source_step: predict
"""
OUTPUTS = {
    "prep": (("train", "train"), ("test", "test")),
    "fit": (("model", "train"),),
    "predict": (("predictions", "train"),),
    "score": (("model_evaluation_metrics", "train"),),
}


@pytest.mark.parametrize("source", OUTPUTS)
@pytest.mark.parametrize("reader", ["Processing", "Training"])
def test_processing_and_training_read_every_output(
    reader: str, source: str, tmp_path: Path
) -> None:
    steps = f"{SOURCES}step: {reader}, chain_input_source_step: {source}"
    expected = [ChainedInput(source, output, channel) for output, channel in OUTPUTS[source]]
    assert list(graph_of(tmp_path, steps).node("step").chained) == expected


@pytest.mark.parametrize("source", OUTPUTS)
@pytest.mark.parametrize("reader", ["Transform", "Metrics"])
def test_transform_and_metrics_read_the_output_of_their_own_channel(
    reader: str, source: str, tmp_path: Path
) -> None:
    steps = f"{SOURCES}step: {reader}, chain_input_source_step: {source}"
    chained = graph_of(tmp_path, steps).node("step").chained
    assert chained == (ChainedInput(source, OUTPUTS[source][0][0], "train"),)


def test_the_channels_are_those_of_the_source(tmp_path: Path) -> None:
    """Not those of the step that reads, whose section may differ."""
    models = {"other__preprocess": SECTIONS["preprocess"].replace("test:", "holdout:")}
    text = pipeline_of(
        "@other\nprep: Processing\n@demo\nmore: Processing, chain_input_source_step: prep"
    )
    graph = build_graph(load(tmp_path, text, **models), "demo")
    assert [chain.channel for chain in graph.node("more").chained] == ["train", "holdout"]


def test_a_transform_reads_the_channel_that_its_section_names(tmp_path: Path) -> None:
    graph = graph_of(
        tmp_path,
        "prep: Processing\nfit: Training\nmodel: CreateModel\n"
        "predict: Transform, chain_input_source_step: prep",
        demo__transform="{entry_point: inference.py, channels: test}",
    )
    assert graph.node("predict").chained == (ChainedInput("prep", "test", "test"),)


def test_a_processing_step_without_channels_has_the_output_train(tmp_path: Path) -> None:
    graph = graph_of(
        tmp_path,
        "prep: Processing\nfit: Training, chain_input_source_step: prep",
        demo__preprocess=f"{{image_uri: {IMAGE}, entry_point: preprocess.py}}",
    )
    assert graph.node("fit").chained == (ChainedInput("prep", "train", "train"),)


def test_a_processing_step_takes_another_models_artifact(tmp_path: Path) -> None:
    text = pipeline_of(
        "@other\nfit: Training\n@demo\nprep: Processing, chain_input_source_step: fit"
    )
    graph = build_graph(load(tmp_path, text), "demo")
    assert graph.node("prep").chained == (ChainedInput("fit", "model", "train"),)
    assert graph.node("prep").reads == ("fit",)


def test_a_chain_may_name_a_step_that_is_written_later(tmp_path: Path) -> None:
    graph = graph_of(tmp_path, "fit: Training, chain_input_source_step: prep\nprep: Processing")
    assert [node.name for node in graph.steps] == ["fit", "prep"]
    assert [node.name for node in graph.in_order()] == ["prep", "fit"]


@pytest.mark.parametrize("chain", ["prep", "[prep]"])
@pytest.mark.parametrize("key", ["chain_input_source_step", "chain_input_source_steps"])
def test_a_chain_may_be_a_text_or_a_list_in_both_spellings(
    chain: str, key: str, tmp_path: Path
) -> None:
    graph = graph_of(tmp_path, f"prep: Processing\nfit: Training, {key}: {chain}")
    assert graph.node("fit").reads == ("prep",)


def test_several_sources_keep_the_order_written(tmp_path: Path) -> None:
    graph = graph_of(
        tmp_path, "a: Processing\nb: Processing\nc: Training, chain_input_source_step: [b, a]"
    )
    assert graph.node("c").reads == ("b", "a")
