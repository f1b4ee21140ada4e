"""Batch transforms with real models, in the real sandbox, over HTTP."""

from __future__ import annotations

import gzip
import itertools
import json
import struct
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Timer
from typing import Any

import pytest

from smp.definition.evaluate import Scope, resolve
from smp.errors import SetupError
from smp.local.jobs.context import StepFailure
from smp.local.jobs.transform import run_transform
from smp.local.sandbox.choose import choose_sandbox
from tests.local.jobs.workspace import BUCKET, Workspace, transform_request

ENDS_BY_ITSELF_SECONDS = 20
"""Far below what a server that nobody ends would take, far above what a busy machine needs."""

SUM_OF_ROW = """
from pathlib import Path

def model_fn(model_dir):
    return float(Path(model_dir, "weight.txt").read_text())

def input_fn(body, content_type):
    return [[float(cell) for cell in line.split(",")] for line in body.splitlines()]

def predict_fn(rows, weight):
    return [sum(row) * weight for row in rows]

def output_fn(values, accept):
    return "".join(f"{value:g}\\n" for value in values)
"""

ECHO = """
import json, os

def model_fn(model_dir):
    return None

def transform_fn(model, body, content_type, accept):
    body = body if isinstance(body, bytes) else body.encode()
    STATEMENT
"""


def script(statement: str) -> str:
    """Return a script whose transform_fn, given `body` as bytes, is the statement."""
    return ECHO.replace("STATEMENT", statement)


BRACKETS = script('return b"<" + body + b">"')
LENGTH = script("return str(len(body))")
JSON_LINES = script(
    statement="return ''.join(json.dumps({'got': json.loads(l)}) + '\\n' for l in body.splitlines())"
)
WHOLE_JSON = script("return json.dumps({'got': json.loads(body)}), accept")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


def transform(workspace: Workspace, code: str, content: str | bytes, **settings: Any) -> bytes:
    """Transform one object with a script and return the output object."""
    model = workspace.make_model(code)
    uri = workspace.put("in/data.csv", content)
    run_transform(
        workspace.context("predict", "Transform", transform_request(model, uri, **settings))
    )
    assert workspace.keys("out") == ["out/data.csv.out"]
    return workspace.read("out/data.csv.out")


def failure(workspace: Workspace, code: str, content: str | bytes, **settings: Any) -> str:
    """Return why the transform of one object fails."""
    with pytest.raises(StepFailure) as raised:
        transform(workspace, code, content, **settings)
    assert workspace.keys("out") == []
    return str(raised.value)


def test_describes_the_job_and_transforms_each_line(workspace: Workspace) -> None:
    model = workspace.make_model(SUM_OF_ROW)
    uri = workspace.put("in/data.csv", "1,2\n3,4\n")
    request = transform_request(model, uri, SplitType="Line", AssembleWith="Line")
    described = run_transform(workspace.context("predict", "Transform", request))
    assert workspace.read("out/data.csv.out") == b"30\n70\n"
    assert described["TransformJobName"] == "predict-run-1"
    assert described["TransformJobArn"].endswith(":transform-job/predict-run-1")
    assert described["TransformJobStatus"] == "Completed"
    assert described["TransformOutput"]["S3OutputPath"] == f"{BUCKET}/out"
    assert described["TransformStartTime"] <= described["TransformEndTime"]
    assert any("data.csv: records=2 requests=1" in line for line in workspace.lines)


DROPS_FIRST = script('return b"".join(body.splitlines(True)[1:])')


@pytest.mark.parametrize(
    ("code", "content", "settings", "expected"),
    [
        (SUM_OF_ROW, b"1,2\n3,4\n\n", {}, []),
        (DROPS_FIRST, b"1,2\n3,4\n5,6", {}, ["the model answered 2 of 3 rows of data.csv"]),
        (
            DROPS_FIRST,
            gzip.compress(b"1,2\n3,4\n"),
            {"CompressionType": "Gzip"},
            ["the model answered 1 of 2 rows of data.csv"],
        ),
        (DROPS_FIRST, b"1,2\n3,4\n", {"AssembleWith": "None"}, []),
    ],
)
def test_rows_without_an_answer_are_a_warning(
    workspace: Workspace, code: str, content: bytes, settings: dict[str, str], expected: list[str]
) -> None:
    lines = {"SplitType": "Line", "BatchStrategy": "MultiRecord", "AssembleWith": "Line"}
    model, uri = workspace.make_model(code), workspace.put("in/data.csv", content)
    request = transform_request(model, uri, **{**lines, **settings})
    context = workspace.context("predict", "Transform", request)
    run_transform(context)
    assert context.warnings == expected


