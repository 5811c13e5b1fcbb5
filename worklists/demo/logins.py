"""Who may sign in to the demonstration: passwords and the API token, drawn on each machine, in a file for its owner."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path

from django.conf import settings

from accounts.enums import Role, Scope
from accounts.models import ApiClient, Establishment, User
from accounts.psc import identities
from worklists.demo.catalogue import staff

API_CLIENT = "Démonstration"
# No letter or digit that is taken for another one.
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"


def path() -> Path:
    return Path(settings.VAR_DIR) / "logins.json"


def issue(establishment: Establishment) -> Path:
    """Draw passwords and a token, replace the former ones, and write them (mode 0600)."""
    people = []
    for row in staff():
        if not row.signs_in:
            continue
        user = User.objects.get(username=row.username)
        password = "-".join("".join(secrets.choice(_ALPHABET) for _ in range(4)) for _ in range(4))
        user.set_password(password)
        user.save(update_fields=["password"])
        if row.rpps:
            identities.link(user, identities.of_rpps(row.rpps), by="démonstration")
        people.append(
            {
                "username": row.username,
                "password": password,
                "name": user.get_full_name(),
                "role": Role(row.role).label,
            }
        )
    _, token = ApiClient.issue(API_CLIENT, establishment, [str(scope) for scope in Scope.values])
    _write({"people": people, "api_token": token})
    return path()


def _write(content: dict[str, object]) -> None:
    target = path()
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_suffix(".tmp")
    beside.unlink(missing_ok=True)
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump(content, file, ensure_ascii=False, indent=1)
    beside.replace(target)
