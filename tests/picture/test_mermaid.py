"""The mermaid text says what the picture says."""

from __future__ import annotations

from smp.picture.dag import Dag, Edge, Step
from smp.picture.mermaid import render_mermaid


def test_models_are_groups_and_orders_are_dashed(housing: Dag) -> None:
    lines = render_mermaid(housing).splitlines()
    assert lines[0] == "flowchart TB"
    assert '    subgraph m1["housing_mlp"]' in lines
    assert '        s0["pca-Preprocessing<br/><small>Processing</small>"]' in lines
    assert "    s0 --> s1" in lines
    assert "    s2 -.-> s8" in lines
    assert len([line for line in lines if ">" in line and "[" not in line]) == len(housing.edges)


def test_what_a_gate_decides_stands_on_its_arrows(gated: Dag) -> None:
    lines = render_mermaid(gated).splitlines()
    assert lines[2].endswith("dashed ones only order, those with words a decision")
    assert '    s1 -.->|"if it holds"| s2' in lines
    assert '    s1 -.->|"else"| s3' in lines
    assert "    s0 --> s1" in lines


def test_steps_without_a_model_stand_outside_of_groups() -> None:
    dag = Dag("plain", (Step("a", "Training"), Step("b", "Fail")), (Edge("a", "b", False),))
    assert render_mermaid(dag) == (
        "flowchart TB\n"
        "    accTitle: plain\n"
        "    accDescr: 2 steps; solid arrows carry data, dashed ones only order\n"
        '    s0["a<br/><small>Training</small>"]\n'
        '    s1["b<br/><small>Fail</small>"]\n'
        "    s0 -.-> s1\n"
    )


def test_names_cannot_end_a_label() -> None:
    text = render_mermaid(Dag('x\n"', (Step('a"]; click <b>', "T"),), ()))
    assert 's0["a#quot;]; click #lt;b#gt;<br/><small>T</small>"]' in text
    assert 'accTitle: x "\n' in text