@pytest.mark.parametrize(
    ("split", "strategy", "assemble", "expected"),
    [
        ("None", None, "None", b"<1,2\n3,4\n>"),
        ("None", None, "Line", b"<1,2\n3,4\n>\n"),
        ("None", "MultiRecord", "None", b"<1,2\n3,4\n>"),
        ("Line", None, "None", b"<1,2\n3,4\n>"),
        ("Line", "MultiRecord", "None", b"<1,2\n3,4\n>"),
        ("Line", "MultiRecord", "Line", b"<1,2\n3,4\n>\n"),
        ("Line", "SingleRecord", "None", b"<1,2\n><3,4\n>"),
        ("Line", "SingleRecord", "Line", b"<1,2\n>\n<3,4\n>\n"),
    ],
)
def test_splits_batches_and_assembles(
    workspace: Workspace, split: str, strategy: str | None, assemble: str, expected: bytes
) -> None:
    settings = {"SplitType": split, "AssembleWith": assemble}
    if strategy:
        settings["BatchStrategy"] = strategy
    assert transform(workspace, BRACKETS, "1,2\n3,4\n", **settings) == expected


@pytest.mark.parametrize(
    ("split", "expected"), [("None", b"<1,2\n3,4\n>"), ("Line", b"<1,2\n><3,4\n>")]
)
def test_a_parameter_says_how_data_is_split(
    workspace: Workspace, split: str, expected: bytes
) -> None:
    written = {"SplitType": {"Get": "Parameters.split"}, "BatchStrategy": {"Get": "Parameters.by"}}
    by = "SingleRecord" if split == "Line" else "MultiRecord"
    settings = resolve(written, Scope({"split": split, "by": by}, {}))
    assert transform(workspace, BRACKETS, "1,2\n3,4\n", **settings) == expected


@pytest.mark.parametrize(
    ("strategy", "input_filter", "join", "output_filter", "expected"),
    [
        *((s, "$[1:]", "None", "$", "10\n20\n") for s in ("SingleRecord", "MultiRecord")),
        *((s, "$[1:]", "Input", "$", "7,1,10\n8,2,20\n") for s in ("SingleRecord", "MultiRecord")),
        *((s, "$[1]", "Input", "$[0,-1]", "7,10\n8,20\n") for s in ("SingleRecord", "MultiRecord")),
        ("MultiRecord", "$", "Input", "$[2]", "80\n100\n"),
        ("MultiRecord", "$", "None", "$[0]", "80\n100\n"),
        ("MultiRecord", "$[1]", "Input", "$[1:]", "1,10\n2,20\n"),
    ],
)
def test_filters_and_joins_csv(
    workspace: Workspace,
    strategy: str,
    input_filter: str,
    join: str,
    output_filter: str,
    expected: str,
) -> None:
    processing = {"InputFilter": input_filter, "JoinSource": join, "OutputFilter": output_filter}
    found = transform(
        workspace,
        SUM_OF_ROW,
        "7,1\n8,2\n",
        SplitType="Line",
        AssembleWith="Line",
        BatchStrategy=strategy,
        DataProcessing=processing,
    )
    assert found.decode() == expected


