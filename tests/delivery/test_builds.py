"""A delivery from push to execution: the template's own commands, in CodeBuild's layout, to an account.

Each test takes up where the one before it ended: a delivery is a sequence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.delivery.codebuild import BuildHost
from tests.delivery.repositories import MODELS, ROOT, clone_app, make_model_repository
from tests.delivery.running import Delivery, change_settings
from tests.delivery.traps import set_traps
from tests.emulator.emulator import ACCOUNT, REGION, running_emulator

pytestmark = [pytest.mark.emulator, pytest.mark.slow]

REVIEW, START = "dev.Review", "dev.StartPipelines"
CONF = "conf/conf.yaml"
FRAUD, DEMAND = "fraud-detection", "demand-forecast"
STACKS = ("Foundation", "DeliveryAccess", f"Pipeline-{DEMAND}", f"Pipeline-{FRAUD}")
FIRST_CHANGE = ("c: 1.0", "c: 2.0")


@pytest.fixture(scope="module")
def delivery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Delivery]:
    """Repositories, one of them full of files that would run, a bootstrapped account, and a template.

    The app is what is committed here: a clone has nothing else.
    """
    place = tmp_path_factory.mktemp("repositories")
    app = clone_app(place, change_settings)
    models = {name: make_model_repository(place, name) for name in MODELS}
    set_traps(models["fraud_detection"].directory, place / "canary")
    models["fraud_detection"].commit("Files that must not run")
    host = BuildHost(tmp_path_factory.mktemp("codebuild"), ROOT)
    with running_emulator(place, tmp_path_factory.mktemp("home")) as emulator:
        emulator.cdk("bootstrap", f"aws://{ACCOUNT}/{REGION}")
        made = Delivery(emulator, app, models, host)
        made.synthesize_by_hand()
        yield made


def unchanged_stacks(printed: str) -> set[str]:
    return set(re.findall(r"✅ +Smp-Delivery/dev/Smp-dev-(\S+) \S+ \(no changes\)", printed))


def canary(delivery: Delivery) -> Path:
    return delivery.emulator.app / "canary"


def test_what_a_build_synthesizes_is_what_was_synthesized_by_hand(delivery: Delivery) -> None:
    by_hand = delivery.templates()
    delivery.synthesize()
    assert delivery.templates() == by_hand
    assert len([name for name in by_hand if name.startswith("assembly-")]) == len(STACKS)


def test_the_first_review_shows_all_that_will_be_made(delivery: Delivery) -> None:
    review = delivery.run(REVIEW)
    assert review.status == 0, review.printed
    assert f"+ `{DEMAND}`" in review.printed
    assert f"+ `{FRAUD}`" in review.printed
    assert " more allowed\n" in review.printed
    first = review.printed.partition(" may now ")[2].partition("\n")[0]
    assert f" may now {first}" in review.exported["APPROVAL_TEXT"]


def test_the_first_delivery_deploys_and_starts_every_pipeline(delivery: Delivery) -> None:
    delivery.publish()
    assert unchanged_stacks(delivery.deploy()) == set()
    started = delivery.run(START, COMMIT=delivery.app.head)
    assert started.status == 0, started.printed
    assert delivery.executions() == {DEMAND: 1, FRAUD: 1}
    assert delivery.descriptions(FRAUD) == [f"commit {delivery.app.head}"]


def test_a_push_to_a_model_changes_its_template_alone(delivery: Delivery) -> None:
    before = delivery.templates()
    delivery.models["fraud_detection"].change(CONF, *FIRST_CHANGE)
    delivery.synthesize()
    after = delivery.templates()
    assert set(after) == set(before)
    changed = [name for name in after if after[name] != before[name]]
    assert ["frauddetection" in name for name in changed] == [True]


def test_its_review_shows_the_change_and_no_more_permissions(delivery: Delivery) -> None:
    review = delivery.run(REVIEW)
    assert review.status == 0, review.printed
    assert f"{len(STACKS)} stacks compared: nothing more is allowed\n" in review.printed
    assert "**1 of 2 pipelines changes** from `deployed`" in review.printed
    assert f"| ~ | `{FRAUD}-training` Training | hyperparameters: `c` | `1.0` | `2.0` |" in (
        review.printed
    )
    assert f"~ {FRAUD}" in review.exported["APPROVAL_TEXT"].replace("`", "")


def test_its_deployment_changes_its_stack_alone(delivery: Delivery) -> None:
    before = delivery.definitions()
    delivery.publish()
    assert unchanged_stacks(delivery.deploy()) == {*STACKS} - {f"Pipeline-{FRAUD}"}
    after = delivery.definitions()
    assert after[DEMAND] == before[DEMAND]
    assert after[FRAUD] != before[FRAUD]


def test_two_builds_at_once_start_what_changed_once(delivery: Delivery) -> None:
    """As where a stage is retried while its build is still running, or two runs meet."""
    builds = delivery.run_at_once(START, [{"COMMIT": commit} for commit in ("a" * 40, "a" * 40)])
    assert [build.status for build in builds] == [0, 0], builds
    assert delivery.executions() == {DEMAND: 1, FRAUD: 2}
    for build in builds:
        assert f"{DEMAND}: left alone: execution" in build.printed


def test_a_push_that_changes_nothing_deploys_and_starts_nothing(delivery: Delivery) -> None:
    before = delivery.templates()
    (delivery.models["fraud_detection"].directory / "README.md").write_text("Other words\n")
    delivery.models["fraud_detection"].commit("Other words")
    delivery.synthesize()
    assert delivery.templates() == before
    review = delivery.run(REVIEW)
    assert review.status == 0, review.printed
    assert "nothing" in review.exported["APPROVAL_TEXT"].lower()
    delivery.publish()
    assert unchanged_stacks(delivery.deploy()) == {*STACKS}
    started = delivery.run(START, COMMIT=delivery.app.head)
    assert started.status == 0, started.printed
    assert delivery.executions() == {DEMAND: 1, FRAUD: 2}


def test_delivering_an_earlier_commit_restores_it_and_starts_nothing(delivery: Delivery) -> None:
    changed = delivery.definitions()
    delivery.synthesize(fraud_detection="HEAD~2")
    delivery.publish()
    assert unchanged_stacks(delivery.deploy()) == {*STACKS} - {f"Pipeline-{FRAUD}"}
    restored = delivery.definitions()
    assert restored[DEMAND] == changed[DEMAND]
    assert restored[FRAUD] == delivery.executed_definitions(FRAUD)[0]
    assert changed[FRAUD] == delivery.executed_definitions(FRAUD)[1]
    started = delivery.run(START, COMMIT=delivery.app.head)
    assert started.status == 0, started.printed
    assert delivery.executions() == {DEMAND: 1, FRAUD: 2}


def test_fails_for_every_repository_at_once_before_anything_is_made(delivery: Delivery) -> None:
    before = delivery.templates()
    fraud, demand = (delivery.models[name] for name in MODELS)
    (fraud.directory / "scripts" / "passwd").symlink_to("/etc/passwd")
    fraud.commit("A link out")
    demand.change(CONF, "source_directory: scripts", "source_directory: ../app/smp")
    failed = delivery.try_to_synthesize()
    sources = [delivery.host.source.with_name(name) for name in ("01", "02")]
    assert failed.status != 0
    said = failed.printed.partition("==> smp validate\n")[2].partition("make: ***")[0]
    assert said == (
        "model_configs/demand_forecast/conf/conf.yaml:11:25: conf.models.demand_forecast"
        ".source_directory: there is no such directory\n"
        "    found: '../app/smp'\n"
        f"    allowed: a path below {sources[1]} or {delivery.host.source} or"
        f" {delivery.host.source / 'model_configs'}\n"
        "model_configs/fraud_detection/conf/conf.yaml:11:25: conf.models.fraud_detection"
        ".source_directory: 'passwd' in it is a link out of the model's own directory\n"
        "    hint: remove it, or leave it out by a line in .smpignore\n"
        "2 problems\n"
    )
    assert delivery.templates() == before


def test_nothing_of_a_model_repository_ran(delivery: Delivery) -> None:
    assert not canary(delivery).exists(), canary(delivery).read_text()
