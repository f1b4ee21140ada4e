"""The handler functions of script mode: those of the model's script, or the toolkit's defaults.

`model_fn`, then `transform_fn` or `input_fn`, `predict_fn` and `output_fn`; each may take a context
as one more argument.
"""

from __future__ import annotations

import importlib
import inspect
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from .encoding import JSON, TEXTS, decode, encode, mime_type

MODEL_DIRECTORY = "/opt/ml/model"
ANY = ("", "*/*")
ARGUMENTS = {"model_fn": 1, "transform_fn": 4, "input_fn": 2, "predict_fn": 2, "output_fn": 2}
"""How many arguments each handler takes, the context left out."""


class BadScriptError(Exception):
    """The model's script does not have what serving needs."""


@dataclass
class Context:
    """What a handler that asks for a context gets of it, as in the SageMaker inference toolkit."""

    headers: Mapping[str, str] = field(default_factory=dict)
    model_dir: str = MODEL_DIRECTORY

    @property
    def system_properties(self) -> dict[str, Any]:
        return {"model_dir": self.model_dir, "gpu_id": None, "batch_size": 1}

    def get_request_header(self, _index: int, name: str) -> str | None:
        """Return a header of the request, None without it."""
        return self.headers.get(name)


class Handlers:
    """A loaded model with the functions that serve it."""

    def __init__(self, script: ModuleType, model_directory: str = MODEL_DIRECTORY) -> None:
        self._functions = _functions_of(script)
        self._model = self._functions["model_fn"](model_directory, Context())

    def serve(
        self, body: bytes, content_type: str, accept: str, context: Context
    ) -> tuple[bytes, str]:
        """Return the response to a body, and its content type."""
        default = os.environ.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", JSON)
        accept = default if accept in ANY else accept
        data = body.decode("utf-8") if mime_type(content_type) in TEXTS else body
        if "transform_fn" in self._functions:
            transform = self._functions["transform_fn"]
            return _response(transform(self._model, data, content_type, accept, context), accept)
        value = self._functions["input_fn"](data, content_type, context)
        prediction = self._functions["predict_fn"](value, self._model, context)
        return _response(self._functions["output_fn"](prediction, accept, context), accept)


def import_script(environment: Mapping[str, str]) -> ModuleType:
    """Import SAGEMAKER_PROGRAM, a file or a dotted module, from SAGEMAKER_SUBMIT_DIRECTORY."""
    directory = environment.get("SAGEMAKER_SUBMIT_DIRECTORY", f"{MODEL_DIRECTORY}/code")
    program = environment["SAGEMAKER_PROGRAM"]
    name = program[: -len(".py")] if program.endswith(".py") else program
    name = name.strip("/").replace("/", ".")
    sys.path.insert(0, directory)
    path = Path(directory, *name.split("."))
    if not path.with_name(f"{path.name}.py").is_file() and not (path / "__init__.py").is_file():
        inside = sorted(
            path.relative_to(directory).as_posix() for path in Path(directory).rglob("*.py")
        )
        raise BadScriptError(
            f"there is no {name.replace('.', '/')}.py in {directory}; "
            f"there is: {', '.join(inside[:20]) or 'no Python file'}"
        )
    return importlib.import_module(name)


def _functions_of(script: ModuleType) -> dict[str, Callable[..., Any]]:
    found = {name: getattr(script, name) for name in ARGUMENTS if hasattr(script, name)}
    if "model_fn" not in found:
        tensorflow = any(hasattr(script, name) for name in ("handler", "input_handler"))
        why = (
            "; its handlers are those of TensorFlow Serving, which is not here"
            if tensorflow
            else ""
        )
        raise BadScriptError(f"{script.__name__}.py has no model_fn{why}")
    if "transform_fn" in found and len(found) > 2:
        raise BadScriptError(
            f"{script.__name__}.py has transform_fn and with it {', '.join(list(found)[2:])}, "
            "which it replaces; keep the one or the others"
        )
    chosen = {"input_fn": decode, "predict_fn": _predict, "output_fn": encode, **found}
    return {name: _with_context(function, ARGUMENTS[name]) for name, function in chosen.items()}


def _predict(value: Any, model: Any) -> Any:
    if hasattr(model, "predict"):
        return model.predict(value)
    if callable(model):
        return model(value)
    raise BadScriptError(f"a {type(model).__name__} has no predict method; write a predict_fn")


def _with_context(function: Callable[..., Any], count: int) -> Callable[..., Any]:
    """Return a handler that takes a context after its arguments, whether the given one does or not."""
    try:
        inspect.signature(function).bind(*range(count + 1))
    except (TypeError, ValueError):
        return lambda *arguments: function(*arguments[:count])
    return function


def _response(result: Any, accept: str) -> tuple[bytes, str]:
    if isinstance(result, tuple) and len(result) == 2:
        result, accept = result[0], _header(result[1])
    if isinstance(result, str):
        return result.encode("utf-8"), accept
    if isinstance(result, (bytes, bytearray, memoryview)):
        return bytes(result), accept
    raise TypeError(f"output_fn must return str or bytes, not {type(result).__name__}")


def _header(content_type: Any) -> str:
    """Return a content type that HTTP can carry; raises ValueError."""
    text = str(content_type)
    if not (text.isascii() and text.isprintable()):
        raise ValueError(f"HTTP cannot carry the content type that output_fn returned: {text!r}")
    return text