@pytest.mark.parametrize(
    ("strategy", "content_type"),
    [
        *itertools.product(
            ("SingleRecord", "MultiRecord"), ("application/json", "application/jsonlines")
        )
    ],
)
def test_filters_and_joins_json_lines(
    workspace: Workspace, strategy: str, content_type: str
) -> None:
    found = transform(
        workspace,
        JSON_LINES,
        '{"id": 1, "x": [1, 2]}\n{"id": 2, "x": [3]}\n',
        ContentType=content_type,
        Accept=content_type,
        SplitType="Line",
        AssembleWith="Line",
        BatchStrategy=strategy,
        DataProcessing={
            "InputFilter": "$.x",
            "JoinSource": "Input",
            "OutputFilter": "$['id','SageMakerOutput']",
        },
    )
    assert [json.loads(line) for line in found.splitlines()] == [
        {"id": 1, "SageMakerOutput": {"got": [1, 2]}},
        {"id": 2, "SageMakerOutput": {"got": [3]}},
    ]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ('{"x": 1}', {"x": 1, "SageMakerOutput": {"got": {"x": 1}}}),
        ("[1, 2]", {"SageMakerInput": [1, 2], "SageMakerOutput": {"got": [1, 2]}}),
    ],
)
def test_joins_a_whole_json_document(workspace: Workspace, content: str, expected: Any) -> None:
    found = transform(
        workspace,
        WHOLE_JSON,
        content,
        ContentType="application/json",
        Accept="application/json",
        DataProcessing={"JoinSource": "Input"},
    )
    assert json.loads(found) == expected


def record_io(*records: bytes) -> bytes:
    """Return records in RecordIO frames, padded to four bytes."""
    return b"".join(
        struct.pack("<II", 0xCED7230A, len(record)) + record + b"\0" * (-len(record) % 4)
        for record in records
    )


def tf_record(*records: bytes) -> bytes:
    """Return records in TFRecord frames; nobody reads the checksums."""
    return b"".join(struct.pack("<QI", len(r), 0) + r + struct.pack("<I", 0) for r in records)


@pytest.mark.parametrize(
    ("split", "strategy", "expected"),
    [
        ("RecordIO", "SingleRecord", b"1\n5\n"),
        ("RecordIO", "MultiRecord", b"28\n"),
        ("TFRecord", "SingleRecord", b"1\n5\n"),
        ("TFRecord", "MultiRecord", b"38\n"),
    ],
)
def test_sends_binary_records_alone_without_their_frame(
    workspace: Workspace, split: str, strategy: str, expected: bytes
) -> None:
    content = {"RecordIO": record_io, "TFRecord": tf_record}[split](b"a", b"bcdef")
    settings = {"SplitType": split, "BatchStrategy": strategy, "AssembleWith": "Line"}
    found = transform(workspace, LENGTH, content, ContentType="application/x-recordio", **settings)
    assert found == expected


def test_fills_each_request_up_to_the_largest_payload(workspace: Workspace) -> None:
    line = "x" * 300_000 + "\n"
    settings = {"SplitType": "Line", "AssembleWith": "Line", "MaxPayloadInMB": 1}
    found = transform(workspace, LENGTH, line * 7, **settings)
    assert found == b"900003\n900003\n300001\n"


def test_sends_a_whole_object_in_chunks_where_the_payload_has_no_limit(
    workspace: Workspace,
) -> None:
    content = "x" * 7_000_000
    assert transform(workspace, LENGTH, content, MaxPayloadInMB=0) == b"7000000"
    assert "MaxPayloadInMB = 6" in failure(Workspace(_fresh(workspace)), LENGTH, content)


def test_keeps_the_paths_below_the_prefix(workspace: Workspace) -> None:
    model = workspace.make_model(SUM_OF_ROW)
    for key in ("in/a/one.csv", "in/a/b/two.csv", "in/three.csv", "inner/four.csv"):
        workspace.put(key, "1,2\n")
    request = transform_request(model, f"{BUCKET}/in/")
    run_transform(workspace.context("predict", "Transform", request))
    assert workspace.keys("out") == [
        "out/a/b/two.csv.out",
        "out/a/one.csv.out",
        "out/three.csv.out",
    ]


@pytest.mark.parametrize("hosts", [1, 2, 5])
def test_reads_a_manifest_and_shares_its_objects_among_hosts(
    workspace: Workspace, hosts: int
) -> None:
    code = script("import socket; return socket.gethostname()")
    model = workspace.make_model(code)
    for name in ("a", "b", "c"):
        workspace.put(f"in/{name}.csv", name)
    workspace.put("in/ignored.csv", "x")
    manifest = json.dumps([{"prefix": f"{BUCKET}/in/"}, "a.csv", "b.csv", "c.csv"])
    uri = workspace.put("in.manifest", manifest)
    request = transform_request(model, uri, S3DataType="ManifestFile", InstanceCount=hosts)
    run_transform(workspace.context("predict", "Transform", request))
    found = [workspace.read(key).decode() for key in workspace.keys("out")]
    assert found == [f"algo-{index % hosts + 1}" for index in range(3)]


