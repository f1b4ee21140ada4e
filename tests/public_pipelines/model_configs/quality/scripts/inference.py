"""Serves the line that training wrote."""

import json
from pathlib import Path


def model_fn(model_dir: str) -> tuple[float, float]:
    """Load slope and intercept."""
    slope, intercept = json.loads((Path(model_dir) / "model.json").read_text("utf-8"))
    return slope, intercept


def input_fn(body: str | bytes, _content_type: str) -> list[float]:
    """Return the last number of each row."""
    text = body.decode() if isinstance(body, bytes) else body
    return [float(line.split(",")[-1]) for line in text.split()]


def predict_fn(values: list[float], model: tuple[float, float]) -> list[float]:
    """Predict each row."""
    return [model[0] * value + model[1] for value in values]


def output_fn(predictions: list[float], _accept: str) -> str:
    """Return a prediction a line."""
    return "".join(f"{value}\n" for value in predictions)
