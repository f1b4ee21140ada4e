"""Runs a command with namespaces of its own; a script by itself, which imports nothing of this package.

Started as `python -I -S launcher.py SPEC` with SPEC a JSON object: `command`, `opt_ml`, `hosts`, `host`,
`working_directory`, `network`, `info_fd`, and what a `View` has.

Three processes: the outer one makes the namespaces and waits, and ends with its parent; the
inner one is process 1 of the job, sets up the mounts and reaps; the third is the command. When
process 1 ends, the kernel kills whatever the command left behind.
"""

# No pathlib here: it starts slowly.
# ruff: noqa: PTH102, PTH103, PTH110, PTH112, PTH120, PTH123, PTH211

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import json
import os
import select
import signal
import socket
import stat
import struct
import sys
from collections.abc import Iterator
from typing import Any, NoReturn

NEW_NS, NEW_UTS, NEW_IPC = 0x00020000, 0x04000000, 0x08000000
NEW_USER, NEW_PID, NEW_NET = 0x10000000, 0x20000000, 0x40000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT = 1, 2, 4, 8, 32
MS_BIND, MS_REC, MS_PRIVATE = 4096, 16384, 1 << 18
KEPT_FLAGS = {1: 1, 2: 2, 4: 4, 8: 8, 1024: 1024, 2048: 2048, 4096: 1 << 21}
"""Flags of a mount as statvfs has them, and as mount wants them."""
PR_SET_PDEATHSIG, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 1, 24, 38
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1
DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
GONE = (errno.ENOENT, errno.EINVAL, errno.EACCES, errno.ENOTDIR)
"""What a mount point that another mount covers gives: no job can reach it either."""

_libc = ctypes.CDLL(None, use_errno=True)


def main() -> NoReturn:
    parent = os.getppid()
    spec = json.loads(sys.argv[1])
    uid, gid = os.getuid(), os.getgid()
    enter_namespaces(uid, gid, bool(spec["network"]))
    die_with_parent()
    if os.getppid() != parent:
        os._exit(1)
    read_end, write_end = os.pipe()
    began_read, began_write = os.pipe()
    inner = os.fork()
    if inner == 0:
        os.close(write_end)
        os.close(spec["info_fd"])
        die_with_parent()
        if select.select([read_end], [], [], 0)[0]:
            os._exit(1)
        run_inside(spec, began_write)
    os.close(began_write)
    os.read(began_read, 1)
    with os.fdopen(spec["info_fd"], "w") as info:
        json.dump({"child-pid": inner}, info)
    _, status = os.waitpid(inner, 0)
    os._exit(_exit_code(status))


def enter_namespaces(uid: int, gid: int, network: bool) -> None:
    """Make the namespaces; root may do so where user namespaces are forbidden."""
    kinds = NEW_NS | NEW_UTS | NEW_IPC | NEW_PID | (0 if network else NEW_NET)
    try:
        _check(_libc.unshare(NEW_USER | kinds), "unshare")
    except OSError:
        if uid != 0:
            raise
        _check(_libc.unshare(kinds), "unshare")
        return
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{uid} {uid} 1"),
        ("gid_map", f"{gid} {gid} 1"),
    ):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)


def die_with_parent() -> None:
    """Get SIGKILL when the parent ends; a change of credentials clears this, so it comes after."""
    _check(_libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0), "prctl")


def run_inside(spec: dict[str, Any], began: int) -> NoReturn:
    """Be process 1 of the job; closing `began` says that the command is a process."""
    try:
        socket.sethostname(spec["host"])
        if not spec["network"]:
            loopback_up()
        mount_all(spec)
        os.chdir(spec["working_directory"])
        drop_capabilities()
        payload = os.fork()
        if payload == 0:
            signal.signal(signal.SIGPIPE, signal.SIG_DFL)
            signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
            os.execvpe(spec["command"][0], spec["command"], os.environ)
        os.close(began)
    except OSError as error:
        print(f"{spec['command'][0]}: {error}", flush=True)
        os._exit(127 if error.errno in (errno.ENOENT, errno.EACCES) else 126)
    while True:
        pid, status = os.wait()
        if pid == payload:
            os._exit(_exit_code(status))


