"""What every answer of the product tells a browser, on every address, for every role."""

from __future__ import annotations

import os
import re
import secrets
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.enums import Role
from accounts.permissions import PERMISSIONS
from gap.headers import content_security_policy
from tests.accounts.test_views_roles import GUARDED, SCREENS, address
from tests.accounts.test_views_roles import world as world

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).resolve().parents[2]


class Inline(HTMLParser):
    """What a page holds that the policy would have to allow: scripts, styles and gestures written in the page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._script: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = dict(attrs)
        if tag == "style" or (tag == "script" and not names.get("src") and names.get("type") != "application/json"):
            self.found.append(tag)
        for name, value in attrs:
            if name == "style" or name.startswith(("on", "hx-on")):
                self.found.append(f"{tag} {name}")
            if name in ("href", "src", "action", "formaction") and (value or "").strip().lower().startswith(
                "javascript"
            ):
                self.found.append(f"{tag} {name}={value}")


def inline_in(html: str) -> list[str]:
    parser = Inline()
    parser.feed(html)
    return parser.found


def directives(policy: str) -> dict[str, str]:
    parts = (part.strip().partition(" ") for part in policy.split(";"))
    return {name: value for name, _, value in parts}


def answers(signed_in: Any, world: Any) -> list[tuple[str, Any]]:
    """Every address, asked by the first role that may open it; those that need nobody, by nobody."""
    clients: dict[Role, Client] = {}
    found: list[tuple[str, Any]] = []
    for name, pattern in GUARDED:
        role = next(role for role in Role if role in PERMISSIONS[pattern.callback.action])
        client = clients.setdefault(role, signed_in(role))
        found.append((name, client.get(address(name, pattern, world))))
    guarded = {name for name, _ in GUARDED}
    found += [(name, Client().get(reverse(name))) for name, _, _ in SCREENS if name not in guarded]
    found += [("nowhere", clients[Role.AGENT].get("/nulle-part/")), ("api", Client().get("/api/v1/stays"))]
    return found


def test_every_address_answers_with_the_same_strict_headers_and_a_page_without_anything_inline(
    signed_in, world
) -> None:
    wrong: dict[str, Any] = {}
    pages = files = 0
    for name, response in answers(signed_in, world):
        headers = response.headers
        policy = directives(headers.get("Content-Security-Policy", ""))
        held = {
            "default-src": policy.get("default-src") == "'none'",
            # A file to be saved runs nothing, even opened; a page runs our scripts alone.
            "script-src": "sandbox" in policy and "script-src" not in policy
            if headers.get("Content-Disposition", "").startswith("attachment")
            else policy.get("script-src") == "'self'",
            "nothing unsafe": "unsafe" not in str(policy),
            "Cache-Control": "no-store" in headers.get("Cache-Control", ""),
            "Permissions-Policy": "camera=()" in headers.get("Permissions-Policy", ""),
            "Cross-Origin-Opener-Policy": headers.get("Cross-Origin-Opener-Policy") == "same-origin",
            "Cross-Origin-Resource-Policy": headers.get("Cross-Origin-Resource-Policy") == "same-origin",
            "Referrer-Policy": headers.get("Referrer-Policy") == "same-origin",
            "X-Content-Type-Options": headers.get("X-Content-Type-Options") == "nosniff",
            "X-Frame-Options": headers.get("X-Frame-Options") == "DENY",
            "no banner": "X-Powered-By" not in headers and not re.search(r"\d", headers.get("Server", "")),
        }
        faults = [header for header, present in held.items() if not present]
        if headers["Content-Type"].startswith("text/html") and not response.streaming:
            pages += 1
            faults += inline_in(response.content.decode())
        if faults:
            wrong[name] = faults
        files += "sandbox" in policy
    assert wrong == {}
    assert pages > 40 and files >= 5


def test_static_files_stay_in_the_cache_of_the_browser() -> None:
    response = Client().get("/static/app.css")
    assert response.status_code == 200
    assert "max-age" in response["Cache-Control"] and "no-store" not in response["Cache-Control"]
    assert response["Cross-Origin-Resource-Policy"] == "same-origin"


@pytest.mark.parametrize(
    "html",
    [
        "<p style='color:red'>",
        "<button onclick='x()'>",
        "<script>x()</script>",
        "<style>p{}</style>",
        "<a href=' JavaScript:x()'>",
        "<form hx-on:submit='x()'>",
    ],
)
def test_the_walk_would_see_what_is_inline(html: str) -> None:
    assert inline_in(html)


def test_the_policy_of_production_lets_nothing_be_asked_for_in_plain_http() -> None:
    assert content_security_policy(secure=True)["DIRECTIVES"]["upgrade-insecure-requests"] is True
    assert "upgrade-insecure-requests" not in content_security_policy(secure=False)["DIRECTIVES"]


def _as_in_production(*command: str) -> subprocess.CompletedProcess[str]:
    given = {"SECURE": "1", "SECRET_KEY": secrets.token_urlsafe(60), "ALLOWED_HOSTS": "gap.hopital.example"}
    # A variable that the tests of the browser set in this process, and no hospital does.
    around = {name: value for name, value in os.environ.items() if name != "DJANGO_ALLOW_ASYNC_UNSAFE"}
    return subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=around | given, capture_output=True, text=True, check=False
    )


def test_the_check_before_deployment_finds_nothing_with_the_settings_of_production() -> None:
    done = _as_in_production("manage.py", "check", "--deploy", "--fail-level", "WARNING")
    assert done.returncode == 0, done.stderr


def test_the_cookies_of_production_are_tied_to_the_host_and_no_script_reads_them() -> None:
    script = (
        "import django; django.setup()\n"
        "from django.conf import settings as s\n"
        "print(s.SESSION_COOKIE_NAME, s.CSRF_COOKIE_NAME)\n"
        "print(all([s.SESSION_COOKIE_SECURE, s.CSRF_COOKIE_SECURE, s.SESSION_COOKIE_HTTPONLY, s.CSRF_COOKIE_HTTPONLY]))\n"
        "print(s.SESSION_COOKIE_DOMAIN, s.CSRF_COOKIE_DOMAIN, s.SESSION_COOKIE_PATH, s.CSRF_COOKIE_PATH)\n"
        "print(s.SESSION_COOKIE_SAMESITE, s.CSRF_COOKIE_SAMESITE, s.SECURE_HSTS_SECONDS)\n"
    )
    done = _as_in_production("-c", "import os; os.environ['DJANGO_SETTINGS_MODULE']='gap.settings'\n" + script)
    assert done.stdout.splitlines() == [
        "__Host-session __Host-csrf",
        "True",
        "None None / /",
        "Lax Lax 31536000",
    ], done.stderr
