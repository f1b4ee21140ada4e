"""Reads and operates what is deployed: executions, logs, deployed definitions; and fetches prices.

It alone makes AWS clients, never deploys anything and never writes a credential.
"""
