"""What a job sees and what it cannot do, in every sandbox that claims so."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from smp.local.sandbox.base import Job, Sandbox
from smp.local.sandbox.namespaces import LAUNCHER
from smp.local.sandbox.private_view import View
from smp.local.sandbox.process import Stop, run_job
from smp.local.sandbox.rewriting import replaced
from tests.local.pipelines import PYTHON


def run(directory: Path, sandbox: Sandbox, script: str, **members: Any) -> list[str]:
    """Run a Python script as a job and return the lines it printed."""
    opt_ml = directory / "ml"
    opt_ml.mkdir(parents=True, exist_ok=True)
    (opt_ml / "script.py").write_text(script)
    lines: list[str] = []
    job = Job(
        command=("python3", "/opt/ml/script.py"),
        environment=members.pop("environment", {}),
        opt_ml=opt_ml,
        python=PYTHON,
        **members,
    )
    run_job(
        sandbox,
        job,
        directory / "log.txt",
        max_seconds=30,
        grace_seconds=1,
        stop=Stop(),
        on_line=lines.append,
    )
    return lines


@pytest.fixture
def isolating(each_sandbox: Sandbox) -> Sandbox:
    if each_sandbox.leaks:
        pytest.skip(f"the sandbox '{each_sandbox.name}' says that it does not isolate")
    return each_sandbox


def test_a_job_sees_its_directory_as_opt_ml(tmp_path: Path, each_sandbox: Sandbox) -> None:
    (tmp_path / "ml" / "input").mkdir(parents=True)
    (tmp_path / "ml" / "input" / "config.json").write_text('{"at": "/opt/ml/model"}')
    script = """
import json, os
at = json.load(open('/opt/ml/input/config.json'))['at']
os.makedirs(at)
open('/opt/ml/model/out.txt', 'w').write(os.environ['WHERE'])
print(os.path.samefile(os.getcwd(), '/opt/ml'), os.access('/opt/mlops', os.F_OK))
"""
    lines = run(tmp_path, each_sandbox, script, environment={"WHERE": "x=/opt/ml/model"})

    assert lines == ["True False"]
    assert (tmp_path / "ml" / "model" / "out.txt").read_text().endswith("ml/model")


def test_a_job_uses_the_python_it_is_given(tmp_path: Path, each_sandbox: Sandbox) -> None:
    script = "import sys, pydantic; print(sys.prefix)"

    assert run(tmp_path, each_sandbox, script) == [sys.prefix]


def in_tmp(path: Path) -> bool:
    """Whether a job sees an empty directory of its own in place of this one."""
    return path.resolve().is_relative_to("/tmp")


def test_a_job_can_write_nowhere_else(tmp_path: Path, isolating: Sandbox) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    name = f"smp-test-{os.getpid()}"
    places = ["/", "/etc", "/usr", "/opt", "/var/tmp", "/home", "/root", "/sys", "/sys/fs/cgroup"]
    places += ["/proc/sys/kernel", sys.prefix]
    places += [str(path) for path in (Path.home(), Path(__file__).parent) if not in_tmp(path)]
    script = f"""
import os
for path in {places}:
    try:
        os.makedirs(os.path.join(path, '{name}')); print('made a directory in', path)
    except OSError:
        pass
for path in ['/proc/sys/vm/swappiness', '/proc/sysrq-trigger', '/etc/hosts', '{outside}/file']:
    try:
        open(path, 'r+').close(); print('opened', path)
    except OSError:
        pass
open('/tmp/x', 'w'); open('/dev/shm/x', 'w'); open('/dev/null', 'w').write('x')
print('done')
"""
    assert run(tmp_path, isolating, script) == ["done"]
    assert not Path("/tmp/x").exists()
    assert not any((Path(place) / name).exists() for place in places)
    assert list(outside.iterdir()) == []


def test_a_job_cannot_undo_its_mounts(tmp_path: Path, isolating: Sandbox) -> None:
    script = """
