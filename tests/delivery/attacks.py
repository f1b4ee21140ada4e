"""What a hostile model repository may hold, made on the spot, and what `smp validate` says to it.

It never needs a right, and makes nothing outside of the model's directory.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

CONF = "conf/conf.yaml"
FILE = f"model_configs/fraud/{CONF}"
MODEL = "conf.models.fraud"
SOURCE = f"{FILE}:11:25: {MODEL}.source_directory:"
TRAIN = f"{FILE}:17:22: {MODEL}.train.entry_point:"
EVALUATE = f"{FILE}:47:22: {MODEL}.evaluate.entry_point:"
PIPELINE = f"{FILE}:70:19: conf.sagemakerPipeline.pipelineName:"
LEAVE_OUT = "\n    hint: remove it, or leave it out by a line in .smpignore"
HIDING = "in it has a name with a control character or backslash, which hides or changes the name"
TOO_LARGE = (
    f"{SOURCE} is too large to ship with every job\n"
    "    allowed: 50 MiB and 2000 files\n"
    "    hint: keep data in S3 as a channel, and leave out the rest by .smpignore"
)
NAMES = "letters, digits and hyphens, no hyphen first or last"

Prepare = Callable[[Path], object]


def replace(model: Path, old: str, new: str) -> None:
    """Replace the first place of a text in a model's config."""
    file = model / CONF
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), "utf-8")


def config(old: str, new: str) -> Prepare:
    return lambda model: replace(model, old, new)


def link(target: str) -> Prepare:
    return lambda model: (model / "scripts" / "data").symlink_to(target)


def config_link(model: Path) -> None:
    (model / CONF).unlink()
    (model / CONF).symlink_to("/etc/passwd")


def config_pipe(model: Path) -> None:
    (model / CONF).unlink()
    os.mkfifo(model / CONF)


def pipe(model: Path) -> None:
    os.mkfifo(model / "scripts" / "pipe")


@contextmanager
def inside(directory: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(directory)
    try:
        yield
    finally:
        os.chdir(before)


def bound_socket(model: Path) -> None:
    """A socket's address has room for a short path alone."""
    with inside(model / "scripts"), socket.socket(socket.AF_UNIX) as opened:
        opened.bind("socket")


def huge(file: str) -> Prepare:
    def make(model: Path) -> None:
        with (model / file).open("ab") as opened:
            opened.truncate(1_000_000_000)

    return make


def many_files(model: Path) -> None:
    """Most names are of one file, so that they are quick to make."""
    directory = model / "scripts" / "many"
    directory.mkdir()
    with inside(directory):
        for number in range(100_000):
            if number % 30_000 == 0:
                first = str(number)
                Path(first).touch()
            else:
                os.link(first, str(number))


def bomb(model: Path) -> None:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x, x]"]
    for name, before in zip("bcdefghi", "abcdefgh", strict=True):
        lines.append(f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]")
    (model / CONF).write_text("\n".join((*lines, "conf: {models: *i}")), "utf-8")


def script(name: str) -> Prepare:
    return lambda model: (model / "scripts" / name).write_text("print()")


def entry_point(name: str, old: str) -> Prepare:
    def make(model: Path) -> None:
        script(name)(model)
        replace(model, f"entry_point: {old}", f"entry_point: '{name}'")

    return make


def submodule(model: Path) -> None:
    (model / ".gitmodules").write_text('[submodule "s"]\n\tpath = scripts/lib\n')
    replace(model, "entry_point: train.py", "entry_point: lib/train.py")


