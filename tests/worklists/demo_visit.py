"""Signs in as each person of a loaded demonstration and opens what the screens link to, as `python -m` does it.

Prints a JSON list of [username, address, status, lines of tables]. Each kind of screen is opened once a person.
"""

from __future__ import annotations

import html
import json
import re
import sys
from collections import Counter, deque
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import django
from django.conf import settings
from django.test import Client
from django.urls import Resolver404, resolve

_LINK = re.compile(r'(?:href|hx-get)="([^"#]+)')
_TIMES = 1
# Signing out would end the visit; the documentation of the API has tests of its own.
_LEFT_OUT = ("/deconnexion/", "/api/", "/static/")


def visit(username: str, password: str) -> list[tuple[str, str, int, int]]:
    client = Client(SERVER_NAME="localhost", raise_request_exception=False)
    entered = client.post("/connexion/", {"username": username, "password": password})
    found = [(username, "/connexion/", entered.status_code, 0)]
    waiting, known = deque(["/"]), {"/"}
    opened: Counter[str] = Counter()
    while waiting:
        address = waiting.popleft()
        path = urlsplit(address).path
        try:
            match = resolve(path)
        except Resolver404:
            found.append((username, address, 404, 0))
            continue
        kind = f"{match.view_name} {match.kwargs.get('slug', '')}"
        opened[kind] += 1
        if opened[kind] > _TIMES:
            continue
        answer = client.get(address)
        text = "" if answer.streaming else answer.content.decode(errors="replace")
        found.append((username, address, answer.status_code, text.count("<tr")))
        for link in _LINK.findall(text):
            target = urljoin(address, html.unescape(link))
            if target.startswith("/") and not target.startswith(_LEFT_OUT) and target not in known:
                known.add(target)
                waiting.append(target)
    return found


def main() -> None:
    django.setup()
    people = json.loads((Path(settings.VAR_DIR) / "logins.json").read_text(encoding="utf-8"))["people"]
    json.dump([row for person in people for row in visit(person["username"], person["password"])], sys.stdout)


if __name__ == "__main__":
    main()
