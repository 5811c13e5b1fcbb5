"""The description of the API: whole, valid, in French; and its page, under the same policy as the screens."""

from __future__ import annotations

import io
import json
import os
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from accounts.enums import Scope
from tests.api.conftest import ROOT
from tests.api.routes import TABLE
from tests.api.test_scopes import address
from tests.chromium import launched

ENGLISH = re.compile(r"\b(the|and|of|with|list|returns?|page number|results?|which|field)\b", re.IGNORECASE)


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    """The description, as the command gives it: a warning or an invalid schema fails it."""
    out = io.StringIO()
    call_command("spectacular", "--fail-on-warn", "--validate", "--format", "openapi-json", stdout=out)
    return dict(json.loads(out.getvalue()))


# Words that Swagger UI writes itself, where it speaks to a person.
_SWAGGER = (
    r"\b(Try it|Execute|Clear|Cancel|Close|Response|Request|Server|Parameters|Available|Value:|Links?|Media|Example )\b"
)
_LABELS = """() => {
    const walker = document.createTreeWalker(document.getElementById("swagger-ui"), NodeFilter.SHOW_TEXT);
    const found = [];
    while (walker.nextNode()) {
        const node = walker.currentNode;
        if (!node.parentElement.closest("pre, code, textarea, .renderedMarkdown")) found.push(node.nodeValue.trim());
    }
    return found;
}"""


def operations(described: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            # The description calls an identifier by its name, the code calls it pk.
            named = path.removeprefix("/api/v1/").replace("{id}", "{pk}")
            yield method.upper(), named.replace("{", "<").replace("}", ">"), operation


def test_it_is_openapi_3_1_and_tells_every_route(described) -> None:
    assert described["openapi"] == "3.1.0"
    told = {(method, path) for method, path, _ in operations(described)}
    assert set(TABLE) <= told


def test_each_operation_says_its_scope_its_errors_and_its_key(described) -> None:
    for method, path, operation in operations(described):
        if (method, path) not in TABLE:
            continue
        assert operation["summary"], (method, path)
        assert f"Portée : `{TABLE[method, path]}`" in operation["description"]
        assert {"400", "401", "403"} <= set(operation["responses"])
        assert ("404" in operation["responses"]) == ("<" in path)
        for status, response in operation["responses"].items():
            if int(status) >= 400 and status != "409":
                assert list(response["content"]) == ["application/problem+json"]
        keys = [one for one in operation.get("parameters", []) if one["name"] == "Idempotency-Key"]
        assert bool(keys) == (method == "POST" and not path.startswith(("patients/search", "webhooks"))), (method, path)
    created = described["paths"]["/api/v1/patients"]["post"]["parameters"]
    assert next(one for one in created if one["name"] == "Idempotency-Key")["required"] is True


def test_what_is_published_is_in_french(described) -> None:
    def texts(node: Any) -> Iterator[str]:
        if isinstance(node, dict):
            for name, value in node.items():
                if name in ("description", "summary", "title") and isinstance(value, str):
                    yield value
                else:
                    yield from texts(value)
        elif isinstance(node, list):
            for value in node:
                yield from texts(value)

    english = [
        text
        for text in texts({"paths": described["paths"], "components": described["components"]})
        if ENGLISH.search(re.sub("`[^`]*`", "", text))
    ]
    assert english == []


def test_the_main_calls_have_an_example(described) -> None:
    for path in (
        "patients", "stays", "stays/{iep}/admit", "stays/{iep}/requests", "stays/{iep}/discharge",
        "stays/{iep}/coverages", "stays/{iep}/activities", "invoices/{number}/payments",
        "invoices/{number}/correct-and-resend", "associations/{id}/decision",
        "agreements/{id}/answer",
    ):  # fmt: skip
        content = described["paths"][f"/api/v1/{path}"]["post"]["requestBody"]["content"]["application/json"]
        assert content["examples"], path


@pytest.mark.django_db
def test_the_examples_are_accepted_by_the_api(described, program, world) -> None:
    """Each example body names real members with values of the right form: never a 400 about a field's form."""
    seen = 0
    for method, path, operation in operations(described):
        for content in operation.get("requestBody", {}).get("content", {}).values():
            for example in content.get("examples", {}).values():
                where = address(world, path).removeprefix(ROOT)
                response = program.send(method.lower(), where, example["value"])
                if response.status_code == 400:
                    said = " ".join(fault["detail"] for fault in response.json()["errors"])
                    assert "pas connu" not in said and "Aucun" in said, (path, said)
                seen += 1
    assert seen > 10


@pytest.mark.django_db
def test_the_description_and_its_page_are_open_to_all(client: Client) -> None:
    assert client.get("/api/schema/").status_code == 200
    page = client.get("/api/")
    assert page.status_code == 200
    text = page.content.decode()
    assert '<html lang="fr">' in text
    assert "<style" not in text and not re.search(r"<script(?![^>]*\bsrc=)", text)
    assert page["content-security-policy"]


@pytest.mark.long
@pytest.mark.browser
@pytest.mark.filterwarnings("ignore:No directory at")  # static files are served from their sources
@pytest.mark.django_db(transaction=True)
def test_the_page_works_in_a_browser_without_breaking_its_policy(live_server, api) -> None:
    token = api(Scope.PATIENTS_READ).defaults["HTTP_AUTHORIZATION"].removeprefix("Bearer ")
    asked: list[str] = []
    said: list[str] = []
    with launched() as browser:
        page = browser.new_page(locale="fr-FR")
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(f"{live_server.url}/api/")
        page.wait_for_selector(".opblock-summary")
        assert page.locator(".opblock-summary").count() >= len(TABLE)
        page.click(".authorize")
        page.fill("input#auth-bearer-value", token)
        page.click(".auth-container:has(#auth-bearer-value) .auth-btn-wrapper .authorize")
        page.click(".btn-done")
        page.click("#operations-Patients-patients_list .opblock-summary-control")
        page.click("#operations-Patients-patients_list .try-out__btn")
        page.click("#operations-Patients-patients_list .execute")
        page.wait_for_selector("#operations-Patients-patients_list .live-responses-table")
        answer = page.inner_text("#operations-Patients-patients_list .live-responses-table")
        labels = page.evaluate(_LABELS)
        if folder := os.environ.get("GAP_SCREENSHOTS"):
            page.screenshot(path=f"{folder}/api.png", full_page=True)
        page.close()
    assert '"count": 0' in answer
    assert {"Essayer", "Envoyer", "Réponses"} & set(labels) == {"Envoyer", "Réponses"}
    assert [text for text in labels if re.search(_SWAGGER, text)] == []
    assert [text for text in said if "ontent" in text and "olicy" in text] == []
    assert [text for text in said if "rror" in text] == []
    assert [url for url in asked if not url.startswith((live_server.url, "data:", "blob:"))] == []
