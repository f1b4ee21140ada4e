"""The commands for the workspace's price file: prices refresh and show."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from smp.cli.aws_options import add_aws_options, open_session
from smp.cli.console import write_json, write_output
from smp.cli.workspace import (
    WORK_DIRECTORY,
    Commands,
    add_models_option,
    add_workspace_option,
    load_workspace,
)
from smp.errors import Problem, SetupError

if TYPE_CHECKING:
    from smp.definition.prices import Prices


def add_commands(commands: Commands) -> None:
    """Add the commands of this module."""
    prices = commands.add_parser(
        "prices",
        help="fetch and show what instance-hours cost",
        description="Work with prices.json of the workspace: the price of an instance-hour of one "
        "region by kind of job, from the AWS Price List API on the day that the file names.",
    )
    actions = prices.add_subparsers(title="actions", metavar="ACTION", required=True)
    refresh = actions.add_parser("refresh", help="fetch the prices and write prices.json")
    refresh.add_argument(
        "--all",
        action="store_true",
        help="all instance types of the region, not only those that the pipelines use",
    )
    add_workspace_option(refresh)
    add_models_option(refresh)
    add_aws_options(refresh)
    refresh.set_defaults(run=_refresh)
    show = actions.add_parser("show", help="show prices.json")
    show.add_argument("--format", choices=("text", "json"), default="text", help="default: text")
    add_workspace_option(show)
    show.set_defaults(run=_show)


def _refresh(arguments: argparse.Namespace) -> int:
    from smp.aws.price_list import fetch_prices, instance_types
    from smp.compiler.cache.compile_all import compile_all
    from smp.compiler.cache.store import compiled_in
    from smp.definition.prices import PRICE_FILE
    from smp.graph import build_graphs
    from smp.text.atomic_file import write_atomically

    session = open_session(arguments)
    wanted = None
    if not arguments.all:
        graphs = build_graphs(load_workspace(arguments))
        work = arguments.workspace / WORK_DIRECTORY
        kept_in = compiled_in(arguments.environment)
        wanted = instance_types(compile_all(graphs, work, kept_in).result())
    refreshed = fetch_prices(session, str(session.region_name), wanted)
    prices = refreshed.prices
    count = sum(map(len, prices.per_hour.values()))
    if not count:
        reason = f"the price list has none of the prices asked for in {prices.region}"
        raise SetupError([Problem(reason, hint="prices.json stays as it is; check --region")])
    path = arguments.workspace / PRICE_FILE
    write_atomically(path, json.dumps(asdict(prices), indent=2) + "\n")
    write_output(f"{path}: {count} prices of {prices.region} in {prices.currency}\n")
    for (job, instance_type), reason in refreshed.unknown.items():
        write_output(f"  unknown: {instance_type} for {job}: {reason}\n")
    return 0


def _show(arguments: argparse.Namespace) -> int:
    from smp.definition.prices import PRICE_FILE, load_prices

    prices = load_prices(arguments.workspace)
    if prices is None:
        path = arguments.workspace / PRICE_FILE
        raise SetupError([Problem(f"there is no {path}", hint="fetch it: smp prices refresh")])
    if arguments.format == "json":
        write_json(asdict(prices))
    else:
        write_output(_table(prices))
    return 0


def _table(prices: Prices) -> str:
    from smp.text.human import table

    head = f"prices of {prices.region}, retrieved {prices.retrieved}\n"
    rows = [("job", "instance type", f"{prices.currency} per hour")]
    for job, by_type in prices.per_hour.items():
        rows += [(job, name, f"{price:.4f}") for name, price in sorted(by_type.items())]
    return head + table(rows, right=frozenset({2}))
