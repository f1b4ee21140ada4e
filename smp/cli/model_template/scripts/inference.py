"""Serves the model: the four functions that SageMaker's script mode calls, for batch and endpoint."""

import io
from pathlib import Path

import joblib
import numpy as np
import numpy.typing as npt
from sklearn.pipeline import Pipeline

CSV = "text/csv"


def model_fn(model_dir: str) -> Pipeline:
    """Load what train.py saved."""
    model: Pipeline = joblib.load(Path(model_dir) / "model.joblib")
    return model


def input_fn(request_body: str | bytes, content_type: str) -> npt.NDArray[np.float64]:
    """Read rows of numbers without a header, in the column order of the training data."""
    if content_type.split(";")[0].strip() != CSV:
        raise ValueError(f"content type {content_type!r} is not supported; send {CSV}")
    text = request_body.decode("utf-8") if isinstance(request_body, bytes) else request_body
    return np.genfromtxt(io.StringIO(text), delimiter=",", ndmin=2)


def predict_fn(rows: npt.NDArray[np.float64], model: Pipeline) -> npt.NDArray[np.float64]:
    """The probability of label 1 for each row."""
    return np.asarray(model.predict_proba(rows)[:, 1], dtype=np.float64)


def output_fn(probabilities: npt.NDArray[np.float64], accept: str) -> str:
    """One probability a line, with a line end after the last: batches can be put together."""
    if accept not in (CSV, "*/*"):
        raise ValueError(f"accept {accept!r} is not supported; ask for {CSV}")
    return "".join(f"{value:.6f}\n" for value in probabilities)
