"""What the owner of a webhook may do by REST: ask, see, stop, resume, renew, replay, leave; and nobody else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from accounts.enums import Scope
from teleservices.models import Webhook, WebhookMessage
from teleservices.webhooks import sending
from tests.teleservices.listening import listening as listening
from tests.teleservices.listening import receiver as receiver
from tests.teleservices.listening import stay as stay
from tests.teleservices.listening import tell


@pytest.mark.django_db
class TestItsOwner:
    @pytest.fixture
    def rest(self, api) -> Client:
        return api()

    def post(self, rest: Client, path: str, body: Any = None) -> Any:
        return rest.post(f"/api/v1/webhooks{path}", json.dumps(body or {}), content_type="application/json")

    def test_asks_sees_replays_renews_and_leaves(self, rest, receiver, stay) -> None:
        asked = {"url": receiver.url, "kinds": ["stay.admitted", "stay.admitted"]}
        made = self.post(rest, "", asked)
        assert made.status_code == 201 and made.json()["secret"].startswith("whsec_")
        pk = made.json()["id"]
        assert "secret" not in rest.get(f"/api/v1/webhooks/{pk}").json()
        message = tell(stay)
        sending.send(message.pk)
        (seen,) = rest.get(f"/api/v1/webhooks/{pk}/deliveries").json()["results"]
        assert seen["message_id"] == str(message.message_id) and seen["delivered_at"] and seen["http_status"] == 204
        assert self.post(rest, f"/deliveries/{message.pk}/replay").status_code == 202
        sending.send(message.pk)
        assert len({one["headers"]["webhook-id"] for one in receiver.received()}) == 1 < len(receiver.received())
        assert self.post(rest, f"/{pk}/secret").json()["secret"] != made.json()["secret"]
        assert self.post(rest, f"/{pk}/secret").status_code == 422
        assert rest.delete(f"/api/v1/webhooks/{pk}").status_code == 204
        assert not WebhookMessage.objects.exists()

    def test_stops_and_resumes(self, rest, receiver) -> None:
        pk = self.post(rest, "", {"url": receiver.url, "kinds": ["stay.admitted"]}).json()["id"]
        for active in (False, True):
            answer = rest.patch(f"/api/v1/webhooks/{pk}", {"active": active}, content_type="application/json")
            assert answer.json()["active"] is active

    @pytest.mark.parametrize(
        "url",
        [
            "https://ailleurs.example/x",
            "https://169.254.169.254/",
            "https://10.0.0.1/",
            "https://u:p@127.0.0.1/",
            "https://localhost/",
        ],
    )
    def test_an_address_of_elsewhere_is_refused_in_french(self, rest, receiver, url) -> None:
        answer = self.post(rest, "", {"url": url, "kinds": ["stay.admitted"]})
        assert answer.status_code == 422 and answer.json()["field"] == "url" and url not in answer.text
        assert "n’est pas de celles" in answer.json()["detail"] and not Webhook.objects.exists()

    @pytest.mark.parametrize(
        "body",
        [{}, {"url": "http://127.0.0.1/", "kinds": ["stay.admitted"]}, {"url": "https://a.example", "kinds": ["x"]}],
    )
    def test_bad_input_is_told(self, rest, receiver, body) -> None:
        assert self.post(rest, "", body).status_code == 400

    def test_no_more_than_ten_and_one_an_address(self, rest, receiver) -> None:
        codes = [
            self.post(rest, "", {"url": f"{receiver.url}/{n}", "kinds": ["stay.admitted"]}).status_code
            for n in range(11)
        ]
        assert codes == [201] * 10 + [422]
        Webhook.objects.first().delete()
        assert self.post(rest, "", {"url": f"{receiver.url}/5", "kinds": ["stay.admitted"]}).status_code == 422

    def test_an_event_takes_its_scope(self, api, receiver) -> None:
        answer = self.post(api(Scope.WEBHOOKS), "", {"url": receiver.url, "kinds": ["invoice.sent"]})
        assert answer.status_code == 422 and "invoices:read" in answer.json()["detail"]

    def test_another_program_of_the_same_hospital_sees_none_of_it(self, rest, api, receiver, stay) -> None:
        pk = self.post(rest, "", {"url": receiver.url, "kinds": ["stay.admitted"]}).json()["id"]
        message, other = tell(stay), api()
        assert other.get("/api/v1/webhooks").json()["count"] == 0
        assert other.get(f"/api/v1/webhooks/{pk}/deliveries").status_code == 404
        assert self.post(other, f"/deliveries/{message.pk}/replay").status_code == 404
        assert other.delete(f"/api/v1/webhooks/{pk}").status_code == 404
