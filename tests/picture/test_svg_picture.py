"""The SVG is well-formed, complete, readable in both modes, and always the same."""

from __future__ import annotations

import os
import pickle
import re
import subprocess
import sys
from xml.etree import ElementTree

import pytest

from smp.picture.dag import Dag, Edge, Step
from smp.picture.style import DARK, LIGHT, Theme
from smp.picture.svg_picture import describe, render_svg

SVG = "{http://www.w3.org/2000/svg}"


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def test_every_step_stands_in_the_picture_with_its_type(housing: Dag) -> None:
    shown = texts(render_svg(housing))
    assert {step.name for step in housing.steps} <= set(shown)
    assert shown.count("RegisterModel") == 2
    assert "ml.m5.2xlarge · cached 10d" in shown
    assert "2 x ml.m5.xlarge · cached 10d" in shown


def test_orders_without_data_are_drawn_differently_and_explained(housing: Dag) -> None:
    svg = render_svg(housing)
    paths = [p for p in ElementTree.fromstring(svg).iter(f"{SVG}path") if p.get("marker-end")]
    order = [p.findtext(f"{SVG}title") for p in paths if p.get("class") == "edge order"]
    assert order == ["pca-Register-RegisterModel → mlp-Register-RegisterModel"]
    assert len(paths) == len(housing.edges)
    assert "waits, no data" in texts(svg)


def test_what_a_gate_decides_is_no_data_and_told_from_an_order(gated: Dag) -> None:
    svg = render_svg(gated)
    paths = [p for p in ElementTree.fromstring(svg).iter(f"{SVG}path") if p.get("marker-end")]
    assert {p.findtext(f"{SVG}title"): p.get("class") for p in paths} == {
        "metrics → gate": "edge",
        "metrics → register": "edge",
        "metrics → refuse": "edge order",
        "gate → register, if it holds": "edge decision",
        "gate → refuse, else": "edge decision",
    }
    shown = texts(svg)
    assert {"passes data on", "decides whether it runs", "waits, no data"} <= set(shown)
    assert {"RegisterModel · if it holds", "Fail · else"} <= set(shown)
    assert "register (RegisterModel) after metrics, if gate holds." in describe(gated)
    assert "refuse (Fail) after metrics, if gate does not hold." in describe(gated)


def test_the_legend_names_each_model_only_when_there_are_several(housing: Dag, churn: Dag) -> None:
    assert {"housing_pca", "housing_mlp"} <= set(texts(render_svg(housing)))
    assert texts(render_svg(churn))[1] == "5 steps · churn_lightgbm"
    assert "churn_lightgbm" not in texts(render_svg(churn))


def test_a_screen_reader_gets_name_and_every_dependency(housing: Dag) -> None:
    root = ElementTree.fromstring(render_svg(housing))
    labels = (root.get("aria-labelledby") or "").split()
    assert [element.get("id") for element in root[:2]] == labels
    assert root.get("role") == "img"
    assert root[1].text == describe(housing)
    assert "mlp-Metrics (Processing) after mlp-Preprocessing, mlp-Transform." in describe(housing)


def test_names_are_escaped_and_characters_outside_xml_replaced() -> None:
    dag = Dag('<a&b"> \x00', (Step("x]]><script>\x07", "T<y>pe&", "m&m"),), ())
    svg = render_svg(dag)
    assert "<script>" not in svg
    root = ElementTree.fromstring(svg)
    assert root[0].text == 'Pipeline <a&b"> \ufffd'


def test_a_long_name_is_broken_into_lines_and_none_is_lost() -> None:
    name = "a-preparation-of-the-articles-and-of-their-summaries-" + "x" * 11
    shown = texts(render_svg(Dag("long", (Step(name, "Processing"),), ())))
    assert name not in shown
    assert name in "".join(shown)


def test_a_pipeline_without_steps_is_still_a_picture() -> None:
    ElementTree.fromstring(render_svg(Dag("empty", (), ())))


def test_the_same_pipeline_gives_the_same_bytes_under_any_hash_seed(housing: Dag) -> None:
    program = (
        "import pickle, sys; from smp.picture.svg_picture import render_svg;"
        "sys.stdout.write(render_svg(pickle.load(sys.stdin.buffer)))"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program],
            input=pickle.dumps(housing),
            capture_output=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
        ).stdout
        for seed in ("1", "2")
    }
    assert outputs == {render_svg(housing).encode()}


def test_boxes_stay_inside_the_picture_and_apart(forty_steps: Dag) -> None:
    root = ElementTree.fromstring(render_svg(forty_steps))
    width, height = float(root.get("width", "0")), float(root.get("height", "0"))
    boxes = []
    for group in root.iter(f"{SVG}g"):
        x, y = map(float, re.findall(r"[\d.-]+", group.get("transform", "")))
        card = next(rect for rect in group if rect.get("class") == "card")
        boxes.append((x, y, x + float(card.get("width", "0")), y + float(card.get("height", "0"))))
    assert len(boxes) == 40
    assert all(x >= 0 and y >= 0 and right <= width and low <= height for x, y, right, low in boxes)
    for index, (x, y, right, low) in enumerate(boxes):
        for other_x, other_y, other_right, other_low in boxes[:index]:
            assert right < other_x or other_right < x or low < other_y or other_low < y


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_text_and_marks_have_the_contrast_that_wcag_asks_for(theme: Theme) -> None:
    for surface in (theme.page, theme.card):
        assert contrast(theme.text, surface) >= 4.5
        assert contrast(theme.muted, surface) >= 4.5
        assert contrast(theme.line, surface) >= 3
        assert all(contrast(accent, surface) >= 3 for accent in theme.accents)


def test_dark_colours_apply_only_where_the_reader_asked_for_dark(churn: Dag) -> None:
    light, dark = render_svg(churn).split("@media (prefers-color-scheme: dark)")
    assert LIGHT.card in light
    assert DARK.card not in light
    assert DARK.card in dark


def test_an_edge_that_carries_data_wins_over_an_order(housing: Dag) -> None:
    both = Edge("mlp-Metrics", "mlp-Register-RegisterModel", carries_data=True)
    assert both in housing.edges


def contrast(one: str, other: str) -> float:
    """The contrast ratio of WCAG 2.2, section 1.4.3."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    channels = [int(colour[index : index + 2], 16) / 255 for index in (1, 3, 5)]
    red, green, blue = (
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
