"""Keeps runs, objects and registered models as files in the workspace."""
