"""Fixtures of the whole suite: a real PostgreSQL and Redis (see `make test`), invented people."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.core.cache import cache
from django.core.files.storage import storages
from django.test import Client

from accounts.enums import Role, Scope
from accounts.models import ApiClient, Establishment, RoleAssignment, User
from admissions.models import Card
from billing.models import ExchangeFile, LetterPage
from debtors.models import FileImport
from gap.addresses import library_address
from teleservices import client
from tests.factories import EstablishmentFactory
from tests.processes import database_url, new_database
from tests.simulator_process import LOOPBACK, SimulatorProcess

SHARED = Path(__file__).resolve().parent.parent.parent / "shared"


def pytest_configure() -> None:
    """Each process of the suite has a Redis database of its own: a worker takes no message of another's test."""
    if process := os.environ.get("PYTEST_XDIST_WORKER", "").removeprefix("gw"):
        apart = django_settings.REDIS_URL.partition("?")[0] + f"?virtual_host={int(process) + 1}"
        os.environ["REDIS_URL"] = django_settings.REDIS_URL = django_settings.CELERY_BROKER_URL = apart
        django_settings.CACHES["default"]["LOCATION"] = library_address(apart)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Modules with long tests first: nothing waits for them at the end. The rest stays in its random order."""
    long = {item.path for item in items if any(item.iter_markers("long"))}
    items.sort(key=lambda item: item.path not in long)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> Iterator[None]:
    """What failed, by name alone, at the very end: where CI is set, pytest's own summary prints whole assertions.

    Around every other: that summary is itself written by a wrapper, once the last of the hooks is done.
    """
    yield
    found = [report for outcome in ("failed", "error") for report in terminalreporter.stats.get(outcome, [])]
    for name in dict.fromkeys(report.nodeid for report in found):
        terminalreporter.write_line(f"failed: {name}")


@pytest.fixture(scope="session", autouse=True)
def _nothing_collected(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Static files are the sources. WhiteNoise warns of a folder that is not there, in a live server too."""
    django_settings.STATIC_ROOT = str(tmp_path_factory.mktemp("static"))


@pytest.fixture(autouse=True)
def _files_of_its_own(settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test writes among the files of another, nor reads what another said of this machine."""
    settings.VAR_DIR = tmp_path / "var"
    for name in ("default", "cards", "exchange"):
        given = settings.STORAGES[name]
        inner = given["OPTIONS"]["inner"]
        inner = inner | {"OPTIONS": inner["OPTIONS"] | {"location": tmp_path / "files" / name}}
        settings.STORAGES = settings.STORAGES | {name: given | {"OPTIONS": given["OPTIONS"] | {"inner": inner}}}
    # A column of files holds the storage that it found when its model was read.
    for model, column, alias in (
        (Card, "image", "cards"),
        (ExchangeFile, "file", "exchange"),
        (FileImport, "file", "default"),
        (LetterPage, "image", "default"),
    ):
        monkeypatch.setattr(model._meta.get_field(column), "storage", storages[alias])
    # The rule is Argon2 in production; a test that signs in a hundred people need not pay for it.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def establishment(db) -> Establishment:
    return EstablishmentFactory()


@pytest.fixture
def person(establishment: Establishment) -> Callable[..., User]:
    """Make a colleague of the test's establishment with a role."""

    def make(role: Role, **traits: str) -> User:
        number = User.objects.count()
        user = User.objects.create_user(
            username=f"{role}-{number}",
            first_name=traits.pop("first_name", "Nadia"),
            last_name=traits.pop("last_name", f"Ferrand{number}"),
            establishment=establishment,
            **traits,
        )
        RoleAssignment.objects.create(user=user, establishment=establishment, role=role)
        return user

    return make


@pytest.fixture
def agent(person) -> User:
    return person(Role.AGENT)


@pytest.fixture
def referent(person) -> User:
    return person(Role.REFERENT)


@pytest.fixture
def signed_in(person) -> Callable[[Role], Client]:
    """A browser session of someone with this role."""

    def make(role: Role) -> Client:
        client = Client()
        client.force_login(person(role))
        return client

    return make


@pytest.fixture
def api(establishment: Establishment) -> Callable[..., Client]:
    """A REST client of the establishment, with every scope or those asked for."""

    def make(*scopes: str) -> Client:
        _, token = ApiClient.issue(
            f"client {ApiClient.objects.count()}", establishment, [str(scope) for scope in scopes or Scope.values]
        )
        return Client(headers={"authorization": f"Bearer {token}"})

    return make


@pytest.fixture
def measured(record_property: Callable[[str, object], None]) -> Callable[[str, float], None]:
    """Keeps a figure for the table of `make security`; those of one name are added up."""
    return lambda what, much: record_property("security", (what, much))


@pytest.fixture
def shared() -> Path:
    """The field's reference files beside the checkout. A test that needs them is skipped where they are not."""
    if not SHARED.is_dir():
        pytest.skip("reference files are not beside this checkout")
    return SHARED


@pytest.fixture
def empty_database(transactional_db) -> Iterator[str]:
    """The address of a new database beside the test's own."""
    with new_database() as name:
        yield database_url(name)


@pytest.fixture
def no_cache() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


@pytest.fixture(scope="session")
def simulator_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatorProcess]:
    with SimulatorProcess(tmp_path_factory.mktemp("simulator")) as process:
        yield process


@pytest.fixture
def simulator(simulator_process: SimulatorProcess, settings) -> Iterator[SimulatorProcess]:
    """The other side of the wire, a real process, with no scenario left by another test; the application calls it."""
    simulator_process.clear_scenarios()
    files = simulator_process.client_files
    settings.TELESERVICES = settings.TELESERVICES | {
        "directory_url": simulator_process.directory_url,
        # It, and any other server of this machine that a test starts.
        "hosts": ["127.0.0.1"],
        "ports": range(1, 65536),
        "internal_networks": [LOOPBACK],
        "timeout_connect": 2.0,
        "timeout_read": 3.0,
        **{name: str(path) for name, path in files.items()},
    }
    client.forget()
    yield simulator_process
    client.forget()
