"""Stands in for the server of SageMaker's factorization machines: answers requests as it does.

Loads what local_train.py saved, and no model of the image. Never shipped to AWS.
"""

import json
import re
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path

from local_train import Machine, rows_of
from recordio import VALUES, Record, Tensor, read_records, write_records

RECORDIO, JSON, JSON_LINES = (
    "application/x-recordio-protobuf",
    "application/json",
    "application/jsonlines",
)


def model_fn(model_dir: str) -> Machine:
    """Loads the machine."""
    return Machine.load(Path(model_dir))


def transform_fn(
    machine: Machine, body: bytes | str, content_type: str, accept: str
) -> tuple[bytes, str]:
    """Answers a request in one of the algorithm's formats."""
    content = body.encode() if isinstance(body, str) else body
    rows = rows_of(_read_request(content, content_type), machine.feature_dim, with_labels=False)
    return _write_answer(machine.predict(rows).tolist(), accept), accept


def _read_request(body: bytes, content_type: str) -> list[Record]:
    kind = content_type.split(";")[0].strip()
    if kind == RECORDIO:
        return list(read_records(BytesIO(body)))
    if kind == JSON:
        return [_record_of_json(instance) for instance in json.loads(body)["instances"]]
    raise ValueError(f"content type {content_type!r} is not supported; send {RECORDIO} or {JSON}")


def _record_of_json(instance: Mapping[str, Mapping[str, Mapping[str, list[float]]]]) -> Record:
    features = instance["data"]["features"]
    keys, shape = ([int(n) for n in features.get(name, ())] for name in ("keys", "shape"))
    return Record({VALUES: Tensor(tuple(features["values"]), tuple(keys), tuple(shape))})


def _write_answer(scores: list[float], accept: str) -> bytes:
    kind = re.split(r"[;,]", accept)[0].strip()
    if kind == JSON_LINES:
        return "".join(json.dumps({"score": score}) + "\n" for score in scores).encode()
    if kind == JSON:
        return json.dumps({"predictions": [{"score": score} for score in scores]}).encode()
    if kind == RECORDIO:
        buffer = BytesIO()
        write_records(buffer, (Record({}, {"score": Tensor((score,))}) for score in scores))
        return buffer.getvalue()
    raise ValueError(
        f"accept {accept!r} is not supported; ask for {JSON_LINES}, {JSON} or {RECORDIO}"
    )
