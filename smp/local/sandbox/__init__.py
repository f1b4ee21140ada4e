"""Where a job runs: each kind of sandbox gives it a private `/opt/ml` and nothing else to write to.

The kind is chosen by probing (`smp.local.sandbox.choose`).
"""
