"""Serves house prices through the four handlers of SageMaker's script mode, with NumPy alone.

Never imports Keras: a dense network is a few matrix products, so that SageMaker's stock image for
scikit-learn serves it.
"""

import io
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

CSV = "text/csv"

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Network:
    """Kernel and bias of each dense layer, and the scale of the predicted logarithm."""

    layers: list[tuple[Matrix, Matrix]]
    log_mean: float
    log_deviation: float


def model_fn(model_dir: str) -> Network:
    """Loads the arrays that train.py exported."""
    directory = Path(model_dir)
    facts = json.loads((directory / "network.json").read_text(encoding="utf-8"))
    with np.load(directory / "layers.npz", allow_pickle=False) as arrays:
        layers = [
            (arrays[f"kernel_{index}"].astype(float), arrays[f"bias_{index}"].astype(float))
            for index in range(facts["layers"])
        ]
    return Network(layers, facts["log_mean"], facts["log_deviation"])


def input_fn(request_body: str | bytes, content_type: str) -> Matrix:
    """Reads preprocessed houses from CSV without a header, in the order of preprocess.py."""
    if content_type.split(";")[0].strip() != CSV:
        raise ValueError(f"content type {content_type!r} is not supported; send {CSV}")
    text = request_body.decode("utf-8") if isinstance(request_body, bytes) else request_body
    return np.loadtxt(io.StringIO(text), delimiter=",", ndmin=2)


def predict_fn(houses: Matrix, model: Network) -> Matrix:
    """The price of each house in dollars."""
    expected = model.layers[0][0].shape[0]
    if houses.shape[1] != expected:
        raise ValueError(f"expected {expected} columns, found {houses.shape[1]}")
    values = houses
    for kernel, bias in model.layers[:-1]:
        values = np.maximum(values @ kernel + bias, 0.0)
    kernel, bias = model.layers[-1]
    logs = (values @ kernel + bias)[:, 0] * model.log_deviation + model.log_mean
    return np.asarray(np.exp(logs), dtype=np.float64)


def output_fn(prices: Matrix, accept: str) -> str:
    """One price a line, with a line end after the last: batches can be put together as is."""
    if accept not in (CSV, "*/*"):
        raise ValueError(f"accept {accept!r} is not supported; ask for {CSV}")
    return "".join(f"{value:.2f}\n" for value in prices)
