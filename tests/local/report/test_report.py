"""A report is one file, complete, and takes in no text as markup."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest

from smp.local.report import render_report
from smp.local.store.places import Places
from smp.local.store.run_store import FAILED, SUCCEEDED
from tests.local.example_runs import (
    BEGAN,
    HOSTILE,
    Example,
    begin,
    end,
    pipeline,
    put,
    searched,
    step,
    write_log,
    write_step,
)
from tests.local.report.conftest import write_report

VOID = {"meta", "input", "br", "link"}


class Document(HTMLParser):
    """Reads HTML and notes its text, ids, links and whether every element is closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open_tags: list[str] = []
        self.mismatched: list[str] = []
        self.ids: list[str] = []
        self.hrefs: list[str] = []
        self.sources: list[str] = []
        self.scripts = 0
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open_tags.append(tag)
        self.scripts += tag == "script"
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name == "href":
                self.hrefs.append(value or "")
            if name in ("src", "srcset", "data", "action", "poster", "background"):
                self.sources.append(value or "")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        if not self.open_tags or self.open_tags.pop() != tag:
            self.mismatched.append(tag)

    def handle_data(self, data: str) -> None:
        if not self.open_tags or self.open_tags[-1] not in ("style", "script"):
            self.text += data


@pytest.fixture(params=["succeeded", "failed", "forty"])
def example(request: pytest.FixtureRequest) -> Example:
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Example)
    return found


def report_of(example: Example) -> str:
    return write_report(example).read_text("utf-8")


def test_a_report_is_whole_and_loads_nothing(example: Example) -> None:
    html = report_of(example)
    document = Document(html)
    assert document.mismatched == []
    assert document.open_tags == []
    assert document.sources == []
    assert document.scripts == 1
    assert not re.search(r"url\((?!#)|@import", html)
    assert all(not re.match(r"[a-z]+:", href) for href in document.hrefs)


def test_every_link_leads_to_something(example: Example) -> None:
    document = Document(report_of(example))
    assert len(document.ids) == len(set(document.ids))
    for href in document.hrefs:
        if href.startswith("#"):
            assert href[1:] in document.ids
        else:
            assert (example.run.directory / unquote(href)).exists(), href


def test_the_same_run_gives_the_same_bytes(example: Example) -> None:
    assert report_of(example) == report_of(example)


def test_every_step_stands_in_picture_timeline_and_list(example: Example) -> None:
    document = Document(report_of(example))
    for name in example.run.record().steps:
        anchor = f"#step-{example.run.record().steps.index(name) + 1}"
        assert document.hrefs.count(anchor) >= 2
        assert name in document.text


def test_a_run_that_went_well_shows_what_it_came_to(succeeded: Example) -> None:
    text = Document(report_of(succeeded)).text
    for shown in (
        "0.84527",
        "± 0.00981",
        "Confusion matrix",
        "last 0.84501, lowest 0.7853, highest 0.84501, 97 values",
        "churn-lightgbm version 3",
        "PendingManualApproval",
        "Cache hit: the result of run 20260228-101500-0a1b2c",
        "Ran: changed since its latest success: HyperParameters",
        "s3://smp-local/churn/train",
        "churn_lightgbm/scripts",
        "200 kB",
        "Parameter learning_rate",
        "bubblewrap",
        "53.3 s",
    ):
        assert shown in text, shown
    assert "failed" not in text.lower()


def test_lineage_names_code_and_content_by_hash(succeeded: Example) -> None:
    html = report_of(succeeded)
    tree = succeeded.compiled.code[-1]
    whole = re.findall(r"</summary><code>([0-9a-f]{64})</code></details>", html)
    assert tree.sha256 in whole
    assert len(whole) >= 4
    assert "changed since this step began" not in html


def test_a_changed_input_is_pointed_out(tmp_path: Path) -> None:
    places = Places(tmp_path)
    compiled = pipeline("p", step("train", "Training"))
    run = begin(places, compiled)
    put(places, "s3://smp-local/data/rows.csv", "1\n").touch()
    source = {"S3DataSource": {"S3Uri": "s3://smp-local/data"}}
    arguments = {"InputDataConfig": [{"ChannelName": "train", "DataSource": source}]}
    write_step(run, "train", "Training", SUCCEEDED, 0, 1, arguments=arguments)
    html = render_report(run, compiled, places)
    assert "changed since this step began" in html


def test_a_failure_comes_first_with_its_log_and_what_to_do(failed: Example) -> None:
    html = report_of(failed)
    text = Document(html).text
    run = failed.run.id
    assert html.index('id="failures"') < html.index('id="results"') < html.index('id="pipeline"')
    for shown in (
        "1 step failed",
        "AlgorithmError: the script ended with exit code 1: KeyError",
        "indexer = self.columns._get_indexer_strict",
        "smp run churn-lightgbm --only churn-transform",
        "smp run churn-lightgbm",
        f"smp logs {run} churn-transform",
        "Skipped: churn-transform, which it waits for, ended as Failed",
    ):
        assert shown in text, shown
    assert "loading part 3 of" not in text