import ctypes
libc = ctypes.CDLL(None)
print(libc.mount(None, b'/', None, 32 | 4096, None), libc.umount2(b'/tmp', 2), libc.unshare(0x20000))
print(*{line.split()[1] for line in open('/proc/self/status') if line.startswith('Cap')})
"""
    assert run(tmp_path, isolating, script) == ["-1 -1 -1", "0" * 16]


@pytest.fixture
def of_the_user() -> Iterator[Path]:
    """A directory of the user's outside `/tmp`, with a file and a socket of a service."""
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="smp-test-") as name:
        place = Path(name)
        (place / "token").write_text("hunter2")
        with socket.socket(socket.AF_UNIX) as service:
            service.bind(str(place / "service.sock"))
            service.listen()
            yield place


def test_a_job_sees_no_file_and_no_socket_outside_the_system(
    tmp_path: Path, isolating: Sandbox, of_the_user: Path
) -> None:
    script = f"""
import os, socket, stat
for place in ({str(of_the_user)!r}, {str(tmp_path)!r}, {str(Path.home())!r}):
    for name in ('token', '.aws', '.pgpass', '.vault-token', 'outside'):
        if os.path.exists(os.path.join(place, name)):
            print('seen', place, name)
try:
    socket.socket(socket.AF_UNIX).connect({str(of_the_user / "service.sock")!r})
    print('connected')
except OSError:
    pass
for at, directories, files in os.walk('/'):
    if at in ('/proc', '/sys', '/usr', '/dev'):
        directories[:] = []
    for name in files:
        if stat.S_ISSOCK(os.lstat(os.path.join(at, name)).st_mode):
            print('socket', at, name)
print('done')
"""
    (tmp_path / "outside").write_text("hunter2")

    assert run(tmp_path, isolating, script) == ["done"]


def test_a_job_reads_nothing_that_only_some_users_may_read(
    tmp_path: Path, isolating: Sandbox
) -> None:
    script = """
import os
for at, directories, files in os.walk('/etc'):
    for path in (os.path.join(at, name) for name in files):
        found = os.lstat(path)
        if not found.st_mode & 0o004 and os.access(path, os.R_OK) and open(path, 'rb').read(1):
            print(path)
print('done')
"""
    assert run(tmp_path, isolating, script) == ["done"]


def test_a_job_gets_variables_by_their_whole_names(
    tmp_path: Path, each_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed = {"OMP_NUM_THREADS": "1", "TZ": "UTC", "LC_TIME": "C"}
    for name, value in (passed | {"OMP_SECRET": "x", "LC_TOKEN": "x", "TZ_KEY": "x"}).items():
        monkeypatch.setenv(name, value)
    script = """
import os
print(sorted(set(os.environ) & {'OMP_NUM_THREADS', 'TZ', 'LC_TIME', 'OMP_SECRET', 'LC_TOKEN', 'TZ_KEY'}))
"""
    assert run(tmp_path, each_sandbox, script) == [str(sorted(passed))]


def test_a_job_sees_no_process_but_its_own(tmp_path: Path, isolating: Sandbox) -> None:
    script = """
import os
print(len([name for name in os.listdir('/proc') if name.isdigit()]) <= 3)
try:
    os.kill(os.getppid(), 9) if os.getppid() > 1 else None
    print('still here')
except OSError:
    print('still here')
"""
    assert run(tmp_path, isolating, script) == ["True", "still here"]


def test_a_job_has_its_host_s_name_and_resolves_the_others(
    tmp_path: Path, isolating: Sandbox
) -> None:
    script = """
import socket
print(socket.gethostname(), socket.gethostbyname('algo-1'), socket.gethostbyname('algo-2'))
"""
    lines = run(tmp_path, isolating, script, host="algo-2", hosts=("algo-1", "algo-2"))

    assert lines == ["algo-2 127.0.0.1 127.0.0.1"]


@pytest.mark.parametrize("network", [False, True])
def test_a_job_has_the_network_only_if_asked(
    tmp_path: Path, isolating: Sandbox, network: bool
) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        script = f"""
import socket
try:
    socket.create_connection(('127.0.0.1', {server.getsockname()[1]}), 2); print('reached')
except OSError:
    print('refused')
"""
        lines = run(tmp_path, isolating, script, network=network)

    assert lines == ["reached" if network else "refused"]


def test_a_job_can_serve_to_itself(tmp_path: Path, isolating: Sandbox) -> None:
    script = """
import socket
with socket.socket() as server:
    server.bind(('127.0.0.1', 8080)); server.listen()
    client = socket.create_connection(('localhost', 8080)); client.close()
print('served')
"""
    assert run(tmp_path, isolating, script) == ["served"]


def test_jobs_at_once_do_not_see_each_other(tmp_path: Path, isolating: Sandbox) -> None:
    script = """
import os, time
open('/tmp/mine', 'x'); open('/opt/ml/mine', 'x'); time.sleep(0.3); print(os.listdir('/tmp'))
"""
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda n: run(tmp_path / str(n), isolating, script), range(4)))

    assert all("mine" in lines[0] for lines in found)


