"""Checks the steps of each pipeline against each other and against their models."""

from smp.graph.build import build_graph, build_graphs
from smp.graph.nodes import ChainedInput, PipelineGraph, StepNode

__all__ = ["ChainedInput", "PipelineGraph", "StepNode", "build_graph", "build_graphs"]
