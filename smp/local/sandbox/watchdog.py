"""Starts commands on request, and ends all of them when the process that asked ends.

Started as `python -I -S watchdog.py FD`, with FD one end of a stream socket. A request is the
length of a JSON object in eight bytes, which carry four descriptors (output, status, lifeline,
info), and the object: `command`, `environment`, `directory` (to start in), `tells` (whether the
command gets `info` as its descriptor 100), `after` (a command to run last, or null). Every command
is watched by a copy of this process of its own. The end of the lifeline, by the asker's death or
wish, ends everything of the command. To `status` goes a line with the command's process id or why
it did not start, and one with its exit code.
"""

# No pathlib, subprocess and typing here: they load slowly, and a job's start waits for it.
# ruff: noqa: PTH123, PTH208

from __future__ import annotations

import contextlib
import ctypes
import errno
import gc
import json
import os
import select
import signal
import socket
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

PR_SET_CHILD_SUBREAPER = 36
POLL_SECONDS = 0.5
KILL_ROUNDS = 200
ROUND_SECONDS = 0.01
INFO_FD = 100
DESCRIPTORS = 4
ADOPTS = sys.platform == "linux"
Birth = tuple[int, str]
"""A process id and when it began, so that a reused id is not taken for the same process."""

_libc = ctypes.CDLL(None)


def main() -> NoReturn:
    """Watch what is asked for until the asker is gone, and then see that nothing is left."""
    control = socket.socket(fileno=int(sys.argv[1]))
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    adopt_orphans()
    gc.disable()
    gc.freeze()  # a copy then shares all of this process's memory
    watching: set[int] = set()
    while request := receive(control):
        spec, descriptors = request
        pid = os.fork()
        if pid == 0:
            control.close()
            watch(spec, *descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        watching.add(pid)
        watching.difference_update(iter(reap, 0))
    while watching and (ended := reap(0)):
        watching.discard(ended)
    kill_all(None, set(), wake_by_ends())
    os._exit(0)


def receive(control: socket.socket) -> tuple[dict[str, Any], list[int]] | None:
    """Return the next request; None where there will be none."""
    head, descriptors, _, _ = socket.recv_fds(control, 8, DESCRIPTORS)
    for descriptor in descriptors:
        os.set_inheritable(descriptor, False)
    left, text = int.from_bytes(head, "big"), b""
    while left > len(text):
        chunk = control.recv(left - len(text))
        if not chunk:
            return None
        text += chunk
    return (json.loads(text), descriptors) if text else None


def reap(options: int = os.WNOHANG) -> int:
    """Take note of a child that ended and return its id; 0 where none has."""
    try:
        return os.waitpid(-1, options)[0]
    except ChildProcessError:
        return 0


def watch(spec: dict[str, Any], output: int, status: int, lifeline: int, info: int) -> NoReturn:
    """Run a command and end with it, or with the lifeline; nothing of it is left then."""
    adopt_orphans()
    for standard in (1, 2):
        os.dup2(output, standard)
    os.close(output)
    wake = wake_by_ends()
    payload = Payload()
    try:
        payload.start(spec, info)
    except OSError as error:
        refuse(spec["command"][0], error, status)
    os.close(info)
    tell(status, {"pid": payload.pid})
    seen: set[Birth] = set()
    while payload.poll() is None:
        ready, _, _ = select.select([lifeline, wake], [], [], POLL_SECONDS)
        if not ADOPTS:
            seen.update(descendants())
        if lifeline in ready:
            break
        if wake in ready:
            os.read(wake, 512)
    ends_by_itself = spec["tells"] and payload.poll() is not None
    if ends_by_itself:
        end(payload, status)
    kill_all(payload, seen, wake)
    if spec["after"]:
        with contextlib.suppress(OSError):
            last = Payload()
            last_spec = {**spec, "command": spec["after"], "directory": "/", "tells": False}
            last.start(last_spec, status, quiet=True)
            last.poll(0)
    if not ends_by_itself:
        end(payload, status)
    os._exit(0)


def end(payload: Payload, status: int) -> None:
    """Say how the command ended and let go of its output."""
    tell(status, {"code": payload.poll(0)})
    for descriptor in (1, 2, status):
        os.close(descriptor)


def wake_by_ends() -> int:
    """Return a descriptor that can be read from when a child has ended."""
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake_write)
    return wake_read


