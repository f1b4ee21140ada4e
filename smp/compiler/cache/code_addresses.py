"""Gives a compiled pipeline other code: the addresses of its models' trees are replaced.

Compiling treats the hash of a tree as a name without meaning. So if only the content of scripts
changed, the cached definition is used with other hashes in it, and the SDK is not needed. If
that is not certain the pipeline is compiled anew.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from smp.compiler.cache.store import Kept
from smp.definition.compiled import CodeTree, CompiledPipeline


def with_trees(
    kept: Kept, trees: Sequence[CodeTree], configuration: str
) -> CompiledPipeline | None:
    """Return what compiling would give with these trees, or None where it has to be compiled.

    `trees` have the same paths as those that it was compiled with, and the same of them are equal.
    `configuration` is the text of the settings that it was compiled from.
    """
    if tuple(tree.sha256 for tree in trees) == kept.trees:
        return kept.compiled
    if kept.contents is None or any(sha256 in configuration for sha256 in kept.trees):
        return None
    now = dict(zip(kept.trees, trees, strict=True))
    if not _has_contents(now, kept) or _meets_generated(now, kept.compiled):
        return None
    return _readdressed(kept.compiled, now)


def _has_contents(now: Mapping[str, CodeTree], kept: Kept) -> bool:
    """Whether every file whose content had a part in compiling is as it was."""
    files = {
        (before, file.path): file.sha256 for before, tree in now.items() for file in tree.files
    }
    return all(files.get((tree, path)) == sha256 for tree, path, sha256 in kept.contents or ())


def _meets_generated(now: Mapping[str, CodeTree], compiled: CompiledPipeline) -> bool:
    """Whether a tree became equal to a generated one: they would be one in the list of trees."""
    generated = {tree.sha256 for tree in compiled.local_code()} - now.keys()
    return not generated.isdisjoint(tree.sha256 for tree in now.values())


def _readdressed(compiled: CompiledPipeline, now: Mapping[str, CodeTree]) -> CompiledPipeline:
    text = re.sub("|".join(now), lambda match: now[match[0]].sha256, compiled.to_json())
    renamed = CompiledPipeline.from_json(text, compiled.code_store)
    trees = [_with_files(tree, now) for tree in compiled.code]
    stand_ins = {
        step: replace(stand_in, code=_with_files(stand_in.code, now))
        for step, stand_in in compiled.stand_ins.items()
    }
    code = tuple(sorted(trees, key=lambda tree: tree.sha256))
    return replace(renamed, code=code, stand_ins=stand_ins)


def _with_files(tree: CodeTree, now: Mapping[str, CodeTree]) -> CodeTree:
    return replace(now[tree.sha256], origin=tree.origin) if tree.sha256 in now else tree
