"""Stands in for SageMaker's factorization machines where their image cannot run: trains one.

Takes the algorithm's hyperparameters and channels, reads its RecordIO files and reports metrics in its
form. Never shipped to AWS. It minimises the squared error with Adam on mini batches; how the image learns
is its own, so figures of the two differ.
"""

import argparse
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from recordio import VALUES, FormatError, Record, Tensor, read_records

SEED = 1
FIRST_DECAY, SECOND_DECAY, SMALL = 0.9, 0.999, 1e-8

Floats = npt.NDArray[np.float32]
Draw = np.random.Generator

REQUIRED: dict[str, Callable[[str], object]] = {
    "feature_dim": int,
    "num_factors": int,
    "predictor_type": str,
}
DEFAULTS: dict[str, int | float | str | None] = {
    "epochs": 1,
    "mini_batch_size": 1000,
    "bias_lr": 0.1,
    "linear_lr": 0.001,
    "factors_lr": 0.0001,
    "bias_wd": 0.01,
    "linear_wd": 0.001,
    "factors_wd": 0.00001,
    **{f"{part}_init_method": "normal" for part in ("bias", "linear", "factors")},
    **{
        f"{part}_init_{name}": None
        for part in ("bias", "linear", "factors")
        for name in ("scale", "value")
    },
    "bias_init_sigma": 0.01,
    "linear_init_sigma": 0.01,
    "factors_init_sigma": 0.001,
    "clip_gradient": None,
    "rescale_grad": None,
    "eps": None,
}
"""The optional hyperparameters, with the defaults of the developer guide."""


