"""What a delivery will deploy, in order: its settings held against environments and directories."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from smp.config.read.files import find_files
from smp.config.read.yaml_tree import Document
from smp.errors import ConfigError, Location, Problem, SetupError, near_names
from stacks.context import CDK_JSON, SETTINGS_KEY, Context
from stacks.delivery_settings import (
    CodeCommitSource,
    ConnectionSource,
    DeliverySettings,
    S3Source,
    StageSettings,
)
from stacks.network_settings import network_problems
from stacks.settings import (
    VARIABLES,
    Deployment,
    Settings,
    load_settings,
    settings_document,
)

DELIVERY_KEY = "delivery"
"""`-c delivery=true` asks for the delivery instead of one environment."""

MODELS_DIRECTORY = "model_configs"
PATH = f"context.{SETTINGS_KEY}.{DELIVERY_KEY}"

TOO_MANY_VARIABLES = "a variable sets one environment, and a delivery has several"


@dataclass(frozen=True)
class PlannedStage:
    """One environment of the delivery, with account and region, and how it is come to."""

    settings: StageSettings
    deployment: Deployment
    account: str
    region: str


@dataclass(frozen=True)
class DeliveryPlan:
    """A delivery whose settings fit together."""

    settings: DeliverySettings
    model_configs: str
    stages: tuple[PlannedStage, ...]

    @property
    def deployments(self) -> tuple[Deployment, ...]:
        return tuple(stage.deployment for stage in self.stages)


def is_asked_for(context: Mapping[str, object]) -> bool:
    """Return whether the command line asks for the delivery. Raises SetupError for another word."""
    word = str(context.get(DELIVERY_KEY, "false")).lower()
    if word not in ("true", "false"):
        problem = Problem(
            "is neither true nor false", Location("-c delivery"), "", repr(word), "true, false"
        )
        raise SetupError([problem])
    return word == "true"


def load_delivery(context: Context, environ: Mapping[str, str], workspace: Path) -> DeliveryPlan:
    """Return what `smp.delivery` asks for.

    Raises SetupError with everything that is wrong with the settings, or where there are none.
    """
    settings = load_settings(context, workspace)
    delivery = settings.delivery
    if delivery is None:
        raise SetupError([_nothing_to_deliver()])
    place = settings_document(context, workspace)
    pattern = environ.get("SMP_MODEL_CONFIGPATH", "").strip() or settings.model_configs
    problems = [
        *_variable_problems(environ),
        *_stage_problems(settings, delivery, place),
        *_directory_problems(delivery, workspace, place),
        *_empty_model_problems(delivery, workspace, pattern, place),
        *_repeated_repositories(delivery, place),
        *_pull_request_problems(delivery, place),
    ]
    if problems:
        raise SetupError(problems)
    stages = _stages(settings, delivery, pattern)
    return DeliveryPlan(settings=delivery, model_configs=pattern, stages=tuple(stages))


def _nothing_to_deliver() -> Problem:
    return Problem(
        "the settings have no delivery",
        Location(CDK_JSON),
        PATH,
        allowed="account, region, repository, models and stages",
        hint="add the section (docs/delivery.md has a complete one), or leave out -c delivery=true",
    )


def _stages(settings: Settings, delivery: DeliverySettings, pattern: str) -> Iterator[PlannedStage]:
    for stage in delivery.stages:
        environment = settings.environments[stage.environment]
        deployment = Deployment(
            name=stage.environment,
            model_configs=pattern,
            environment=environment,
            environments=tuple(settings.environments),
        )
        yield PlannedStage(stage, deployment, str(environment.account), str(environment.region))


def _variable_problems(environ: Mapping[str, str]) -> Iterator[Problem]:
    """A variable that is set would go into every environment alike."""
    for name, path in VARIABLES.items():
        if environ.get(name, "").strip(" ,"):
            setting = ".".join(("environments.<name>", *path))
            yield Problem(
                TOO_MANY_VARIABLES,
                Location("environment variables"),
                name,
                hint=f"unset it, and write {setting} in {CDK_JSON}",
            )


def _stage_problems(
    settings: Settings, delivery: DeliverySettings, place: Document
) -> Iterator[Problem]:
    for index, stage in enumerate(delivery.stages):
        where = place.locate(("context", SETTINGS_KEY, DELIVERY_KEY, "stages", index))
        path = f"{PATH}.stages[{index}].environment"
        environment = settings.environments.get(stage.environment)
        if environment is None:
            yield Problem(
                f"there is no environment '{stage.environment}'",
                where,
                path,
                allowed=", ".join(settings.environments),
                hint=near_names(stage.environment, settings.environments),
            )
            continue
        lacking = [name for name in ("account", "region") if not getattr(environment, name)]
        if lacking:
            yield Problem(
                f"environment '{stage.environment}' has no {' and no '.join(lacking)}",
                where,
                path,
                hint="a delivery goes to fixed places: set "
                + " and ".join(
                    f"context.{SETTINGS_KEY}.environments.{stage.environment}.{name}"
                    for name in lacking
                ),
            )
        yield from network_problems(environment.network, stage.environment)


def _directory_problems(
    delivery: DeliverySettings, workspace: Path, place: Document
) -> Iterator[Problem]:
    """A build links each model repository into the app's, so its path must be free."""
    for name in delivery.models:
        directory = workspace / MODELS_DIRECTORY / name
        if directory.is_symlink() or not directory.exists():
            continue
        yield Problem(
            f"the app's own repository has {MODELS_DIRECTORY}/{name} too",
            place.locate(("context", SETTINGS_KEY, DELIVERY_KEY, "models", name)),
            f"{PATH}.models.{name}",
            hint=f"remove {MODELS_DIRECTORY}/{name} from it, or name the model repository otherwise",
        )


