"""A hospital where one of everything that names a person has been kept, each by the way that it is kept in life."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from dataclasses import dataclass, field
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.enums import Role, Scope
from accounts.models import ApiClient, Establishment, RoleAssignment, User
from admissions.models import Card, Patient, Stay
from billing import lots, returns
from debtors.datamatrix.drawing import render_symbol_png
from tests.chain import settle
from tests.factories import AssociationFactory, DebtorFactory, FundFactory, UnitFactory, invented_nir

GS = "\x1d"
MEMBER = "RZ77419Q53"
AMC = "0099000104"


@dataclass
class Kept:
    """What must be found nowhere in clear (`secrets`), and where to look at the dossier again."""

    stay: Stay
    patient: Patient
    user: User
    nir: str
    second_nir: str
    card: str
    image: bytes
    #: What each is, its bytes.
    secrets: dict[str, bytes] = field(default_factory=dict)


def fill(establishment: Establishment) -> Kept:
    """Needs the simulator. By REST, on the screens, through the calls of the chain, and by files."""
    year = timezone.localdate().year
    nir, second_nir = invented_nir(611), invented_nir(612, sex="1")
    card = "ATP1" + "".join(GS + part for part in (f"{year}0101", f"{year}1231", AMC, "VM", "", MEMBER, "R"))
    stay = _stay(establishment, nir, second_nir)
    user = _agent(establishment)
    image = _scan(user, stay, card)
    settle()
    _through_the_chain(stay)
    _files(second_nir, card)
    kept = Kept(stay, stay.patient, user, nir, second_nir, card, image)
    kept.secrets = _secrets(kept)
    return kept


def _secrets(kept: Kept) -> dict[str, bytes]:
    spaced = f"{kept.nir[0]} {kept.nir[1:3]} {kept.nir[3:5]} {kept.nir[5:7]} {kept.nir[7:10]}"
    # Of the points themselves: how a JPEG begins is the same for all.
    inside = kept.image[len(kept.image) // 2 :][:32]
    return {
        "NIR": kept.nir[:13].encode(),
        "NIR, spaced": spaced.encode(),
        "NIR of somebody else": kept.second_nir[:13].encode(),
        "member number": MEMBER.encode(),
        "content of the card": kept.card[:24].encode(),
        "image of the card": inside,
        # pg_dump writes bytes in hexadecimal.
        "NIR, in hexadecimal": kept.nir[:13].encode().hex().encode(),
        "member number, in hexadecimal": MEMBER.encode().hex().encode(),
        "image, in hexadecimal": inside.hex().encode(),
    }


def _stay(establishment: Establishment, nir: str, second_nir: str) -> Stay:
    unit = UnitFactory(establishment=establishment)
    fund, amc = FundFactory(), DebtorFactory(amc_number=AMC)
    AssociationFactory(debtor=amc, convention="VM")
    _, token = ApiClient.issue("logiciel des services", establishment, list(Scope.values))
    rest = Client(headers={"authorization": f"Bearer {token}"})
    person = {"birth_name": "Kermadeg", "first_names": "Jehanne", "birth_date": "1984-05-17", "sex": "F", "nir": nir}
    ipp = _post(rest, "patients", person)["ipp"]
    _post(rest, "patients", {**person, "birth_name": "Trevignon", "first_names": "Alan", "sex": "M", "nir": second_nir})
    start = (timezone.now() - dt.timedelta(days=3)).replace(microsecond=0)
    plan = {"patient": ipp, "unit": unit.code, "kind": "full", "planned_start_at": start.isoformat()}
    iep = _post(rest, "stays", plan)["iep"]
    _post(rest, f"stays/{iep}/coverages", {"debtor": fund.code, "valid_from": f"{start.year}-01-01"})
    return Stay.objects.select_related("patient").get(iep=iep)


def _post(rest: Client, path: str, body: dict[str, Any], status: int = 201) -> Any:
    headers = {"idempotency-key": str(uuid.uuid4())}
    answer = rest.post(f"/api/v1/{path}", json.dumps(body), content_type="application/json", headers=headers)
    assert answer.status_code == status, answer.content
    return answer.json()


def _agent(establishment: Establishment) -> User:
    user = User.objects.create_user("agent-de-nuit", last_name="Ferrand", establishment=establishment)
    RoleAssignment.objects.create(user=user, establishment=establishment, role=Role.AGENT)
    return user


def scan_again(kept: Kept) -> Any:
    """The same card, typed by a scanner."""
    desk = Client()
    desk.force_login(kept.user)
    where = reverse("admissions:stay-scan", args=[kept.stay.iep])
    return desk.post(where, {"scan": kept.card}, HTTP_HX_REQUEST="true")


def _scan(user: User, stay: Stay, card: str) -> bytes:
    desk = Client()
    desk.force_login(user)
    image = render_symbol_png(card)
    file = SimpleUploadedFile("carte.png", image, content_type="image/png")
    answer = desk.post(reverse("admissions:stay-scan", args=[stay.iep]), {"file": file}, HTTP_HX_REQUEST="true")
    assert answer.status_code == 200, answer.text
    desk.post(reverse("admissions:search"), {"q": stay.patient.birth_name}, HTTP_HX_REQUEST="true")
    desk.get(reverse("admissions:stay", args=[stay.iep]))
    # What is kept is not what was sent (docs/adr/0024).
    with Card.objects.get(patient=stay.patient).image.open("rb") as kept:
        return bytes(kept.read())


def _through_the_chain(stay: Stay) -> None:
    from admissions.enums import DischargeMode
    from admissions.events import SYSTEM
    from admissions.services import stays

    stays.admit(stay.pk, stay.planned_start_at, SYSTEM)
    settle()
    stays.discharge(stay.pk, timezone.now(), DischargeMode.HOME, SYSTEM)
    settle()
    assert lots.send_lots() == 1, "the lot, which holds a NIR and a member number, must have left"


def _files(nir: str, card: str) -> None:
    """Two files that the transport brought: neither is a good one, both are kept, and name somebody."""
    returns.import_file("578R-abime.txt", f"000DONNEES FICTIVES {nir} {MEMBER}\r\n{card}\r\n".encode("latin-1"))
    returns.import_file("inconnu.bin", card.encode("latin-1") * 3)
