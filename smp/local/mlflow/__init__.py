"""Exports runs to an MLflow tracking store."""
