"""What the container files promise: read as data, and held against the settings and the manual of operation."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent.parent
COMPOSE = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(COMPOSE)["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
MANUAL = (ROOT / "docs" / "exploitation.md").read_text(encoding="utf-8")
SETTINGS = "".join(
    (ROOT / "gap" / name).read_text() for name in ("settings.py", "database.py", "national.py", "psc.py")
)
OURS = {"migrate", "web", "worker", "night", "scheduler", "simulator", "demo-data"}
SECRETS = {
    "POSTGRES_PASSWORD",
    "APPLICATION_PASSWORD",
    "REDIS_PASSWORD",
    "SECRET_KEY",
    "FIELD_ENCRYPTION_KEY",
    "BLIND_INDEX_KEY",
}
READ_BY_SETTINGS = set(re.findall(r"env\.\w+\(\s*\"([A-Z0-9_]+)\"", SETTINGS))


def test_production_is_six_servers_and_the_simulator_starts_only_when_asked_for() -> None:
    always = {name for name, service in SERVICES.items() if "profiles" not in service}
    assert always == {"migrate", "web", "worker", "night", "scheduler", "postgres", "redis"}
    for name in ("simulator", "demo-data"):
        assert SERVICES[name]["profiles"] == ["demo"]
    leaning = {name: service.get("depends_on", {}) for name, service in SERVICES.items() if name in always}
    assert not [name for name, on in leaning.items() if {"simulator", "demo-data"} & set(on)]


def test_nothing_serves_before_the_tables_are_of_its_version() -> None:
    for name in ("web", "worker", "night", "scheduler"):
        assert SERVICES[name]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"
    assert "log_error_verbosity=terse" in SERVICES["postgres"]["command"]
    assert SERVICES["migrate"]["depends_on"]["postgres"]["condition"] == "service_healthy"


def test_every_server_has_a_health_check() -> None:
    lasting = {name for name, service in SERVICES.items() if service.get("restart") != "no"}
    assert lasting == {"web", "worker", "night", "scheduler", "postgres", "redis", "simulator"}
    assert not [name for name in lasting if not SERVICES[name].get("healthcheck", {}).get("test")]


def test_images_are_pinned_to_a_version() -> None:
    images = re.findall(r"^FROM (\S+)", DOCKERFILE, flags=re.MULTILINE)
    images += [SERVICES[name]["image"] for name in ("postgres", "redis")]
    assert len(images) == 4
    assert not [image for image in images if not re.search(r":\d+\.\d+[\d.]*-", image)]


def test_our_programs_run_as_nobody_in_particular_on_a_file_system_they_cannot_write() -> None:
    assert re.search(r"useradd --system --uid 10001 --gid gap ", DOCKERFILE)
    # The last word on it: no step after it, and no service, becomes root again.
    assert re.findall(r"^USER (\S+)", DOCKERFILE, flags=re.MULTILINE) == ["gap"]
    assert DOCKERFILE.index("\nUSER gap") > DOCKERFILE.rindex("\nRUN ")
    for name in OURS | {"redis"}:
        service = SERVICES[name]
        assert service.get("user", "gap") != "root"
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
    assert SERVICES["redis"]["user"] == "redis"


def test_no_container_can_swell_fork_or_run_what_it_has_written() -> None:
    for name in OURS | {"redis"}:
        service = SERVICES[name]
        assert service["pids_limit"] <= 512
        assert service["mem_limit"] == service["memswap_limit"] == "2g"
        (folder,) = service["tmpfs"]
        path, _, options = folder.partition(":")
        assert path == "/tmp" and {"noexec", "nosuid", "nodev", "size=256m"} <= set(options.split(","))
    for name, service in SERVICES.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert not {"privileged", "devices", "pid", "ipc", "network_mode", "userns_mode"} & set(service), name
        assert not [volume for volume in service.get("volumes", []) if "docker.sock" in volume], name


def test_only_the_database_keeps_capabilities_those_of_its_first_start() -> None:
    kept = {name: set(service["cap_add"]) for name, service in SERVICES.items() if service.get("cap_add")}
    assert kept == {"postgres": {"CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID"}}


def test_nothing_but_the_web_server_listens_outside_and_it_listens_on_this_machine_alone() -> None:
    assert {name: service["ports"] for name, service in SERVICES.items() if service.get("ports")} == {
        "web": ["${BIND:-127.0.0.1:8000}:8000"]
    }


@pytest.mark.parametrize("name", sorted(SECRETS))
def test_a_secret_comes_from_outside_and_has_no_default(name: str) -> None:
    uses = re.findall(r"\$\{" + name + r"([^}]*)\}", COMPOSE)
    assert uses
    assert all(use.startswith(":?") for use in uses), uses


def test_no_secret_is_written_in_the_image() -> None:
    lasting = [line for line in re.sub(r"\\\n", " ", DOCKERFILE).splitlines() if line.startswith(("ENV", "ARG"))]
    assert lasting
    assert not [line for line in lasting if re.search(r"KEY|PASSWORD|SECRET|_URL", line)]
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert {".git", ".env", ".var", ".venv", "tests"} <= set(ignored)


def test_every_variable_of_the_services_is_one_that_the_settings_read() -> None:
    given = {variable for name in OURS for variable in SERVICES[name].get("environment", {})}
    # boto3 reads its own, and the command that makes the application's role its password.
    # libpq reads PGOPTIONS.
    others = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "APPLICATION_ROLE_PASSWORD", "PGOPTIONS"}
    assert given - READ_BY_SETTINGS == others
    assert SERVICES["web"]["environment"]["SECURE"] == "${SECURE:-1}"
    assert "lock_timeout=" in SERVICES["migrate"]["environment"]["PGOPTIONS"]


def test_every_variable_that_one_may_give_is_in_the_manual() -> None:
    asked = set(re.findall(r"(?<!\$)\$\{([A-Z0-9_]+)", COMPOSE)) | READ_BY_SETTINGS
    # Of the tests, and of the image.
    own = {"TEST_DATABASE_NAME", "STATIC_FROM_SOURCE", "PRODUCTION"}
    assert not [name for name in sorted(asked - own) if f"`{name}`" not in MANUAL and f"`{name}=" not in MANUAL]


def test_the_files_of_web_worker_and_simulator_are_on_one_volume_that_the_program_owns() -> None:
    for name in ("web", "worker", "night", "scheduler", "simulator"):
        assert "files:/var/lib/gap" in SERVICES[name]["volumes"]
    # Docker gives a new volume the owner of the folder it covers: none in the image, and it would be root's.
    assert re.search(r"install --directory --owner=gap --group=gap --mode=0700 /var/lib/gap", DOCKERFILE)
    assert "GAP_VAR_DIR=/var/lib/gap" in DOCKERFILE
    assert "/var/lib/gap/files/exchange" in SERVICES["simulator"]["command"]