def test_decompresses_gzip_input(workspace: Workspace) -> None:
    content = gzip.compress(b"1,2\n3,4\n")
    found = transform(workspace, SUM_OF_ROW, content, CompressionType="Gzip", SplitType="Line")
    assert found == b"30\n70\n"


def test_gives_the_container_the_variables_of_batch_transform(workspace: Workspace) -> None:
    code = script("return json.dumps(dict(os.environ))")
    settings = {
        "SplitType": "Line",
        "BatchStrategy": "SingleRecord",
        "MaxPayloadInMB": 7,
        "MaxConcurrentTransforms": 2,
        "Environment": {"COLOUR": "green"},
    }
    found = json.loads(transform(workspace, code, "x\n", **settings))
    expected = {
        "SAGEMAKER_BATCH": "true",
        "SAGEMAKER_BATCH_STRATEGY": "SINGLE_RECORD",
        "SAGEMAKER_MAX_PAYLOAD_IN_MB": "7",
        "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS": "2",
        "COLOUR": "green",
        "SAGEMAKER_PROGRAM": "inference.py",
    }
    assert expected.items() <= found.items()


def test_handlers_may_take_a_context_and_return_a_content_type(workspace: Workspace) -> None:
    code = """
def model_fn(model_dir, context):
    return context.system_properties["model_dir"]

def input_fn(body, content_type, context=None):
    return context.get_request_header(0, "Content-Type")

def predict_fn(data, model, context):
    return f"{model} {data}"

def output_fn(prediction, accept, context):
    return prediction, "text/plain"
"""
    assert transform(workspace, code, "x") == b"/opt/ml/model text/csv"


def test_the_default_handlers_serve_a_scikit_learn_model(workspace: Workspace) -> None:
    linear_model = pytest.importorskip("sklearn.linear_model")
    import pickle

    regression = linear_model.LinearRegression().fit([[0, 0], [1, 1], [2, 0]], [0, 2, 2])
    code = "import pickle\ndef model_fn(d): return pickle.load(open(d + '/model.pkl', 'rb'))\n"
    uri = workspace.put_model({"code/inference.py": code, "model.pkl": pickle.dumps(regression)})
    model = workspace.make_model_of(uri)
    data = workspace.put("in/data.csv", "0,1\n3,4\n")
    for accept in ("text/csv", "application/json"):
        request = transform_request(model, data, Accept=accept)
        run_transform(workspace.context("predict", "Transform", request))
        found = workspace.read("out/data.csv.out").decode()
        values = json.loads(found) if accept == "application/json" else found.split()
        assert [round(float(value), 6) for value in values] == [1.0, 7.0]


def test_imports_a_dotted_module_and_its_neighbours(workspace: Workspace) -> None:
    uri = workspace.put_model(
        {
            "code/transform/inference.py": "from transform.own import model_fn, transform_fn",
            "code/transform/own.py": BRACKETS,
        }
    )
    model = workspace.make_model_of(uri, {"SAGEMAKER_PROGRAM": "transform.inference"})
    request = transform_request(model, workspace.put("in/data.csv", "x"))
    run_transform(workspace.context("predict", "Transform", request))
    assert workspace.read("out/data.csv.out") == b"<x>"


def test_takes_the_code_from_an_archive_in_the_bucket(workspace: Workspace) -> None:
    source = workspace.put_model({"serve.py": BRACKETS}, "code/sourcedir.tar.gz")
    model = workspace.make_model_of(
        workspace.put_model({"weight.txt": "1"}),
        {"SAGEMAKER_PROGRAM": "serve.py", "SAGEMAKER_SUBMIT_DIRECTORY": source},
    )
    request = transform_request(model, workspace.put("in/data.csv", "x"))
    run_transform(workspace.context("predict", "Transform", request))
    assert workspace.read("out/data.csv.out") == b"<x>"


