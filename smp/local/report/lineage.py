"""What was made, and from what: registered versions, models, their code and inputs, every artifact.

It never guesses: a link between steps is the URI that one wrote and the other read.
"""

from __future__ import annotations

from collections.abc import Iterator

from smp.local.report.facts import Facts
from smp.local.report.markup import (
    Child,
    Html,
    code,
    command,
    data_table,
    element,
    facts,
    fold,
    join,
    link,
)
from smp.local.show.results import RegisteredVersion, hyperparameters, registered_version
from smp.local.store.run_store import StepRecord
from smp.local.store.step_data import Stored
from smp.text.human import counted, size

SHORT_HASH = 12
MAKERS = ("Training", "Tuning")
MODELS = ("model", "best model")


def render_lineage(report: Facts) -> Html:
    """Write for each registered version and each model what made it."""
    cards = [
        *(_version(report, step) for step in report.begun),
        *(_model(report, step) for step in report.begun if step.type in MAKERS),
    ]
    shown = [card for card in cards if card]
    if not shown:
        return Html()
    return element("section", element("h2", "Lineage", id="lineage"), *shown, class_="card")


def _version(report: Facts, step: StepRecord) -> Html:
    version = registered_version(step)
    if version is None:
        return Html()
    models = [item for item in report.data.inputs(step) if item.name == "model"]
    pairs: list[tuple[str, Child]] = [
        ("Approval", version.approval or ""),
        ("Approve it", _approval(report, version)),
        ("ARN", code(version.arn)),
        *(("Model", _origin(report, item)) for item in models),
    ]
    title = element("h3", f"{version.group} version {version.version}")
    return element("div", title, facts(pairs), class_="made")


def _approval(report: Facts, version: RegisteredVersion) -> Html:
    if version.approval != "PendingManualApproval":
        return Html()
    return command(report.command("models", "approve", version.group, version.version))


def _model(report: Facts, step: StepRecord) -> Html:
    models = [item for item in report.data.outputs(step) if item.name in MODELS]
    if not models:
        return Html()
    pairs: list[tuple[str, Child]] = [
        ("Model", join([_place(report, models[0]), " ", digest(models[0].sha256)])),
        ("Made in", _made_in(report, step)),
        ("Algorithm", f"STAND-IN: {step.stand_in}" if step.stand_in else ""),
        *(
            ("Code", join([code(tree.origin), " ", digest(tree.sha256)]))
            for tree in report.data.code(step)
        ),
    ]
    title = element("h3", "Model of ", link(f"#{report.anchor(step.name)}", step.name))
    return element(
        "div",
        title,
        facts(pairs),
        inputs_table(report, step),
        told(step),
        class_="made",
    )


def _made_in(report: Facts, step: StepRecord) -> str:
    return f"run {step.reused_from} (reused here)" if step.reused_from else f"run {report.run.id}"


def told(step: StepRecord) -> Html:
    """Write the hyperparameters; those of a search are its best trial's."""
    values = hyperparameters(step)
    if not values:
        return Html()
    rows = [(name, str(value)) for name, value in values.items()]
    table = data_table("Hyperparameters", ("Name", "Value"), rows)
    return fold(counted(len(rows), "hyperparameter"), table)


def inputs_table(report: Facts, step: StepRecord) -> Html:
    """Write what data a step read, with the hash that it had then and where it comes from."""
    then = {(item["name"], item["uri"]): item["sha256"] for item in step.inputs}
    rows = [
        (
            item.name,
            _origin(report, item),
            size(item.size) if item.objects else "-",
            join([digest(then.get((item.name, item.uri), item.sha256)), *_changed(item, step)]),
        )
        for item in report.data.inputs(step)
    ]
    if not rows:
        return Html()
    heads = ("Input", "From", "Size", "Content (SHA-256)")
    return data_table(f"Inputs of {step.name}", heads, rows, numbers=frozenset({2}))


def _changed(item: Stored, step: StepRecord) -> Iterator[Html]:
    if not step.reused_from and item.changed_since(step.started):
        words = " changed since this step began"
        yield element("strong", words, class_="warning")


def _origin(report: Facts, item: Stored) -> Html:
    """Write the URI, and the step of this run that wrote it."""
    for step in report.begun:
        for made in report.data.outputs(step):
            if item.uri == made.uri or item.uri.startswith(f"{made.uri.rstrip('/')}/"):
                maker = link(f"#{report.anchor(step.name)}", step.name)
                return join([_place(report, item), " made by ", maker])
    return _place(report, item)


def _place(report: Facts, item: Stored) -> Html:
    if not item.objects:
        return join([code(item.uri), " (nothing is there)"])
    return link(report.href(item.path), code(item.uri))


def digest(sha256: str | None) -> Html:
    """Write the beginning of a hash, which opens to the whole one."""
    if sha256 is None:
        return element("span", "no hash", class_="small")
    return fold(code(sha256[:SHORT_HASH]), code(sha256), class_="hash")


def render_artifacts(report: Facts) -> Html:
    """Write every object and prefix that the run's steps wrote, with file and size."""
    rows = [
        (
            link(f"#{report.anchor(step.name)}", step.name),
            item.name,
            _place(report, item),
            counted(len(item.objects), "file"),
            size(item.size) if item.objects else "-",
        )
        for step in report.begun
        for item in report.data.outputs(step)
    ]
    if not rows:
        return Html()
    heads = ("Step", "Artifact", "Where", "Files", "Size")
    table = data_table("What the steps wrote", heads, rows, numbers=frozenset({3, 4}))
    return element("section", element("h2", "Artifacts", id="artifacts"), table, class_="card")