def parse_arguments() -> argparse.Namespace:
    """Hyperparameters, which a local run passes as ``--key value``; those of the service and no others."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    for name, kind in REQUIRED.items():
        parser.add_argument(f"--{name}", type=kind, required=True)
    for name, default in DEFAULTS.items():
        kind = float if default is None else type(default)
        parser.add_argument(f"--{name}", type=kind, default=default)
    options = parser.parse_args()
    if options.predictor_type != "regressor":
        parser.error(f"predictor_type is {options.predictor_type}; only regressor runs here")
    return options


@dataclass(frozen=True)
class Rows:
    """Sparse rows of equal width: ``keys`` and ``values`` have a row each, filled up with zeros."""

    keys: npt.NDArray[np.int64]
    values: Floats
    labels: Floats

    def __len__(self) -> int:
        return len(self.keys)

    def take(self, rows: npt.NDArray[np.int64]) -> "Rows":
        """Some of the rows."""
        return Rows(self.keys[rows], self.values[rows], self.labels[rows])


def rows_of(records: Iterable[Record], feature_dim: int, *, with_labels: bool) -> Rows:
    """Puts records into arrays. Raises ValueError for one that does not fit ``feature_dim``."""
    tensors, labels = [], []
    for number, record in enumerate(records, 1):
        features = record.features.get(VALUES)
        if features is None:
            raise ValueError(f"record {number} has no features of the name '{VALUES}'")
        tensors.append(_sparse(features, feature_dim, number))
        if with_labels:
            label = record.label.get(VALUES)
            if label is None or len(label.values) != 1:
                raise ValueError(f"record {number} has not one label")
            labels.append(label.values[0])
    width = max((len(keys) for keys, _ in tensors), default=0)
    keys = np.zeros((len(tensors), width), dtype=np.int64)
    values = np.zeros((len(tensors), width), dtype=np.float32)
    for row, (where, what) in enumerate(tensors):
        keys[row, : len(where)], values[row, : len(what)] = where, what
    return Rows(keys, values, np.array(labels, dtype=np.float32))


def _sparse(
    tensor: Tensor, feature_dim: int, number: int
) -> tuple[tuple[int, ...] | range, tuple[float, ...]]:
    """Keys and values of a vector, dense or sparse."""
    dimension = tensor.shape[0] if tensor.shape else len(tensor.values)
    if dimension != feature_dim:
        raise ValueError(f"record {number} has {dimension} features; feature_dim is {feature_dim}")
    if not tensor.keys:
        if tensor.values and len(tensor.values) != feature_dim:
            raise ValueError(f"record {number} has {len(tensor.values)} values and no keys")
        return range(len(tensor.values)), tensor.values
    if max(tensor.keys) >= feature_dim:
        raise ValueError(
            f"record {number} has the key {max(tensor.keys)} of {feature_dim} features"
        )
    return tensor.keys, tensor.values


def load_channel(name: str, feature_dim: int) -> Rows | None:
    """All files of a channel; None without the channel. Raises ValueError, also for an empty one."""
    directory = os.environ.get(f"SM_CHANNEL_{name.upper()}")
    if directory is None:
        return None
    files = sorted(path for path in Path(directory).rglob("*") if path.is_file())
    try:
        rows = rows_of(_records_of(files), feature_dim, with_labels=True)
    except FormatError as error:
        raise ValueError(f"channel {name}: {error}") from error
    if not len(rows):
        raise ValueError(f"channel {name} has no records")
    return rows


def _records_of(files: Iterable[Path]) -> Iterator[Record]:
    for path in files:
        with path.open("rb") as file:
            yield from read_records(file)


@dataclass(frozen=True)
class Machine:
    """A factorization machine of second order.

    It predicts ``bias + sum of weights + sum over pairs of the products of their factor vectors``, each
    feature counted with its value.
    """

    bias: Floats
    weights: Floats
    factors: Floats

    @classmethod
    def drawn(cls, options: argparse.Namespace, draw: Draw) -> "Machine":
        """A machine before it has learnt anything."""
        sizes = {
            "bias": (1,),
            "linear": (options.feature_dim,),
            "factors": (options.feature_dim, options.num_factors),
        }
        return cls(*(_initial(part, size, options, draw) for part, size in sizes.items()))

    @property
    def feature_dim(self) -> int:
        """How many features it knows."""
        return len(self.weights)

    def predict(self, rows: Rows) -> Floats:
        """The score of each row."""
        return self.forward(rows)[0]

    def forward(self, rows: Rows) -> tuple[Floats, Floats, Floats]:
        """The scores, the weighted factors of each feature of each row, and their sums by row."""
        weighted = self.factors[rows.keys] * rows.values[:, :, None]
        sums = weighted.sum(axis=1)
        # The sum over all pairs, in linear time: half of the squared sum without the squares.
        pairs = 0.5 * ((sums**2).sum(axis=1) - (weighted**2).sum(axis=(1, 2)))
        linear = (self.weights[rows.keys] * rows.values).sum(axis=1)
        return self.bias[0] + linear + pairs, weighted, sums

    def gradients(self, rows: Rows) -> tuple[Floats, Floats, Floats]:
        """The slopes of half the squared error, summed over the rows, by bias, weights and factors."""
        scores, weighted, sums = self.forward(rows)
        errors = scores - rows.labels
        slopes = errors[:, None] * rows.values
        weights = np.bincount(rows.keys.ravel(), slopes.ravel(), self.feature_dim)
        factors = np.zeros_like(self.factors)
        changes = slopes[:, :, None] * (sums[:, None, :] - weighted)
        np.add.at(factors, rows.keys.ravel(), changes.reshape(-1, factors.shape[1]))
        return errors.sum(keepdims=True), weights.astype(np.float32), factors

    def save(self, directory: Path) -> None:
        """Writes the machine as one file of arrays."""
        np.savez(
            directory / "machine.npz", bias=self.bias, weights=self.weights, factors=self.factors
        )

    @classmethod
    def load(cls, directory: Path) -> "Machine":
        """Reads what ``save`` wrote. Raises FileNotFoundError for a model of the image."""
        with np.load(directory / "machine.npz", allow_pickle=False) as arrays:
            return cls(arrays["bias"], arrays["weights"], arrays["factors"])


def _initial(part: str, size: tuple[int, ...], options: argparse.Namespace, draw: Draw) -> Floats:
    method = getattr(options, f"{part}_init_method")
    if method == "normal":
        values = draw.normal(0.0, getattr(options, f"{part}_init_sigma"), size)
    elif method == "uniform":
        scale = _needed(f"{part}_init_scale", options, method)
        values = draw.uniform(-scale, scale, size)
    elif method == "constant":
        values = np.full(size, _needed(f"{part}_init_value", options, method))
    else:
        raise ValueError(f"{part}_init_method is {method}; it may be normal, uniform or constant")
    return values.astype(np.float32)


def _needed(name: str, options: argparse.Namespace, method: str) -> float:
    value = getattr(options, name)
    if value is None:
        raise ValueError(f"{name} is missing: {name.rpartition('_')[0]}_method is {method}")
    return float(value)


class Adam:
    """Steps down the slopes, each parameter at a pace of its own, with weight decay."""

    def __init__(self, machine: Machine, options: argparse.Namespace) -> None:
        self._parameters = (machine.bias, machine.weights, machine.factors)
        self._first = [np.zeros_like(values) for values in self._parameters]
        self._second = [np.zeros_like(values) for values in self._parameters]
        parts = ("bias", "linear", "factors")
        self._rates = [getattr(options, f"{part}_lr") for part in parts]
        self._decays = [getattr(options, f"{part}_wd") for part in parts]
        self._clip = options.clip_gradient
        self._small = SMALL if options.eps is None else options.eps
        self._count = 0

    def step(self, gradients: Iterable[Floats], scale: float) -> None:
        """Changes the parameters in place by the gradients, each multiplied by ``scale`` first."""
        self._count += 1
        correction = np.sqrt(1 - SECOND_DECAY**self._count) / (1 - FIRST_DECAY**self._count)
        for index, (values, gradient) in enumerate(zip(self._parameters, gradients, strict=True)):
            slope = scale * gradient
            if self._clip is not None:
                slope = np.clip(slope, -self._clip, self._clip)
            slope += self._decays[index] * values
            first, second = self._first[index], self._second[index]
            first += (1 - FIRST_DECAY) * (slope - first)
            second += (1 - SECOND_DECAY) * (slope * slope - second)
            values -= self._rates[index] * correction * first / (np.sqrt(second) + self._small)


def fit(rows: Rows, options: argparse.Namespace) -> Machine:
    """Trains a machine: each epoch sees every row once, in an order of its own."""
    draw = np.random.default_rng(SEED)
    machine = Machine.drawn(options, draw)
    adam = Adam(machine, options)
    for epoch in range(options.epochs):
        order = draw.permutation(len(rows))
        for begin in range(0, len(rows), options.mini_batch_size):
            batch = rows.take(order[begin : begin + options.mini_batch_size])
            scale = 1 / len(batch) if options.rescale_grad is None else options.rescale_grad
            adam.step(machine.gradients(batch), scale)
        report(f"epoch={epoch}, train rmse", rmse(machine, rows))
    return machine


def rmse(machine: Machine, rows: Rows) -> float:
    """The root of the mean squared error."""
    return float(np.sqrt(np.mean((machine.predict(rows) - rows.labels) ** 2)))


def report(name: str, value: float) -> None:
    """Prints a metric in the form of SageMaker's algorithms. Raises ValueError when it is no number."""
    if not np.isfinite(value):
        raise ValueError(f"{name} is {value}: the learning rates are too high")
    print(f"#quality_metric: host=algo-1, {name} <loss>={value:.6f}", flush=True)


def main() -> None:
    """Runs one training job in the directories that SageMaker's variables name."""
    options = parse_arguments()
    train, test = (load_channel(name, options.feature_dim) for name in ("train", "test"))
    if train is None:
        raise ValueError("there is no channel of the name 'train'")
    print(f"local stand-in: records={len(train)}; {vars(options)}", flush=True)
    with np.errstate(over="ignore", invalid="ignore"):  # an error that grows too large is reported
        machine = fit(train, options)
        if test is not None:
            report("test rmse", rmse(machine, test))
    model_dir = Path(os.environ.get("SM_MODEL_DIR", "/opt/ml/model"))
    model_dir.mkdir(parents=True, exist_ok=True)
    machine.save(model_dir)


if __name__ == "__main__":
    main()
