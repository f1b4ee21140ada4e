"""The CDK's own process, made anew: it keeps every construct that it ever made.

It never keeps a construct alive: fixtures that outlive a module hold what a synthesis wrote.
"""

from __future__ import annotations

import importlib.resources
import os
import sys

MAX_OBJECTS = 600
"""About five synthesized applications, 1.2 GiB. With more, its memory keeps it busier than the tests."""


def renew_full_kernel() -> None:
    """End the process behind the CDK's classes where it is full; the next one knows the same libraries."""
    runtime = sys.modules.get("jsii._runtime")
    references = sys.modules.get("jsii._reference_map")
    if runtime is None or references is None or not references._assembly_to_module:
        return
    if runtime.kernel.stats().object_count < MAX_OBJECTS:
        return
    process = runtime.kernel.provider._process
    process.stop()
    process.start()
    references._refs._refs.clear()
    for module in references._assembly_to_module.values():
        library = sys.modules[f"{module}._jsii"].__jsii_assembly__
        place = importlib.resources.files(f"{module}._jsii").joinpath(library.filename)
        with importlib.resources.as_file(place) as path:
            runtime.kernel.load(library.name, library.version, os.fspath(path))
