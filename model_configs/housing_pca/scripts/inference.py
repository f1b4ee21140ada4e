"""Serves the principal components through the four handlers of SageMaker's script mode.

Reads nothing but the model's directory: the module is shipped inside it, as ``code/inference.py``.
"""

import io
from pathlib import Path

import joblib
import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.pipeline import Pipeline

CSV = "text/csv"


def model_fn(model_dir: str) -> Pipeline:
    """Loads what train.py saved. It is a pickle: only load what one's own pipeline wrote."""
    return joblib.load(Path(model_dir) / "pca.joblib")


def input_fn(request_body: str | bytes, content_type: str) -> pd.DataFrame:
    """Reads houses from CSV without a header, in the column order of the training data."""
    if content_type.split(";")[0].strip() != CSV:
        raise ValueError(f"content type {content_type!r} is not supported; send {CSV}")
    text = request_body.decode("utf-8") if isinstance(request_body, bytes) else request_body
    return pd.read_csv(io.StringIO(text), header=None)


def predict_fn(houses: pd.DataFrame, model: Pipeline) -> npt.NDArray[np.float64]:
    """The components of each house, the most telling first."""
    expected = list(model.feature_names_in_)
    if houses.shape[1] != len(expected):
        raise ValueError(f"expected {len(expected)} columns, found {houses.shape[1]}")
    return np.asarray(model.transform(houses.set_axis(expected, axis="columns")), dtype=np.float64)


def output_fn(components: npt.NDArray[np.float64], accept: str) -> str:
    """One house a line, with a line end after the last: batches can be put together as is."""
    if accept not in (CSV, "*/*"):
        raise ValueError(f"accept {accept!r} is not supported; ask for {CSV}")
    return "".join(",".join(f"{value:.6f}" for value in row) + "\n" for row in components)