ATTACKS: dict[str, tuple[Prepare, str]] = {
    "link-to-a-file-outside": (
        link("/etc/passwd"),
        f"{SOURCE} 'data' in it is a link out of the model's own directory{LEAVE_OUT}",
    ),
    "link-to-a-directory-outside": (
        link("/etc"),
        f"{SOURCE} 'data' in it is a link out of the model's own directory{LEAVE_OUT}",
    ),
    "link-to-another-repository": (
        link("../../good/scripts/train.py"),
        f"{SOURCE} 'data' in it is a link out of the model's own directory{LEAVE_OUT}",
    ),
    "link-to-itself": (
        link("data"),
        f"{SOURCE} 'data' in it is a link that leads nowhere{LEAVE_OUT}",
    ),
    "config-that-is-a-link": (
        config_link,
        f"{FILE}:1:1: is a link out of the model's own directory",
    ),
    "config-that-is-a-pipe": (config_pipe, f"{FILE}:1:1: is not a regular file"),
    "pipe": (pipe, f"{SOURCE} 'pipe' in it is neither a file nor a directory{LEAVE_OUT}"),
    "socket": (
        bound_socket,
        f"{SOURCE} 'socket' in it is neither a file nor a directory{LEAVE_OUT}",
    ),
    "source-directory-of-another-repository": (
        config("source_directory: scripts", "source_directory: ../good/scripts"),
        f"{SOURCE} leads out of the model's own directory\n"
        "    found: '../good/scripts'\n"
        "    allowed: a directory inside WORKSPACE/model_configs/fraud",
    ),
    "source-directory-of-the-machine": (
        config("source_directory: scripts", "source_directory: /etc"),
        f"{SOURCE} must be a relative path\n    found: '/etc'",
    ),
    "entry-point-of-another-repository": (
        config("entry_point: train.py", "entry_point: ../../good/scripts/train.py"),
        f"{TRAIN} leads out of the source directory\n"
        "    found: '../../good/scripts/train.py'\n"
        "    allowed: a path below source_directory, without '..'",
    ),
    "yaml-tag": (
        config(": scripts", ": !!python/object/apply:os.system ['echo tag > CANARY']"),
        f"{FILE}:11:25: YAML tags are not supported\n"
        "    found: 'tag:yaml.org,2002:python/object/apply:os.system'\n"
        "    hint: remove the tag; text that looks like a number goes in quotes",
    ),
    "yaml-bomb": (
        bomb,
        f"{FILE}:1:35: e[7][8][8][8][9]: holds more than 100,000 values once its aliases are expanded",
    ),
    "huge-config": (
        huge(CONF),
        f"{FILE}:1:1: is too large\n"
        "    found: 1,000,000,000 bytes\n"
        "    allowed: at most 1,048,576 bytes",
    ),
    "huge-file": (huge("scripts/model.bin"), TOO_LARGE),
    "huge-list-of-what-is-left-out": (
        huge("scripts/.smpignore"),
        f"{SOURCE} '.smpignore' in it is too large for a list of names\n    allowed: 64 KiB",
    ),
    "hundred-thousand-files": (many_files, TOO_LARGE),
    "shell-in-the-name-of-a-step": (
        config("step_name: fraud-training", "step_name: fraud$(id)"),
        f"{FILE}:74:24: conf.sagemakerPipeline.models.fraud.steps[0].step_name: is not allowed here\n"
        f"    found: 'fraud$(id)'\n    allowed: {NAMES}",
    ),
    "shell-in-the-name-of-a-pipeline": (
        config("pipelineName: fraud", "pipelineName: fraud`id`"),
        f"{PIPELINE} is not allowed here\n    found: 'fraud`id`'\n    allowed: 1 to 256 {NAMES}",
    ),
    "shell-in-the-name-of-a-model": (
        config("    fraud:", "    fraud|id:"),
        f"{FILE}:9:5: conf.models: the name is not allowed here\n    found: 'fraud|id'\n"
        "    allowed: 1 to 63 letters, digits, '.', '_' and '-', the first a letter or digit",
    ),
    "control-character-in-a-name": (
        config("pipelineName: fraud", 'pipelineName: "fraud\\e[31m"'),
        f"{FILE}:70:19: has the character U+001B, which a reader does not see\n"
        "    found: 'fraud\\x1b[31m'\n    allowed: printable text, tabs and line ends",
    ),
    "control-character-in-the-name-of-a-file": (
        script("a\x1b[31mb.py"),
        f"{SOURCE} 'a\\x1b[31mb.py' {HIDING}{LEAVE_OUT}",
    ),
    "name-of-a-file-that-reads-otherwise": (
        script("x\u202eyp.exe"),
        f"{SOURCE} 'x\\u202eyp.exe' {HIDING}{LEAVE_OUT}",
    ),
    "line-that-reads-otherwise": (
        config("# What the jobs get", "# \u202eteg sboj eht tahW"),
        f"{FILE}:10:9: has a character that turns the order of what is read\n"
        "    found: the character U+202E\n    allowed: YAML text",
    ),
    "names-that-differ-in-case-alone": (
        script("Train.py"),
        f"{SOURCE} 'train.py' in it differs from 'Train.py' in upper and lower case alone\n"
        "    hint: rename one: to many machines both are one file",
    ),
    "secret-of-the-build": (
        config("c: 1.0", "c: ${env:AWS_SECRET_ACCESS_KEY}"),
        f"{FILE}:22:14: {MODEL}.train.hyperparameters.c: the environment variable"
        " AWS_SECRET_ACCESS_KEY looks like a secret\n"
        "    found: '${env:AWS_SECRET_ACCESS_KEY}'\n"
        "    hint: a pipeline's definition is not a place for secrets: let the script fetch it",
    ),
    "script-in-a-submodule": (
        submodule,
        f"{TRAIN} there is no such file\n    found: 'lib/train.py'\n"
        "    hint: create it, or correct the path; it is looked up in"
        " WORKSPACE/model_configs/fraud/scripts; this repository has git submodules, which a delivery"
        " does not fetch",
    ),
}

SEEN_BEHIND_MISTAKES: dict[str, tuple[Prepare, str]] = {
    "shell-in-the-name-of-a-script": (
        entry_point("a;touch b.py", "train.py"),
        f"{TRAIN} breaks the command that starts it\n    found: 'a;touch b.py'\n"
        "    allowed: letters, digits, '_', '-' and '.' between the slashes, and the ending",
    ),
    "shell-in-the-name-of-a-module": (
        entry_point("$(id).py", "evaluate.py"),
        f"{EVALUATE} is run as a module, and cannot be one's name\n    found: '$(id).py'\n"
        "    allowed: letters, digits, '_' and '-' between the slashes, and the ending",
    ),
}
"""What is reported once every configuration can be read."""
