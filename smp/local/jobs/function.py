"""Runs what stands in on this machine for a function, or for who reads a queue.

The stand-in gets the step's inputs and returns its outputs.
"""

from __future__ import annotations

from typing import Any

from smp.errors import RunError
from smp.local.jobs.container import directories, write_json
from smp.local.jobs.context import StepContext, StepFailure, raise_unless_succeeded
from smp.local.sandbox.base import Job
from smp.local.sandbox.process import run_job
from smp.text.strict_json import read_json

CODE = "/opt/ml/code"
EVENT = "input/event.json"
ANSWER = "output/answer.json"
MAX_ANSWER_BYTES = 6 * 1024 * 1024
"""Invoke's limit on an answer."""
MAX_SECONDS = {"Lambda": 600.0, "Callback": 7 * 24 * 3600.0}
"""How long the service waits: "Lambda step" and "Callback step" in the developer guide."""

CALL = """
import importlib.util, json, sys
sys.path.insert(0, "/opt/ml/code")
spec = importlib.util.spec_from_file_location("stand_in", "/opt/ml/code/" + sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
with open("/opt/ml/input/event.json") as event:
    answer = module.lambda_handler(json.load(event), None)
with open("/opt/ml/output/answer.json", "w") as file:
    json.dump(answer, file)
"""

TYPES: dict[str, tuple[type, ...]] = {
    "String": (str,),
    "Integer": (int,),
    "Float": (int, float),
    "Boolean": (bool,),
}


def run_handler(context: StepContext) -> dict[str, Any]:
    """Call the stand-in's `lambda_handler` and return the step's outputs."""
    if context.stand_in is None:
        raise RunError("the step has no local_stand_in")
    directories(context.opt_ml, ["/opt/ml/output", CODE])
    context.inputs.place_tree(context.stand_in.code, context.opt_ml / "code")
    write_json(context.opt_ml / EVENT, context.arguments)
    limit = MAX_SECONDS[context.step["Type"]]
    ended = run_job(
        context.sandbox,
        Job(
            command=("python3", "-c", CALL, context.stand_in.script),
            environment={},
            opt_ml=context.opt_ml,
            python=context.python,
            network=context.network,
            working_directory=CODE,
        ),
        context.log,
        max_seconds=limit,
        grace_seconds=context.grace_seconds,
        stop=context.stop,
        on_line=context.on_line,
    )
    raise_unless_succeeded(ended, limit, "")
    return {"OutputParameters": _outputs(context, _answer(context))}


def _answer(context: StepContext) -> dict[str, Any]:
    path = context.opt_ml / ANSWER
    place = context.opt_ml.resolve() / ANSWER
    if not path.is_file() or path.resolve() != place or path.stat().st_size > MAX_ANSWER_BYTES:
        raise StepFailure("lambda_handler wrote no answer that can be read")
    try:
        answer = read_json(path.read_text("utf-8"))
    except ValueError as error:
        raise StepFailure(f"lambda_handler wrote no answer that can be read: {error}") from error
    if answer is None:
        return {}
    if not isinstance(answer, dict):
        raise StepFailure(f"lambda_handler returned {answer!r}, no dictionary of outputs")
    return answer


def _outputs(context: StepContext, answer: dict[str, Any]) -> dict[str, Any]:
    declared = context.step.get("OutputParameters", [])
    for output in declared:
        name, kind = output["OutputName"], output["OutputType"]
        if name not in answer:
            raise StepFailure(
                f"lambda_handler returned no '{name}'; it returned: {', '.join(answer) or 'nothing'}"
            )
        value = answer[name]
        if not isinstance(value, TYPES[kind]) or isinstance(value, bool) != (kind == "Boolean"):
            raise StepFailure(
                f"lambda_handler returned {value!r} for '{name}', which is of type {kind}"
            )
    return {output["OutputName"]: answer[output["OutputName"]] for output in declared}
