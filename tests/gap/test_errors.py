"""A page of errors says what happened and what to do; of the product, of the fault and of what was sent, nothing."""

from __future__ import annotations

import http.client
import json
import os
import re
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from accounts.enums import Role
from gap.supervisor.children import Child, wait_until
from gap.supervisor.demo import _answers
from tests.gap.test_supervisor import free_port
from tests.processes import ROOT, database_url

pytestmark = pytest.mark.django_db(transaction=True)
SENT = "xq7-de-la-demande"
# As `broken_site` has it, which is not imported here: it sets the addresses of its process.
MARK = "marque-de-la-panne"
NOTHING_OF = re.compile(
    rf"Traceback|ValueError|Exception|DEBUG|Django/|Python/|granian|{MARK}|{re.escape(str(ROOT))}|\.py\b|site-packages|{SENT}"
)


@pytest.fixture(scope="module")
def port(django_db_setup, django_db_blocker, tmp_path_factory) -> Iterator[int]:
    folder: Path = tmp_path_factory.mktemp("web")
    chosen = free_port()
    with django_db_blocker.unblock():
        environment = os.environ | {"DATABASE_URL": database_url(), "GAP_VAR_DIR": str(folder)}
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(chosen)]
    command += ["--workers", "1", "--blocking-threads", "1", "--no-access-log", "--workers-kill-timeout", "5"]
    child = Child("web", [*command, "tests.gap.broken_site:application"], log=folder / "web.log", env=environment)
    wait_until(lambda: _answers(f"http://127.0.0.1:{chosen}/sante/vivant/"), child, 40)
    yield chosen
    child.stop()


def ask(port: int, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, dict[str, str], str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request(method, path, body or None, {"Host": f"127.0.0.1:{port}", **headers})
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, {name.lower(): value for name, value in answer.getheaders()}, text


JSON = {"Content-Type": "application/json"}
SCREENS = {
    400: ("GET", "/connexion/", {"Host": f"{SENT}.example"}),
    403: ("POST", f"/connexion/?next=/{SENT}", {"Content-Type": "application/x-www-form-urlencoded"}),
    404: ("GET", f"/{SENT}/", {}),
    405: ("POST", f"/lecture/?q={SENT}", {}),
    413: ("POST", f"/connexion/?next=/{SENT}", {"Content-Length": "99999999"}),
    500: ("GET", f"/casse/?q={SENT}", {"X-Sent": SENT}),
}
OPERATIONS = {
    400: ("GET", "/api/v1/stays", {"Host": f"{SENT}.example"}),
    401: ("GET", f"/api/v1/stays?q={SENT}", {"Authorization": f"Bearer {SENT}"}),
    404: ("GET", f"/api/v1/{SENT}", {}),
    405: ("DELETE", f"/api/v1/casse?q={SENT}", {}),
    413: ("POST", f"/api/v1/patients?q={SENT}", {"Content-Length": "99999999", **JSON}),
    500: ("GET", f"/api/v1/casse?q={SENT}", {}),
}


@pytest.mark.parametrize("expected", SCREENS)
def test_a_screen_in_error_is_a_french_page_that_tells_nothing_else(port, expected) -> None:
    method, path, headers = SCREENS[expected]
    status, received, page = ask(port, method, path, **headers)
    assert status == expected
    assert not NOTHING_OF.search(page), NOTHING_OF.search(page)
    assert "<h1" in page and 'lang="fr"' in page
    assert "no-store" in received["cache-control"] and "default-src 'none'" in received["content-security-policy"]
    assert received["server"] == "mini-GAP"


@pytest.mark.parametrize("expected", OPERATIONS)
def test_an_operation_in_error_is_a_problem_that_tells_nothing_else(port, expected) -> None:
    method, path, headers = OPERATIONS[expected]
    status, received, body = ask(port, method, path, **headers)
    assert status == expected
    assert received["content-type"].startswith("application/problem+json")
    assert not NOTHING_OF.search(body), NOTHING_OF.search(body)
    assert json.loads(body)["status"] == expected
    assert received["server"] == "mini-GAP"


def test_what_is_not_http_learns_nothing_either(port) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(f"{SENT}\r\n\r\n".encode())
        answer = connection.recv(65536).decode("latin-1")
    assert not NOTHING_OF.search(answer), answer


def test_pages_of_errors_of_somebody_signed_in_repeat_nothing_of_the_address(signed_in) -> None:
    client = signed_in(Role.AGENT)
    answers = [client.get(f"/{SENT}/"), client.get(f"/certificats/?q={SENT}"), client.put(f"/admissions/?q={SENT}")]
    assert [answer.status_code for answer in answers] == [404, 403, 405]
    assert not [answer.content for answer in answers if SENT in answer.content.decode()]
    assert answers[2]["Allow"]


@pytest.mark.parametrize("address", ["/listes/?q=%00", "/factures/?payeur=%00", "/dossiers/%00/"])
def test_an_address_that_no_database_can_hold_is_a_page_that_says_so(address, signed_in) -> None:
    response = signed_in(Role.AGENT).get(address)
    assert response.status_code == 400
    assert "Cette demande" in response.content.decode()
