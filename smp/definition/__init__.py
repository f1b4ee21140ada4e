"""Reads a compiled pipeline: its definition, expressions, requests, permissions, code and differences.

Everything that runs, exports, reviews or deploys a pipeline starts from this package.
"""