@pytest.mark.parametrize("sandbox", ["namespaces", "rewriting"])
def test_two_jobs_at_once_serve_in_other_sandboxes_too(workspace: Workspace, sandbox: str) -> None:
    try:
        workspace.sandbox = choose_sandbox(sandbox)
    except SetupError as error:
        pytest.skip(str(error))
    contexts = []
    for number in (1, 2):
        model = workspace.make_model(script(f"import time; time.sleep(0.3); return '{number}'"))
        request = transform_request(model, workspace.put("in/data.csv", "x"))
        request["TransformOutput"]["S3OutputPath"] = f"{BUCKET}/out/{number}"
        contexts.append(workspace.context("predict", "Transform", request))
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(run_transform, contexts))
    assert [workspace.read(f"out/{number}/data.csv.out") for number in (1, 2)] == [b"1", b"2"]


def test_retries_a_failing_request(workspace: Workspace) -> None:
    code = script(
        statement="""
    count = int(open("/tmp/count").read()) if os.path.exists("/tmp/count") else 0
    open("/tmp/count", "w").write(str(count + 1))
    if count < 2:
        raise OSError("not yet")
    return str(count)"""
    )
    assert transform(workspace, code, "x") == b"2"


def test_starts_another_server_process_when_one_dies(workspace: Workspace) -> None:
    code = script(
        statement="""
    if not os.path.exists("/tmp/died"):
        open("/tmp/died", "w").close()
        os.kill(os.getpid(), 9)
    return "alive" """
    )
    assert transform(workspace, code, "x") == b"alive"


def test_replaces_any_number_of_server_processes_that_answer(workspace: Workspace) -> None:
    code = script(
        statement="""
    if model.append(1) or len(model) > 1:
        os.kill(os.getpid(), 9)
    return body"""
    ).replace("return None", "return []")
    content = "".join(f"{number}\n" for number in range(12))
    settings = {"SplitType": "Line", "BatchStrategy": "SingleRecord"}
    assert transform(workspace, code, content, **settings).decode() == content


def test_fails_at_once_where_every_server_process_dies(workspace: Workspace) -> None:
    model = workspace.make_model(script("os.kill(os.getpid(), 11)"))
    for number in range(30):
        workspace.put(f"in/{number:02}.csv", "1")
    request = transform_request(model, f"{BUCKET}/in")
    started = time.monotonic()
    with pytest.raises(StepFailure) as raised:
        run_transform(workspace.context("predict", "Transform", request))
    assert str(raised.value).startswith(
        "AlgorithmError: the inference server ended: its process ended 21 times in a row before it had "
        "answered a request, at last with signal 11 (Segmentation fault); 00.csv, record 1: "
    )
    assert "failed: 29.csv, record 1: the inference server has ended" in workspace.lines
    assert time.monotonic() - started < ENDS_BY_ITSELF_SECONDS


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (
            "import asyncio; raise asyncio.CancelledError('stop it')",
            "HTTP 500: CancelledError: stop it (2 attempts)",
        ),
        ("raise KeyboardInterrupt", "HTTP 500: KeyboardInterrupt (2 attempts)"),
        ("raise SystemExit('bye')", "HTTP 500: SystemExit: bye (2 attempts)"),
        (
            "return body, 'text/csv; n=\u20ac'",
            "HTTP 500: ValueError: HTTP cannot carry the content type that output_fn returned: "
            "'text/csv; n=\u20ac' (2 attempts)",
        ),
    ],
)
def test_fails_with_what_ended_a_request_and_answers_the_next(
    workspace: Workspace, statement: str, expected: str
) -> None:
    model = workspace.make_model(script(f"if body == b'1': {statement}\n    return body"))
    for name in ("1", "2"):
        workspace.put(f"in/{name}.csv", name)
    config = {"InvocationsMaxRetries": 1}
    request = transform_request(model, f"{BUCKET}/in", ModelClientConfig=config)
    with pytest.raises(StepFailure) as raised:
        run_transform(workspace.context("predict", "Transform", request))
    assert str(raised.value) == f"AlgorithmError: 1.csv, record 1: {expected}"
    assert workspace.keys("out") == ["out/2.csv.out"]
    assert "Traceback (most recent call last):" in workspace.lines


def test_fails_naming_a_number_of_workers_that_is_none(workspace: Workspace) -> None:
    environment = {"SAGEMAKER_MODEL_SERVER_WORKERS": "auto"}
    assert failure(workspace, BRACKETS, "x", Environment=environment) == (
        "AlgorithmError: the inference server cannot start: SAGEMAKER_MODEL_SERVER_WORKERS is 'auto', "
        "not a number of processes"
    )