def _repeated_repositories(delivery: DeliverySettings, place: Document) -> Iterator[Problem]:
    """A repository is one source of a pipeline: the library names sources after repositories."""
    known: dict[str, str] = {}
    sources = {"repository": delivery.repository}
    sources |= {f"models.{name}": source for name, source in delivery.models.items()}
    for name, source in sources.items():
        if isinstance(source, S3Source):
            continue
        first = known.setdefault(source.repository, name)
        if first != name:
            yield Problem(
                "names a repository that another source names too",
                place.locate(("context", SETTINGS_KEY, DELIVERY_KEY, *name.split("."))),
                f"{PATH}.{name}.repository",
                repr(source.repository),
                hint=f"it is {PATH}.{first}; a model repository holds one model's directory",
            )


def _empty_model_problems(
    delivery: DeliverySettings, workspace: Path, pattern: str, place: Document
) -> Iterator[Problem]:
    """A model repository that brings no configuration would silently not be delivered any more."""
    try:
        files = find_files(workspace, pattern).files
    except ConfigError:
        files = ()
    for name in delivery.models:
        directory = workspace / MODELS_DIRECTORY / name
        if directory.is_symlink() and not any(file.is_relative_to(directory) for file in files):
            yield Problem(
                "the model repository has no configuration file",
                place.locate(("context", SETTINGS_KEY, DELIVERY_KEY, "models", name)),
                f"{PATH}.models.{name}",
                allowed=f"a file that {pattern} matches",
                hint=f"restore its configuration, or take {name} out of the settings",
            )


def _pull_request_problems(delivery: DeliverySettings, place: Document) -> Iterator[Problem]:
    checks = delivery.pull_requests
    if checks is None:
        return
    where = place.locate(("context", SETTINGS_KEY, DELIVERY_KEY, "pullRequests"))
    stages = [stage.environment for stage in delivery.stages]
    if checks.environment and checks.environment not in stages:
        yield Problem(
            f"no stage deploys to environment '{checks.environment}'",
            where,
            f"{PATH}.pullRequests.environment",
            allowed=", ".join(stages),
            hint=near_names(checks.environment, stages),
        )
    if checks.allowed_actors and not is_watched(delivery.repository):
        yield Problem(
            "CodeBuild learns of pull requests of the app through a connection to GitHub, GitLab or "
            "Bitbucket, and there is none",
            where,
            f"{PATH}.pullRequests.allowedActors",
            hint="remove it, or make the app's repository a source of type codeconnections",
        )


def is_watched(source: ConnectionSource | CodeCommitSource | S3Source) -> bool:
    """Return whether CodeBuild receives the pull requests of a repository."""
    return isinstance(source, ConnectionSource) and source.provider != "selfManaged"
