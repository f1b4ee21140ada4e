"""Serves the churn model through the four handlers of SageMaker's script mode.

Reads nothing but the model's directory: the module is shipped inside it, as ``code/inference.py``.
"""

import io
import json
from dataclasses import dataclass
from pathlib import Path

import lightgbm as lgb
import numpy as np
import numpy.typing as npt
import pandas as pd

CSV = "text/csv"


@dataclass(frozen=True)
class ChurnModel:
    """The trained trees, with the columns and categories that they were trained on."""

    booster: lgb.Booster
    features: list[str]
    categories: dict[str, list[str]]


def model_fn(model_dir: str) -> ChurnModel:
    """Loads what train.py saved."""
    directory = Path(model_dir)
    expects = json.loads((directory / "features.json").read_text(encoding="utf-8"))
    booster = lgb.Booster(model_file=directory / "model.txt")
    return ChurnModel(booster, expects["features"], expects["categories"])


def input_fn(request_body: str | bytes, content_type: str) -> pd.DataFrame:
    """Reads customers from CSV without a header, in the column order of the training data."""
    if content_type.split(";")[0].strip() != CSV:
        raise ValueError(f"content type {content_type!r} is not supported; send {CSV}")
    text = request_body.decode("utf-8") if isinstance(request_body, bytes) else request_body
    return pd.read_csv(io.StringIO(text), header=None)


def predict_fn(customers: pd.DataFrame, model: ChurnModel) -> npt.NDArray[np.float64]:
    """The probability of churn of each customer."""
    if customers.shape[1] != len(model.features):
        raise ValueError(
            f"expected {len(model.features)} columns ({', '.join(model.features)}), "
            f"found {customers.shape[1]}"
        )
    types = {name: pd.CategoricalDtype(values) for name, values in model.categories.items()}
    features = customers.set_axis(model.features, axis="columns").astype(types)
    return np.asarray(model.booster.predict(features), dtype=np.float64)


def output_fn(probabilities: npt.NDArray[np.float64], accept: str) -> str:
    """One probability a line, with a line end after the last: batches can be put together as is."""
    if accept not in (CSV, "*/*"):
        raise ValueError(f"accept {accept!r} is not supported; ask for {CSV}")
    return "".join(f"{value:.6f}\n" for value in probabilities)
