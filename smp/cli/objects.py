"""The commands for the objects of the local run: s3 put, ls, get."""

from __future__ import annotations

import argparse
from pathlib import Path

from smp.cli.console import write_json, write_output
from smp.cli.running import LOCAL_URI
from smp.cli.workspace import Commands, add_workspace_option, places_of
from smp.errors import RunError


def add_commands(commands: Commands) -> None:
    """Add the commands of this module."""
    s3 = commands.add_parser(
        "s3",
        help="put, list and get the objects of the local run",
        description=f"Work with the objects of local runs, which replace S3. {LOCAL_URI}/KEY is "
        "an object of the project's bucket.",
    )
    actions = s3.add_subparsers(title="actions", metavar="ACTION", required=True)
    put = actions.add_parser("put", help="copy a file or directory to a URI")
    put.add_argument("source", metavar="PATH", type=Path)
    put.add_argument("uri", metavar="URI")
    put.set_defaults(run=_s3_put)
    listing = actions.add_parser("ls", help="list the objects under a URI")
    listing.add_argument("uri", metavar="URI", nargs="?", default=LOCAL_URI)
    listing.add_argument("--format", choices=("text", "json"), default="text")
    listing.set_defaults(run=_s3_ls)
    get = actions.add_parser("get", help="copy the objects under a URI to a directory")
    get.add_argument("uri", metavar="URI")
    get.add_argument("target", metavar="DIR", type=Path)
    get.set_defaults(run=_s3_get)
    for action in (put, listing, get):
        add_workspace_option(action)


def _local(uri: str) -> str:
    from smp.local.store.places import BUCKET

    return (
        uri.replace(LOCAL_URI, f"s3://{BUCKET}", 1)
        if f"{uri}/".startswith(f"{LOCAL_URI}/")
        else uri
    )


def _s3_put(arguments: argparse.Namespace) -> int:
    from smp.local.store.object_store import ObjectStore

    store, uri = ObjectStore(places_of(arguments).buckets), _local(arguments.uri)
    if arguments.source.is_dir():
        count = len(store.put_tree(arguments.source, uri, follow_links=True))
    elif arguments.source.is_file():
        uri = _object_uri(uri, arguments.source.name)
        store.put(arguments.source, uri)
        count = 1
    else:
        raise RunError(f"{arguments.source} is neither a file nor a directory")
    write_output(f"put {count} object{'s' * (count != 1)} to {uri}\n")
    return 0


def _object_uri(uri: str, name: str) -> str:
    """Return where a file goes: a bucket, or a prefix that ends with `/`, gets it under its name."""
    if "/" not in uri.removeprefix("s3://"):
        return f"{uri}/{name}"
    return uri + name if uri.endswith("/") else uri


def _s3_ls(arguments: argparse.Namespace) -> int:
    from smp.local.store.object_store import ObjectStore

    objects = ObjectStore(places_of(arguments).buckets).list(_local(arguments.uri))
    if arguments.format == "json":
        write_json([{"uri": item.uri, "size": item.file.stat().st_size} for item in objects])
    else:
        write_output("".join(f"{item.file.stat().st_size:>12}  {item.uri}\n" for item in objects))
    return 0


def _s3_get(arguments: argparse.Namespace) -> int:
    from smp.local.store.object_store import ObjectStore

    uri = _local(arguments.uri)
    count = ObjectStore(places_of(arguments).buckets).fetch(uri, arguments.target)
    if not count:
        raise RunError(f"there is no object under {uri}")
    write_output(f"got {count} object{'s' * (count != 1)}\n")
    return 0
