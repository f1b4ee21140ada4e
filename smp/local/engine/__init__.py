"""Runs the steps of a compiled pipeline in order: plan, cache, conditions, loops, resume."""
