"""A step class is complete in every layer, under the same name: configuration, graph, compiler, page."""

from __future__ import annotations

import inspect
import pkgutil
from importlib import import_module
from pathlib import Path
from typing import Any, get_args

import pytest

from smp.compiler.render import renderer_of
from smp.config.steps.any_step import AnyStep
from smp.config.steps.base import Cached, Chaining, Retried, StepBase
from smp.config.steps.section_step import StepConfig
from smp.definition.step_types import STEP_TYPES
from smp.graph import step_classes
from smp.graph.step_classes import STEP_CLASSES
from smp.graph.step_classes.base import StepClass

DOCS = Path(__file__).resolve().parents[2] / "docs"
GENERATED = "configuration.md"
UNION, _ = get_args(AnyStep)
CONFIGS: dict[str, type[StepBase]] = {
    name: model
    for model in get_args(UNION)
    for name in get_args(model.model_fields["step_class"].annotation)
}


def stem_of(step_class: StepClass) -> str:
    """Return the module of `smp.graph.step_classes` that defines a class."""
    for module in pkgutil.iter_modules(step_classes.__path__):
        found = import_module(f"{step_classes.__name__}.{module.name}")
        if any(value is step_class for value in vars(found).values()):
            return module.name
    raise LookupError


def test_what_can_be_written_are_the_step_classes() -> None:
    assert {name: step_class.config for name, step_class in STEP_CLASSES.items()} == CONFIGS


@pytest.mark.parametrize("name", STEP_CLASSES)
def test_a_class_has_the_same_file_stem_in_every_layer(name: str) -> None:
    step_class = STEP_CLASSES[name]
    stem = stem_of(step_class)
    assert step_class.renderer.partition(".")[0] == stem
    if step_class.config is not StepConfig:
        assert step_class.config.__module__ == f"smp.config.steps.{stem}"


@pytest.mark.parametrize("name", STEP_CLASSES)
def test_a_class_has_a_renderer(name: str) -> None:
    assert list(inspect.signature(renderer_of(name)).parameters) == ["context", "node"]


@pytest.mark.parametrize("name", STEP_CLASSES)
def test_a_class_becomes_a_step_of_a_known_type(name: str) -> None:
    assert STEP_CLASSES[name].becomes in STEP_TYPES


@pytest.mark.parametrize("name", STEP_CLASSES)
def test_the_keys_of_a_class_are_those_that_its_rules_need(name: str) -> None:
    step_class = STEP_CLASSES[name]
    fields: Any = step_class.config.model_fields
    names = {
        kind: set(kind.__annotations__) <= fields.keys() for kind in (Cached, Chaining, Retried)
    }
    assert names[Cached] or not step_class.cacheable
    assert names[Chaining] or not step_class.takes_chains
    assert names[Retried] == (step_class.retries is not None)
    assert set(step_class.directories) <= fields.keys()


@pytest.mark.parametrize("name", STEP_CLASSES)
def test_only_a_class_whose_type_is_retried_with_its_job_says_so(name: str) -> None:
    call = STEP_TYPES[STEP_CLASSES[name].becomes].call
    assert STEP_CLASSES[name].retries != "job" or (call is not None and call.is_job)


@pytest.mark.parametrize("name", STEP_CLASSES)
def test_a_page_shows_how_a_class_is_written(name: str) -> None:
    pages = [page for page in DOCS.glob("*.md") if page.name != GENERATED]
    assert any(f"step_class: {name}\n" in page.read_text("utf-8") for page in pages)