def test_hostile_logs_stay_text(failed: Example) -> None:
    html = report_of(failed)
    assert HOSTILE not in html
    assert HOSTILE in Document(html).text
    assert "epoch 1: 100%" in html
    assert "epoch 1:  10%" not in html
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202e]", html)


def test_a_stand_in_and_an_unfinished_run_are_clearly_marked(forty: Example) -> None:
    text = Document(report_of(forty)).text
    assert "model-0-training ran a stand-in: scripts/local_xgboost.py" in text
    assert "say nothing about the real algorithm" in text
    assert "1 h 01 min · stand-in" in text
    assert f"If it was killed, resume with: smp run forty-steps --resume {forty.run.id}" in text
    assert "1 h 08 min so far" in text


def test_tuning_trials_are_listed_with_the_best_one(forty: Example) -> None:
    text = Document(report_of(forty)).text
    assert "validation:rmse of 12 trials, best is 9" in text
    assert "9 (best)" in text


def test_the_trials_are_plotted_as_they_began_and_each_leads_to_its_log(tmp_path: Path) -> None:
    search = searched(Places(tmp_path))
    html = report_of(search)
    document = Document(html)
    assert "validation:rmse of 3 trials, best is 2" in document.text
    rows = re.findall(r'row">([^<]*)</th>.*?>(tune-00\d)<', html.partition("Tuning trials")[2])
    assert rows == [("2 (best)", "tune-002"), ("1", "tune-001"), ("3", "tune-003")]
    left = [float(x) for x in re.findall(r'class="(?:dot|best)" cx="([\d.]+)"', html)]
    assert left == sorted(left)
    assert 'class="best"' in html
    assert 'class="curve"' not in html
    assert "steps/search/trials/tune-002.txt" in document.hrefs
    assert f"smp logs {search.run.id} search --trial JOB" in document.text


def test_the_model_of_a_search_has_its_lineage_and_what_its_best_trial_was_told(
    tmp_path: Path,
) -> None:
    text = Document(report_of(searched(Places(tmp_path)))).text
    lineage = text[text.index("Model of search") : text.index("What the steps wrote")]
    assert "s3://smp-local/models/tune-002/output/model.tar.gz" in lineage
    assert "3 hyperparameters" in lineage
    for shown in ("seed7", "learning_rate0.02", "depth4"):
        assert shown in lineage


def test_a_failed_search_shows_the_trial_that_failed_first(tmp_path: Path) -> None:
    places = Places(tmp_path)
    compiled = pipeline("p", step("search", "Tuning"))
    run = begin(places, compiled)
    attempts = ("old-001-aaaa", "new-001-aaaa", "new-002-bbbb", "new-003-cccc")
    for name in attempts:
        log = run.step_directory("search") / "trials" / f"{name}.txt"
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(f"Traceback of {name}\n")
    said = ("old-001-aaaa Failed: x", "new-001-aaaa Completed: no auc", "new-002-bbbb Failed: x")
    write_log(run, "search", "\n".join((*said, "new-003-cccc Failed: x")))
    write_step(run, "search", "Tuning", FAILED, 0, 1, reason="none of 3 training jobs gave auc")
    text = Document(render_report(run, compiled, places)).text
    assert f"smp logs {run.id} search --trial new-002-bbbb" in text
    assert "Traceback of new-002-bbbb" in text
    assert "Traceback of new-003-cccc" not in text


def test_a_success_says_how_to_approve_and_how_to_compare(tmp_path: Path) -> None:
    places = Places(tmp_path)
    compiled = pipeline("p", step("register", "RegisterModel"))
    where = {"where": ["--environment", "prod", "--workspace", "/a b"]}
    runs = []
    for status in (SUCCEEDED, FAILED, SUCCEEDED):
        run = begin(places, compiled)
        run.write(replace(run.record(), options=where))
        runs.append(run)
        end(run, status, 1)
    (begin(places, compiled).directory / "run.json").write_text("{")
    runs.append(begin(places, compiled))
    end(runs[3], SUCCEEDED, 1)
    version = "arn:aws:sagemaker:us-east-1:000000000000:model-package/churn/3"
    result = {"ModelPackageArn": version, "ModelApprovalStatus": "PendingManualApproval"}
    write_step(runs[2], "register", "RegisterModel", SUCCEEDED, 0, 1, result=result)
    text = Document(render_report(runs[2], compiled, places)).text
    assert "smp models approve churn 3 --workspace '/a b'" in text
    assert f"smp compare {runs[0].id} {runs[2].id} --workspace '/a b'" in text
    last = Document(render_report(runs[3], compiled, places)).text
    assert f"smp compare {runs[2].id} {runs[3].id}" in last
    result["ModelApprovalStatus"] = "Approved"
    write_step(runs[0], "register", "RegisterModel", SUCCEEDED, 0, 1, result=result)
    first = Document(render_report(runs[0], compiled, places)).text
    assert "smp models approve" not in first
    assert "smp compare" not in first