def test_fails_a_command_that_is_not_there(tmp_path: Path, each_sandbox: Sandbox) -> None:
    (tmp_path / "ml").mkdir()
    job = Job(command=("no-such-program",), environment={}, opt_ml=tmp_path / "ml", python=PYTHON)
    ended = run_job(
        each_sandbox,
        job,
        tmp_path / "log.txt",
        max_seconds=30,
        grace_seconds=1,
        stop=Stop(),
        on_line=lambda _: None,
    )

    assert ended.exit_code != 0
    assert "no-such-program" in (tmp_path / "log.txt").read_text()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become someone else")
def test_namespaces_need_no_privilege() -> None:
    python = shutil.which("python3", path="/usr/bin:/usr/local/bin")
    if python is None or shutil.which("setpriv") is None:
        pytest.skip("needs a Python and setpriv that everyone can run")
    place = Path("/var/tmp") / f"smp-test-{os.getpid()}"
    try:
        (place / "ml").mkdir(parents=True)
        (place / "hosts").write_text("127.0.0.1 localhost\n")
        shutil.copy(LAUNCHER, place)
        for path in (place, place / "ml"):
            os.chown(path, 65534, 65534)
        spec = {
            "command": ["/bin/sh", "-c", "id -u; echo ok > /opt/ml/file; echo no > /var/tmp/file"],
            "opt_ml": str(place / "ml"),
            **asdict(View(("/home", "/root", "/run"), (), (), ())),
            "hosts": str(place / "hosts"),
            "host": "algo-1",
            "working_directory": "/opt/ml",
            "network": False,
            "info_fd": 0,
        }
        someone = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        with Path("/dev/null").open("r+") as null:
            done = subprocess.run(
                [*someone, python, "-I", "-S", str(place / LAUNCHER.name), json.dumps(spec)],
                stdin=null,
                capture_output=True,
                text=True,
            )
        if "unshare" in done.stdout:
            pytest.skip(f"this kernel lets only root make namespaces: {done.stdout}")
        assert done.stdout == "65534\n"
        assert "ead-only file system" in done.stderr
        assert (place / "ml" / "file").read_text() == "ok\n"
    finally:
        shutil.rmtree(place)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/opt/ml", "/job"),
        ("/opt/ml/model", "/job/model"),
        ("a=/opt/ml:/opt/ml/code", "a=/job:/job/code"),
        ("at /opt/ml.", "at /job."),
        ("/opt/mlflow /opt/ml-2 /opt/ml.d /x/opt/ml", "/opt/mlflow /opt/ml-2 /opt/ml.d /x/opt/ml"),
    ],
)
def test_rewriting_replaces_the_path_and_nothing_like_it(text: str, expected: str) -> None:
    assert replaced(text, "/job") == expected