def loopback_up() -> None:
    """Bring up the one interface of the job's network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        request = bytearray(struct.pack("16sH14x", b"lo", 0))
        fcntl.ioctl(probe, SIOCGIFFLAGS, request)
        flags = struct.unpack_from("16sH", request)[1] | IFF_UP
        fcntl.ioctl(probe, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", flags))


def mount_all(spec: dict[str, Any]) -> None:
    """Make everything read-only but the job's own directory, `/tmp` and the devices."""
    mount(None, "/", None, MS_REC | MS_PRIVATE)
    held = {
        path: os.open(path, os.O_PATH) for path in (spec["opt_ml"], spec["hosts"], *spec["shown"])
    }
    devices = {name: os.open(f"/dev/{name}", os.O_PATH) for name in DEVICES}
    for point in list(mount_points()):
        remount(point, MS_RDONLY)
    mount_proc()
    mount_opt()
    mount("tmpfs", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777")
    for path in spec["covered"]:
        mount("tmpfs", path, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755")
    for path, target in spec["links"]:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        os.symlink(target, path)
    for path in spec["shown"]:
        show(held[path], path)
    for path in spec["private"]:
        hide(path, devices["null"])
    for path in spec["covered"]:
        remount(path, MS_RDONLY)
    bind(held[spec["opt_ml"]], "/opt/ml")
    remount("/opt/ml", 0)
    bind(held[spec["hosts"]], "/etc/hosts")
    mount_devices(devices)
    for descriptor in (*held.values(), *devices.values()):
        os.close(descriptor)


def show(descriptor: int, path: str) -> None:
    """Let a directory or file below a cover be read."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if stat.S_ISDIR(os.fstat(descriptor).st_mode):
        os.makedirs(path, exist_ok=True)
    else:
        os.mknod(path)
    bind(descriptor, path)
    remount(path, MS_RDONLY)


def hide(path: str, null: int) -> None:
    """Show nothing in place of a directory or file of the system."""
    if os.path.isdir(path):
        mount("tmpfs", path, "tmpfs", MS_NOSUID | MS_NODEV | MS_RDONLY)
    elif os.path.exists(path):
        bind(null, path)


def mount_proc() -> None:
    """Show the job's own processes, and let not even root change the kernel's settings."""
    mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
    for name in ("sys", "sysrq-trigger", "irq", "bus"):
        path = f"/proc/{name}"
        if os.path.exists(path):
            mount(path, path, None, MS_BIND | MS_REC)
            remount(path, MS_RDONLY)


def mount_opt() -> None:
    """Put an empty `ml` beside what `/opt` holds."""
    held = {}
    for entry in os.scandir("/opt"):
        if entry.name != "ml":
            kind = entry.stat(follow_symlinks=False).st_mode
            held[entry.path] = (kind, os.open(entry.path, os.O_PATH | os.O_NOFOLLOW))
    mount("tmpfs", "/opt", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755")
    os.mkdir("/opt/ml")
    for path, (kind, descriptor) in held.items():
        if stat.S_ISLNK(kind):
            os.symlink(os.readlink("", dir_fd=descriptor), path)
        else:
            os.mkdir(path) if stat.S_ISDIR(kind) else os.mknod(path)
            bind(descriptor, path)
            remount(path, MS_RDONLY)
        os.close(descriptor)
    remount("/opt", MS_RDONLY)


def mount_devices(devices: dict[str, int]) -> None:
    """Show the devices that have no effect outside the job."""
    mount("tmpfs", "/dev", "tmpfs", MS_NOSUID, "mode=755")
    for name, descriptor in devices.items():
        os.mknod(f"/dev/{name}")
        bind(descriptor, f"/dev/{name}")
    for name, target in (("fd", "fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")):
        os.symlink(f"/proc/self/{target}", f"/dev/{name}")
    os.mkdir("/dev/shm")
    mount("tmpfs", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777")
    remount("/dev", MS_RDONLY)


def mount_points() -> Iterator[str]:
    """Yield where something is mounted, outermost first."""
    with open("/proc/self/mountinfo") as file:
        points = [line.split(" ")[4] for line in file]
    for point in sorted(set(points), key=len):
        yield (
            point.encode()
            .decode("unicode_escape")
            .encode("latin-1")
            .decode("utf-8", "surrogateescape")
        )


def remount(path: str, extra: int) -> None:
    """Set or clear read-only on a mount and leave its other flags."""
    try:
        now = os.statvfs(path).f_flag
        flags = sum(after for before, after in KEPT_FLAGS.items() if now & before) & ~MS_RDONLY
        mount(None, path, None, MS_REMOUNT | MS_BIND | flags | extra)
    except OSError as error:
        if error.errno not in GONE:
            raise


def bind(descriptor: int, target: str) -> None:
    mount(f"/proc/self/fd/{descriptor}", target, None, MS_BIND | MS_REC)


def mount(
    source: str | None, target: str, kind: str | None, flags: int, options: str | None = None
) -> None:
    encoded = [
        None if text is None else os.fsencode(text) for text in (source, target, kind, options)
    ]
    _check(
        _libc.mount(encoded[0], encoded[1], encoded[2], ctypes.c_ulong(flags), encoded[3]),
        f"mount {target}",
    )


def drop_capabilities() -> None:
    """Leave the command no way to undo the mounts, not even as root."""
    for capability in range(64):
        if _libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0:
            break
    _check(_libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl")


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def _exit_code(status: int) -> int:
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