@pytest.mark.parametrize("minor", range(8, 14))
def test_runs_in_the_python_of_an_image(workspace: Workspace, minor: int) -> None:
    found = [
        *(Path.home() / ".pyenv/versions").glob(f"3.{minor}.*/bin/python3"),
        *Path("/usr/bin").glob(f"python3.{minor}"),
    ]
    if not found:
        pytest.skip(f"there is no Python 3.{minor}")
    model = workspace.make_model(SUM_OF_ROW)
    workspace.put("in/a.csv", "7,1\n8,2\n")
    workspace.put("in/b.csv", "7,oops\n")
    request = transform_request(
        model,
        f"{BUCKET}/in",
        SplitType="Line",
        AssembleWith="Line",
        DataProcessing={"InputFilter": "$[1:]", "JoinSource": "Input"},
        ModelClientConfig={"InvocationsMaxRetries": 0},
    )
    context = workspace.context("predict", "Transform", request)
    with pytest.raises(StepFailure, match=r"b\.csv, record 1: HTTP 500: ValueError: could not"):
        run_transform(replace(context, python=found[0].parent))
    assert workspace.read("out/a.csv.out") == b"7,1,10\n8,2,20\n"


def test_several_requests_at_once_keep_the_order(workspace: Workspace) -> None:
    code = script(
        statement="import time; time.sleep(0.3 if body == b'0\\n' else 0); return body + b''"
    )
    content = "".join(f"{number}\n" for number in range(20))
    settings = {"SplitType": "Line", "BatchStrategy": "SingleRecord", "MaxConcurrentTransforms": 4}
    assert transform(workspace, code, content, **settings).decode() == content


def test_fails_naming_the_record_that_a_handler_could_not_take(workspace: Workspace) -> None:
    reason = failure(
        workspace,
        SUM_OF_ROW,
        "1,2\n3,oops\n",
        SplitType="Line",
        BatchStrategy="SingleRecord",
        ModelClientConfig={"InvocationsMaxRetries": 1},
    )
    assert reason == (
        "AlgorithmError: data.csv, record 2: HTTP 500: ValueError: could not convert string to "
        "float: 'oops' (2 attempts)"
    )
    assert "Traceback (most recent call last):" in workspace.lines


def test_fails_with_the_beginning_of_a_long_reason(workspace: Workspace) -> None:
    code = script("raise ValueError('too long: ' + '.' * 5000 + 'end')")
    config = {"InvocationsMaxRetries": 0}
    reason = failure(workspace, code, "x", ModelClientConfig=config)
    said = reason.removeprefix("AlgorithmError: ")
    assert said.startswith("data.csv, record 1: HTTP 500: ValueError: too long: ...")
    assert len(said) == 1024


def test_fails_but_keeps_the_objects_that_went_through(workspace: Workspace) -> None:
    model = workspace.make_model(SUM_OF_ROW)
    for name, content in (("a", "1,2\n"), ("b", "oops\n"), ("c", "3,4\n")):
        workspace.put(f"in/{name}.csv", content)
    config = {"InvocationsMaxRetries": 0}
    request = transform_request(model, f"{BUCKET}/in", ModelClientConfig=config)
    with pytest.raises(StepFailure, match=r"b\.csv, record 1: HTTP 500"):
        run_transform(workspace.context("predict", "Transform", request))
    assert workspace.keys("out") == ["out/a.csv.out", "out/c.csv.out"]


def test_fails_but_transforms_the_objects_after_a_damaged_one(workspace: Workspace) -> None:
    model = workspace.make_model(BRACKETS)
    packed = gzip.compress(b"1,2\n" * 1_000_000, compresslevel=0)
    workspace.put("in/a.gz", packed[:3_000_000] + b"\xff" * 70_000)
    workspace.put("in/b.gz", gzip.compress(b"1\n"))
    settings = {"CompressionType": "Gzip", "SplitType": "Line", "MaxPayloadInMB": 1}
    request = transform_request(model, f"{BUCKET}/in/", **settings)
    with pytest.raises(StepFailure, match=r"a\.gz: it cannot be read as gzip: Error -3"):
        run_transform(workspace.context("predict", "Transform", request))
    assert any("failed: a.gz" in line for line in workspace.lines)
    assert workspace.keys("out") == ["out/b.gz.out"]


