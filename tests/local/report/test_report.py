"""A report is one file, complete, and takes in no text as markup."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest

from smp.local.places import Places
from smp.local.report import render_report
from smp.local.run_store import FAILED, SUCCEEDED
from tests.local.example_runs import (
    BEGAN,
    HOSTILE,
    Example,
    begin,
    end,
    pipeline,
    put,
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
    assert f'title="{tree.sha256}"' in html
    assert len(re.findall(r'title="[0-9a-f]{64}" class="hash"', html)) >= 4
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
        f"smp run churn-lightgbm --resume {run}",
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
    assert f"If it was killed, go on with: smp run forty-steps --resume {forty.run.id}" in text
    assert "1 h 08 min so far" in text


def test_tuning_trials_are_listed_with_the_best_one(forty: Example) -> None:
    text = Document(report_of(forty)).text
    assert "validation:rmse of 12 trials, best is 9" in text
    assert "9 (best)" in text


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
