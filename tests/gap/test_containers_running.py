"""The commands of the container files, run as they are written on a tree as the image has it, with production's settings.

What a container adds (its user, its read-only disk) is not here; its commands, its health checks, its environment are.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest

from gap.pki import create_development_pki
from gap.supervisor.children import Child, wait_until
from gap.supervisor.servers import EmbeddedRedis
from tests.gap.test_containers import DOCKERFILE, ROOT, SERVICES
from tests.gap.test_supervisor import free_port
from tests.processes import database_url

pytestmark = [pytest.mark.long, pytest.mark.django_db(transaction=True)]
START_S = 60


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


class Machine:
    """A folder in the place of a container's disk: `/app`, `/tmp` and port 8000 are elsewhere, nothing else differs."""

    def __init__(self, folder: Path, redis_url: str) -> None:
        self.folder, self.port = folder, free_port()
        self.app = folder / "app"
        for name in ("tmp", "var"):
            (folder / name).mkdir()
        create_development_pki(folder / "pki")
        programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        # Nothing of the environment of the tests: only what the two files give, and a name for the node.
        self.environment = _image_environment() | {
            "PATH": programs,
            "TMPDIR": str(folder / "tmp"),
            "DATABASE_URL": database_url(),
            "REDIS_URL": redis_url,
            "GAP_VAR_DIR": str(folder / "var"),
            "PKI_DIR": str(folder / "pki"),
            "ALLOWED_HOSTS": "gap.hopital.example",
            "SECURE": "1",
            **dict.fromkeys(("SECRET_KEY", "FIELD_ENCRYPTION_KEY", "BLIND_INDEX_KEY"), "a-secret-of-this-test"),
            "AMC_DIRECTORY_URL": "https://127.0.0.1:9/annuaire",
        }

    def here(self, text: str) -> str:
        """The same words, on this machine."""
        moved = re.sub(r"(?<![\w.])/tmp\b", str(self.folder / "tmp"), text).replace("/app", str(self.app))
        return re.sub(r"\b8000\b", str(self.port), moved).replace("0.0.0.0", "127.0.0.1")

    def start(self, name: str, command: list[str]) -> Child:
        given = [f"{key}={value}" for key, value in self.environment.items()]
        moved = [self.here(part) for part in command]
        return Child(name, ["env", "-i", f"--chdir={self.app}", *given, *moved], log=self.folder / f"{name}.log")

    def healthy(self, name: str) -> bool:
        """Its health check, as the compose file has it."""
        kind, *rest = SERVICES[name]["healthcheck"]["test"]
        command = ["sh", "-c", rest[0].replace("$$", "$")] if kind == "CMD-SHELL" else rest
        moved = [self.here(part) for part in command]
        return subprocess.run(moved, cwd=self.app, env=self.environment, capture_output=True).returncode == 0

    def get(self, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers=headers)
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect()).open(request) as answer:
                return answer.status, dict(answer.headers), answer.read()
        except urllib.error.HTTPError as answer:
            return answer.code, dict(answer.headers), answer.read()


def _image_environment() -> dict[str, str]:
    text = re.sub(r"\\\n\s*", "", DOCKERFILE)
    return dict(
        pair.split("=", 1)
        for line in re.findall(r"^ENV (.*)$", text.split("\nFROM ")[-1], flags=re.MULTILINE)
        for pair in shlex.split(line)
        if not pair.startswith("PATH=")
    )


def _as_copied(target: Path) -> None:
    """The files that `COPY . /app` takes: those of the checkout that .dockerignore lets through."""
    ignored = (ROOT / ".dockerignore").read_text().split()
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in listed.stdout.decode().split("\0"):
        source = ROOT / name
        if name and source.is_file() and not any(fnmatch(name.split("/")[0], rule) for rule in ignored):
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            (target / name).write_bytes(source.read_bytes())


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    redis = EmbeddedRedis(tmp_path / "redis")
    redis.launch(tmp_path / "redis.log")
    redis.wait()
    machine = Machine(tmp_path, redis.url)
    _as_copied(machine.app)
    yield machine
    assert redis.child is not None
    redis.child.stop()


def test_the_image_and_its_three_programs_work_with_the_settings_of_production(machine: Machine) -> None:
    build = re.findall(r"^RUN (SECRET_KEY.*)$", re.sub(r"\\\n\s*", "", DOCKERFILE), flags=re.MULTILINE)
    assert len(build) == 1
    without = {name: value for name, value in machine.environment.items() if not name.endswith(("_KEY", "_URL"))}
    subprocess.run(["sh", "-c", machine.here(build[0])], cwd=machine.app, env=without, check=True)

    command = re.findall(r'"((?:[^"\\]|\\.)*)"', DOCKERFILE.rpartition("\nCMD ")[2])
    children = {
        "web": machine.start("web", command),
        "worker": machine.start("worker", SERVICES["worker"]["command"]),
        "scheduler": machine.start("scheduler", SERVICES["scheduler"]["command"]),
    }
    try:
        for name, child in children.items():
            wait_until(lambda name=name: machine.healthy(name), child, START_S)
        _serves_as_behind_a_tls_proxy(machine)
        children["worker"].stop()
        assert not machine.healthy("worker")
        os.utime(machine.folder / "tmp" / "gap-scheduler", (time.time() - 3600,) * 2)
        assert not machine.healthy("scheduler")
    finally:
        for child in children.values():
            child.stop()
    assert not machine.healthy("web")
    assert [child.process.returncode for child in children.values()] == [0, 0, 0]


def _serves_as_behind_a_tls_proxy(machine: Machine) -> None:
    proxied = {"Host": "gap.hopital.example", "X-Forwarded-Proto": "https"}
    status, headers, page = machine.get("/connexion/", **proxied)
    assert status == 200
    assert "max-age=31536000" in headers["strict-transport-security"]
    assert "Secure" in headers["set-cookie"]
    sheet, *_ = re.findall(rb"/static/[a-z]+\.[0-9a-f]{12}\.css", page)
    status, headers, _ = machine.get(sheet.decode(), **proxied)
    assert status == 200 and "immutable" in headers["cache-control"]
    # Without TLS a person is sent to it; a probe is not. Under another name, nobody is served.
    status, headers, _ = machine.get("/connexion/", Host="gap.hopital.example")
    assert (status, headers["location"]) == (301, "https://gap.hopital.example/connexion/")
    assert machine.get("/connexion/", **proxied | {"Host": "elsewhere.example"})[0] == 400
    assert machine.get("/sante/vivant/", Host="10.0.0.7")[0] == 200