def test_an_output_without_objects_is_not_said_to_have_been_there(tmp_path: Path) -> None:
    places = Places(tmp_path)
    compiled = pipeline("p", step("a", "Processing"))
    run = begin(places, compiled)
    output = {"OutputName": "out", "S3Output": {"S3Uri": "s3://smp-local/out"}}
    result = {"ProcessingOutputConfig": {"Outputs": {"out": output}}}
    write_step(run, "a", "Processing", SUCCEEDED, 0, 1, result=result)
    text = Document(render_report(run, compiled, places)).text
    assert "s3://smp-local/out (nothing is there)" in text


@pytest.mark.parametrize(
    ("seconds", "tick"), [(0.05, "20 ms"), (1.6, "1 s"), (100, "20 s"), (9000, "0.5 h")]
)
def test_the_axis_is_in_the_unit_of_the_durations(
    tmp_path: Path, seconds: float, tick: str
) -> None:
    compiled = pipeline("p", step("a", "Processing"))
    run = begin(Places(tmp_path), compiled)
    write_step(run, "a", "Processing", SUCCEEDED, 0, seconds)
    end(run, SUCCEEDED, seconds)
    assert f">{tick}</span>" in render_report(run, compiled, Places(tmp_path))


def test_hostile_names_and_values_stay_text(tmp_path: Path) -> None:
    nasty = '"><img src=x onerror=alert(1)>\x00\u202e'
    places = Places(tmp_path)
    compiled = pipeline(nasty, step("a", nasty))
    compiled = replace(compiled, description=nasty, step_models={"a": nasty})
    run = begin(places, compiled, {nasty: nasty})
    metric = {"name": nasty, "value": float("nan"), "time": BEGAN}
    other = {"name": nasty, "value": 1.0, "time": BEGAN}
    write_step(
        run,
        "a",
        nasty,
        FAILED,
        0,
        1,
        reason=nasty,
        why=nasty,
        stand_in=nasty,
        metrics=(metric, other, metric),
        arguments={"HyperParameters": {nasty: nasty}, nasty: [nasty]},
    )
    write_log(run, "a", nasty)
    end(run, FAILED, 1, nasty)
    document = Document(render_report(run, compiled, places))
    assert document.sources == []
    assert document.scripts == 1
    assert document.mismatched == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "is not there"),
        ("{", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("7", "7"),
        ("[1, 2]", "report.json"),
        ('{"mse": 2.5, "ok": true, "deep": {"deeper": {"rmse": 1.5}}}', "deep.deeper.rmse"),
        ('{"m": {"confusion_matrix": {"a": 1}}}', "confusion_matrix.a"),
        (f'{{"m": {{"big": {{"value": 1{"0" * 400}}}, "mse": {{"value": 2.5}}}}}}', "2.5"),
    ],
)
def test_any_evaluation_report_is_shown_or_said_to_be_unreadable(
    tmp_path: Path, content: str | None, said: str
) -> None:
    places = Places(tmp_path)
    file = {"PropertyFileName": "Evaluation", "OutputName": "out", "FilePath": "report.json"}
    compiled = pipeline("p", step("metrics", "Processing", PropertyFiles=[file]))
    run = begin(places, compiled)
    if content is not None:
        put(places, "s3://smp-local/out/report.json", content)
    output = {"OutputName": "out", "S3Output": {"S3Uri": "s3://smp-local/out"}}
    result = {"ProcessingOutputConfig": {"Outputs": {"out": output}}}
    write_step(run, "metrics", "Processing", SUCCEEDED, 0, 1, result=result)
    assert said in Document(render_report(run, compiled, places)).text


def test_a_run_of_which_nothing_has_begun_is_a_report(tmp_path: Path) -> None:
    compiled = pipeline("p", step("a", "Processing"), step("b", "Training", ("a",)))
    run = begin(Places(tmp_path), compiled)
    text = Document(render_report(run, compiled, Places(tmp_path))).text
    assert "2 waiting" in text
    assert "This step has not begun." in text


def test_steps_outside_the_run_are_in_the_picture_only(tmp_path: Path) -> None:
    compiled = pipeline("p", step("a", "Processing"), step("b", "Training", ("a",)))
    run = begin(Places(tmp_path), compiled)
    run.write(replace(run.record(), steps=("b",)))
    document = Document(render_report(run, compiled, Places(tmp_path)))
    assert "not in this run" in document.text
    assert "step-2" not in document.ids


def test_a_large_log_is_cut_to_its_end(tmp_path: Path) -> None:
    compiled = pipeline("p", step("a", "Processing"))
    run = begin(Places(tmp_path), compiled)
    log = write_log(run, "a", "")
    with log.open("wb") as file:
        for _ in range(40):
            file.write(b"x" * 1_000_000 + b"\n")
        file.write(b"the end\n")
    write_step(run, "a", "Processing", FAILED, 0, 1, reason="it failed")
    html = render_report(run, compiled, Places(tmp_path))
    assert len(html) < 300_000
    assert "the end" in html
    assert "(40 MB)" in html
