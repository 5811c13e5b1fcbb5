"""`python -m tests.leaks.walk FOLDER`: the journey's main path and the screens, with every log at DEBUG; then what each
place holds is gathered in FOLDER, a file a place, beside the logs of the processes. Needs DATABASE_URL and REDIS_URL."""

from __future__ import annotations

import base64
import json
import os
import re
import secrets
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import redis
import requests

from bench.journey import people, stories
from bench.journey.ground import Ground, ground
from bench.journey.journal import Journal
from debtors.datamatrix.drawing import render_symbol_png
from gap.addresses import library_address
from tests.leaks.people import WHO

_PASSWORD = secrets.token_urlsafe(16)
_METRICS = secrets.token_urlsafe(16)
_PARIS = ZoneInfo("Europe/Paris")


def main(folder: Path) -> int:
    gathered = folder / "gathered"
    gathered.mkdir(parents=True)
    card = WHO.card(datetime.now(_PARIS).date())
    os.environ |= {
        "GAP_VAR_DIR": str(folder), "DJANGO_SETTINGS_MODULE": "tests.leaks.settings", "LOG_LEVEL": "DEBUG",
        "METRICS_TOKEN": _METRICS,
        "LEAK_SECRETS": json.dumps({"nir": WHO.nir, "name": WHO.birth_name, "first": WHO.first_names,
                                    "born": "1961-02-27", "member": WHO.member_number, "card": card}),
    }  # fmt: skip
    people.HELENE = WHO
    journal = Journal()
    with ground() as place, _listening(gathered / "redis-commands"):
        hospital = stories.Hospital(place, journal, datetime.now(_PARIS).replace(microsecond=0))
        stories.a_stay(hospital)
        pages, metrics = _screens(place, card)
        (gathered / "error-pages").write_bytes(b"\n".join(pages))
        (gathered / "metrics").write_bytes(metrics)
        _gather(gathered, folder / "journey" / "logs")
    shutil.copytree(folder / "journey" / "logs", folder / "logs")
    return 1 if journal.failed else 0


@contextmanager
def _listening(path: Path) -> Iterator[None]:
    """Every command that Redis receives, the bodies of tasks as they read."""
    client = redis.from_url(library_address(os.environ["REDIS_URL"]))
    stop = threading.Event()

    def listen() -> None:
        with client.monitor() as monitor, path.open("w", encoding="utf-8") as into:
            for command in monitor.listen():
                into.write(_read(command["command"]) + "\n")
                into.flush()
                if stop.is_set():
                    return

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    yield
    stop.set()
    client.ping()
    thread.join(5)


def _read(text: str) -> str:
    """A message of Celery holds its arguments in base 64."""
    bodies = re.findall(r'\\?"body\\?": \\?"([A-Za-z0-9+/=]+)\\?"', text)
    return " ".join([text, *(base64.b64decode(body).decode(errors="replace") for body in bodies)])


def _screens(place: Ground, card: str) -> tuple[list[bytes], bytes]:
    """What an agent does of this dossier on the screens, with what goes wrong. Returns the pages of errors, and the
    figures."""
    user = _agent()
    site = place.rest._base.removesuffix("/api/v1")
    desk = requests.Session()
    desk.trust_env = False

    def send(path: str, data: dict[str, str] | None = None, **options: object) -> requests.Response:
        desk.headers["X-CSRFToken"] = desk.cookies.get("csrftoken", "")
        desk.headers["Referer"] = site
        given = {"data": data} if data is not None or "files" in options else {}
        return desk.request("POST" if given else "GET", site + path, timeout=30, **given, **options)

    send("/connexion/")
    send("/connexion/", {"username": user, "password": "not this one"})
    assert send("/connexion/", {"username": user, "password": _PASSWORD}).status_code == 200
    iep = place.rest.every("/stays")[0]["iep"]
    ipp = place.rest.get(f"/stays/{iep}")["patient"]
    for question in (WHO.birth_name, WHO.nir, "27/02/1961", f"{WHO.first_names} {WHO.birth_name}"):
        assert WHO.birth_name in send("/recherche/", {"q": question}).text
    shown = [f"/sejours/{iep}/", f"/patients/{ipp}/", "/admissions/", "/admissions/export.csv", "/"]
    assert all(send(path).status_code == 200 for path in shown)
    image = {"file": ("carte.png", render_symbol_png(card), "image/png")}
    assert send(f"/sejours/{iep}/carte/", files=image).status_code == 200
    assert send(f"/sejours/{iep}/carte/", {"scan": card}).status_code == 200
    traits = WHO.traits() | {"birth_date": "27/02/2161", "version": "0"}
    errors = [send(f"/patients/{ipp}/identite/", {name: str(value) for name, value in traits.items()})]
    errors.append(send("/carte/", {"scan": card + "x" * 5000}))
    failures = [
        send(f"/sejours/{iep}/", headers={"X-Fault": "view"}),
        send("/recherche/", {"q": WHO.birth_name}, headers={"X-Fault": "view"}),
        send("/", headers={"X-Fault": "database"}),
        requests.get(f"{site}/api/v1/patients/{ipp}", headers={"X-Fault": "view"}, timeout=30),
        requests.get(f"{site}/nulle-part/", timeout=30),
    ]
    canaries = send("/", headers={"X-Fault": "canaries"})
    metrics = requests.get(f"{site}/metrics/", headers={"Authorization": f"Bearer {_METRICS}"}, timeout=30)
    assert [one.status_code for one in failures] == [500, 500, 500, 500, 404], [one.status_code for one in failures]
    assert metrics.status_code == 200 and "roc_tries" in metrics.text
    return [one.content for one in [*failures, canaries]], metrics.content


def _agent() -> str:
    from django.db import connections

    from accounts.enums import Role
    from accounts.models import Establishment, RoleAssignment, User

    establishment = Establishment.objects.get()
    user = User.objects.create_user("guetteuse", password=_PASSWORD, establishment=establishment)
    RoleAssignment.objects.create(user=user, establishment=establishment, role=Role.AGENT)
    connections.close_all()
    return user.username


def _gather(gathered: Path, logs: Path) -> None:
    from django.db import connections

    from accounts.models import Session
    from admissions.models import AdmissionEvent
    from teleservices.models import TeleserviceAttempt, TeleserviceCall

    _wait_for_the_failed_task(logs / "worker.log")
    rows = {
        "sessions": [json.dumps(session.get_decoded()) for session in Session.objects.all()],
        "addresses-called": list(TeleserviceAttempt.objects.values_list("url", flat=True)),
        "details": [json.dumps(one) for one in AdmissionEvent.objects.values_list("detail", flat=True)]
        + [json.dumps(one) for one in TeleserviceCall.objects.values_list("parameters", flat=True)],
    }
    connections.close_all()
    for name, lines in rows.items():
        (gathered / name).write_text("\n".join(lines), encoding="utf-8")
    client = redis.from_url(library_address(os.environ["REDIS_URL"]))
    values = []
    for key in client.scan_iter():
        read = {b"string": client.get, b"list": lambda k: client.lrange(k, 0, -1), b"set": client.smembers,
                b"hash": client.hgetall, b"zset": lambda k: client.zrange(k, 0, -1)}[client.type(key)]  # fmt: skip
        values.append(f"{key!r} {read(key)!r}")
    (gathered / "redis-keys").write_text("\n".join(map(_read, values)), encoding="utf-8")


def _wait_for_the_failed_task(log: Path) -> None:
    for _ in range(100):
        if "tests.leaks.tasks.fail" in log.read_text(errors="replace"):
            return
        time.sleep(0.1)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