class Payload:
    """A command and its exit code, as a shell gives it."""

    pid = 0
    _code: int | None = None

    def start(self, spec: dict[str, Any], info: int, *, quiet: bool = False) -> None:
        """Start the command as the leader of a session of its own; raises OSError."""
        os.chdir(spec["directory"])
        actions: list[Any] = [(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)]
        if quiet:
            actions += [
                (os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_WRONLY, 0) for number in (1, 2)
            ]
        if spec["tells"]:
            actions.append((os.POSIX_SPAWN_DUP2, info, INFO_FD))
        self.pid = spawn(spec["command"], spec["environment"], actions)

    def poll(self, options: int = os.WNOHANG) -> int | None:
        """Return the exit code; None while the command runs, for which 0 as `options` waits."""
        if self._code is None:
            pid, status = os.waitpid(self.pid, options)
            if pid:
                code = os.waitstatus_to_exitcode(status)
                self._code = code if code >= 0 else 128 - code
        return self._code


def spawn(command: list[str], environment: dict[str, str], actions: list[Any]) -> int:
    """Start a command that is looked for on its own PATH and return its process id; raises OSError."""
    program = command[0]
    places = [""] if "/" in program else os.get_exec_path(environment)
    failure: OSError | None = None
    for place in places:
        try:
            return os.posix_spawn(
                os.path.join(place, program),  # noqa: PTH118
                command,
                environment,
                file_actions=actions,
                setsid=True,
                setsigdef=(signal.SIGPIPE, signal.SIGXFSZ),
            )
        except (FileNotFoundError, NotADirectoryError) as error:
            failure = failure or error
        except OSError as error:
            failure = error
            if error.errno != errno.EACCES:
                break
    raise failure or FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), program)


def refuse(program: str, error: OSError, status: int) -> NoReturn:
    """End without a command: as a shell does where it is not there, else with the machine's fault."""
    if error.errno in (errno.ENOENT, errno.EACCES):
        print(f"{program}: {error.strerror}", flush=True)
        tell(status, {"pid": None})
        tell(status, {"code": 127})
    else:
        tell(status, {"error": [error.errno, error.strerror]})
    os._exit(0)


def tell(status: int, said: dict[str, Any]) -> None:
    """Write a line to the asker, who may be gone."""
    with contextlib.suppress(OSError):
        os.write(status, json.dumps(said).encode() + b"\n")


def adopt_orphans() -> None:
    """On Linux, become the parent of descendants whose own parent ends."""
    if ADOPTS:
        _libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def kill_all(payload: Payload | None, seen: set[Birth], wake: int) -> None:
    """Kill the command and all below it, until none is left or appears; `wake` tells of ends."""
    for _ in range(KILL_ROUNDS):
        if payload is None or payload.poll() is not None:
            while reap():
                pass
            if ADOPTS and is_childless():
                return
        if payload is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(payload.pid, signal.SIGKILL)
        alive = below(seen)
        for pid in alive:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        if not alive and not ADOPTS:
            return
        if select.select([wake], [], [], ROUND_SECONDS)[0]:
            os.read(wake, 512)


def below(seen: set[Birth]) -> list[int]:
    """Return who is to be killed: where orphans are adopted, in the end everybody is a child."""
    if ADOPTS:
        with contextlib.suppress(OSError), open("/proc/thread-self/children", "rb") as file:
            return [int(pid) for pid in file.read().split()]
    return [pid for pid, _ in descendants() | seen.intersection(processes())]


def is_childless() -> bool:
    """Whether there is no child; as orphans are adopted, there is nothing below then."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return True
    return False


def descendants() -> set[Birth]:
    """Return all live processes below this one."""
    children: dict[int, list[Birth]] = {}
    for process, parent in processes().items():
        children.setdefault(parent, []).append(process)
    found: set[Birth] = set()
    waiting = [os.getpid()]
    while waiting:
        below = set(children.get(waiting.pop(), [])) - found
        found |= below
        waiting += [pid for pid, _ in below]
    return found


def processes() -> dict[Birth, int]:
    """Return the parent of every live process, from /proc or else from `ps`."""
    if not ADOPTS:
        return _from_ps()
    found = {}
    for name in os.listdir("/proc"):
        with contextlib.suppress(OSError, ValueError):
            pid = int(name)
            with open(f"/proc/{pid}/stat", "rb") as file:
                state, parent, *rest = file.read().rpartition(b")")[2].split()
            if state != b"Z":
                found[pid, rest[17].decode()] = int(parent)
    return found


def _from_ps() -> dict[Birth, int]:
    import subprocess

    command = ["ps", "-A", "-o", "pid=", "-o", "ppid=", "-o", "stat=", "-o", "lstart="]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    rows = (line.split(maxsplit=3) for line in done.stdout.splitlines())
    return {(int(row[0]), row[3]): int(row[1]) for row in rows if not row[2].startswith("Z")}


if __name__ == "__main__":
    main()