def test_fails_without_a_part_of_an_object_when_the_client_is_killed(workspace: Workspace) -> None:
    code = script(
        statement="""
    if body == b"2\\n":
        os.kill(int(open(f"/proc/{os.getppid()}/stat").read().split()[3]), 9)
    return body"""
    )
    settings = {"SplitType": "Line", "BatchStrategy": "SingleRecord"}
    assert "exit code" in failure(workspace, code, "1\n" * 9 + "2\n", **settings)


def test_fails_noting_what_nobody_foresaw_as_the_object_s_fault(workspace: Workspace) -> None:
    model = workspace.make_model(LENGTH)
    workspace.put("in/a.json", "[" * 200_000)
    workspace.put("in/b.json", "[1]")
    request = transform_request(
        model,
        f"{BUCKET}/in",
        ContentType="application/json",
        Accept="application/json",
        DataProcessing={"InputFilter": "$[0]"},
    )
    with pytest.raises(StepFailure, match=r"a\.json: RecursionError: maximum recursion depth"):
        run_transform(workspace.context("predict", "Transform", request))
    assert workspace.keys("out") == ["out/b.json.out"]


GZIP = gzip.compress(b"1,2\n" * 9, mtime=0)


@pytest.mark.parametrize(
    ("settings", "content", "expected"),
    [
        ({"MaxPayloadInMB": 1}, "x" * 1_100_000, "record 1 has 1,100,000 bytes, more than Max"),
        ({"SplitType": "RecordIO"}, "1,2\n3,4\n", "it is not in RecordIO format"),
        ({"SplitType": "TFRecord"}, "1,2\n", "it ends inside a record: 4 of 12 bytes are there"),
        (
            {"SplitType": "TFRecord"},
            "123456,123456\n",
            "it ends inside a record: 2 of 3,543,266,608,970,674,737 bytes are there",
        ),
        ({"SplitType": "TFRecord"}, b"\xff" * 12 + b"x", "1 of 18,446,744,073,709,551,615 bytes"),
        ({"CompressionType": "Gzip"}, "1,2\n", "it cannot be read as gzip: Not a gzipped file"),
        ({"CompressionType": "Gzip"}, GZIP[:10] + b"\xff" * 30, "as gzip: Error -3 while"),
        ({"CompressionType": "Gzip"}, GZIP[:14], "as gzip: Compressed file ended before"),
        ({"DataProcessing": {"InputFilter": "$[5]"}}, "1,2\n", "index 5 is outside the record"),
        (
            {"DataProcessing": {"JoinSource": "Input"}, "SplitType": "Line"},
            "1,2\n\n3,4\n5,6\n",
            "records 1 to 3: the model returned 1 results for 3 records",
        ),
    ],
)
def test_fails_naming_what_is_wrong_with_the_input(
    workspace: Workspace, settings: dict[str, Any], content: str | bytes, expected: str
) -> None:
    reason = failure(workspace, LENGTH, content, **settings)
    assert reason.startswith("AlgorithmError: data.csv")
    assert expected in reason


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"BatchStrategy": "SingleRecord"}, "BatchStrategy SingleRecord needs a SplitType"),
        ({"MaxConcurrentTransforms": 20, "MaxPayloadInMB": 6}, "more than 100 MB"),
        ({"DataProcessing": {"InputFilter": "$..x"}}, "'$..x' cannot be read at character 2"),
        (
            {"DataProcessing": {"JoinSource": "Input"}, "SplitType": "TFRecord"},
            "filters and JoinSource need SplitType None or Line, not TFRecord",
        ),
        (
            {"DataProcessing": {"JoinSource": "Input"}, "ContentType": "image/png"},
            "need another ContentType than image/png",
        ),
        (
            {"DataProcessing": {"JoinSource": "Input"}, "Accept": "application/json"},
            "JoinSource cannot join text/csv with application/json",
        ),
    ],
)
def test_fails_before_it_starts_on_settings_the_service_refuses(
    workspace: Workspace, settings: dict[str, Any], expected: str
) -> None:
    assert expected in failure(workspace, LENGTH, "1,2\n", **settings)
    assert workspace.lines == []


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("def predict_fn(data, model): return data", "inference.py has no model_fn"),
        ("def input_handler(data, context): return data", "are those of TensorFlow Serving"),
        ("import no_such_module", "No module named 'no_such_module'"),
        (
            "def model_fn(d): raise ValueError('too old')",
            "could not be loaded: ValueError: too old",
        ),
        ("def model_fn(d): raise SystemExit(1)", "the model could not be loaded: SystemExit: 1"),
        (BRACKETS + "\ndef input_fn(b, c): return b", "has transform_fn and with it input_fn"),
        ("def model_fn(d): raise KeyboardInterrupt", "not be loaded: KeyboardInterrupt"),
        (
            "import os; os.kill(os.getpid(), 9)",
            "the inference server ended: its process ended 6 times in a row before it had its model, "
            "at last with signal 9 (Killed)",
        ),
        (
            "import os; os._exit(7)",
            "before it had its model, at last with exit code 7",
        ),
    ],
)
def test_fails_saying_why_the_model_was_not_loaded(
    workspace: Workspace, code: str, expected: str
) -> None:
    started = time.monotonic()
    assert expected in failure(workspace, code, "1,2\n")
    assert time.monotonic() - started < ENDS_BY_ITSELF_SECONDS


