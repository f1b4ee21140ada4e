"""Runs a compiled pipeline on this machine: no AWS account, no Docker, no network.

It reads the compiled definition and never a configuration or an SDK object.
"""
