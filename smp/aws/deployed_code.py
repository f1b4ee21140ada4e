"""The code trees that a deployed pipeline refers to, read from its bucket once and checked by their hash.

It never accepts a file whose tree does not match its address, and never writes outside its
directory.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from smp.aws.deployed_values import Values, turn_text_back
from smp.aws.service_errors import service_error
from smp.definition.code.shipped_files import MAX_TREE_BYTES, MAX_TREE_FILES
from smp.definition.code.store import CodeStore, tree_of
from smp.definition.compiled import CODE_PREFIX, CodeTree
from smp.definition.deploy_values import names_in
from smp.errors import Problem, RunError


def read_tree(s3: Any, sha256: str, origin: str, values: Values, store: CodeStore) -> CodeTree:
    """Return a tree of the bucket, its files now in the store too.

    In a file with deploy-time names these are restored, as the tree's hash counts them. Raises RunError
    if the bucket cannot be read or the content differs.
    """
    kept = _kept(store.root / sha256)
    packed = kept and _packed(kept, sha256, origin, values)
    if not packed:
        uri = f"s3://{values.bucket}/{CODE_PREFIX}/{sha256}/"
        try:
            files = dict(_download(s3, str(values.bucket), f"{CODE_PREFIX}/{sha256}/"))
        except (BotoCoreError, ClientError) as error:
            raise service_error(error, f"read the deployed code {uri}") from error
        packed = _packed(files, sha256, origin, values)
        if packed is None:
            raise RunError([_not_as_addressed(uri, len(files))])
        shutil.rmtree(store.root / sha256, ignore_errors=True)
    tree, compiled = packed
    store.put(tree, compiled)
    return tree


def _packed(
    files: Mapping[str, bytes], sha256: str, origin: str, values: Values
) -> tuple[CodeTree, dict[str, bytes]] | None:
    """Return the tree and its files as they were compiled; None where they give another hash."""
    turned = {path: _turned(data, values) for path, data in files.items()}
    templates = frozenset(p for p, data in turned.items() if names_in(data.decode("latin-1")))
    compiled = {path: turned[path] if path in templates else data for path, data in files.items()}
    for given, names in ((dict(files), frozenset[str]()), (compiled, templates)):
        tree = tree_of(given, origin, names)
        if tree.sha256 == sha256:
            return tree, given
    return None


def _turned(data: bytes, values: Values) -> bytes:
    try:
        return turn_text_back(data.decode(), values).encode()
    except UnicodeDecodeError:
        return data


def _kept(directory: Path) -> dict[str, bytes] | None:
    if not directory.is_dir():
        return None
    paths = [path for path in directory.rglob("*") if path.is_file()]
    return {path.relative_to(directory).as_posix(): path.read_bytes() for path in paths}


def _download(s3: Any, bucket: str, prefix: str) -> Iterator[tuple[str, bytes]]:
    total = count = 0
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for item in page.get("Contents", []):
            path = item["Key"].removeprefix(prefix)
            total, count = total + item["Size"], count + 1
            if not _is_plain(path) or total > MAX_TREE_BYTES or count > MAX_TREE_FILES:
                raise RunError([_not_packed_here(f"s3://{bucket}/{item['Key']}")])
            yield path, s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read()


def _is_plain(path: str) -> bool:
    """Whether a key's end is a relative path that leads to itself."""
    parts = PurePosixPath(path).parts
    clean = bool(parts) and "/".join(parts) == path and "\0" not in path
    return clean and ".." not in parts and not path.startswith("/")


def _not_packed_here(uri: str) -> Problem:
    return Problem(
        "the deployed code holds an object that no deployment puts there",
        found=uri,
        hint="find out who wrote it, and deploy the pipeline again",
    )


def _not_as_addressed(uri: str, count: int) -> Problem:
    return Problem(
        "the deployed code does not have the hash in its address: it was changed or is incomplete",
        found=f"{uri} with {count} files",
        hint="find out who wrote it, and deploy the pipeline again",
    )