def test_fails_where_the_artifact_lacks_the_script(workspace: Workspace) -> None:
    uri = workspace.put_model({"code/other.py": BRACKETS, "weight.txt": "1"})
    request = transform_request(workspace.make_model_of(uri), workspace.put("in/data.csv", "x"))
    with pytest.raises(StepFailure) as raised:
        run_transform(workspace.context("predict", "Transform", request))
    assert "there is no inference.py in /opt/ml/model/code; there is: other.py" in str(raised.value)


def test_fails_on_an_image_with_its_own_server_saying_what_to_do(workspace: Workspace) -> None:
    name = workspace.make_model(BRACKETS)
    path = workspace.places.root / "models" / f"{name}.json"
    model = json.loads(path.read_text())
    del model["PrimaryContainer"]["Environment"]
    path.write_text(json.dumps(model))
    request = transform_request(name, workspace.put("in/data.csv", "x"))
    with pytest.raises(StepFailure) as raised:
        run_transform(workspace.context("predict", "Transform", request))
    assert "brings its own server, which cannot run here" in str(raised.value)
    assert "hint: give the model an entry_point" in str(raised.value)


def test_fails_on_a_model_that_nobody_made(workspace: Workspace) -> None:
    name = workspace.make_model(BRACKETS)
    request = transform_request(f"{name}x", workspace.put("in/data.csv", "x"))
    with pytest.raises(StepFailure, match=rf"there is no model '{name}x'; did you mean '{name}'"):
        run_transform(workspace.context("predict", "Transform", request))


def test_fails_without_output_when_it_is_stopped(workspace: Workspace) -> None:
    model = workspace.make_model(script("import time; time.sleep(60)"))
    request = transform_request(model, workspace.put("in/data.csv", "x"))
    timer = Timer(0.8, workspace.stop.set)
    timer.start()
    started = time.monotonic()
    with pytest.raises(StepFailure, match="the run was stopped"):
        run_transform(workspace.context("predict", "Transform", request))
    assert time.monotonic() - started < ENDS_BY_ITSELF_SECONDS
    assert workspace.keys("out") == []


def test_gives_up_on_a_handler_that_does_not_answer(workspace: Workspace) -> None:
    code = script("import time; time.sleep(60)")
    config = {"InvocationsTimeoutInSeconds": 1, "InvocationsMaxRetries": 0}
    reason = failure(workspace, code, "x", ModelClientConfig=config)
    assert "data.csv, record 1: no answer within 1 s (1 attempts)" in reason


def test_an_invocation_takes_less_than_two_milliseconds(workspace: Workspace) -> None:
    content = "1,2\n" * 10_000
    started = time.monotonic()
    found = transform(
        workspace,
        SUM_OF_ROW,
        content,
        SplitType="Line",
        BatchStrategy="SingleRecord",
        AssembleWith="Line",
    )
    seconds = time.monotonic() - started
    assert found == b"30\n" * 10_000
    assert seconds / 10_000 < 0.002


def _fresh(workspace: Workspace) -> Path:
    directory = workspace.root / "fresh"
    directory.mkdir()
    return directory
