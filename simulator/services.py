"""The directory and the five services of a payer, above the wire: a valid message in, an answer out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from simulator.catalogue import Amc, Catalogue
from simulator.rules import Line, Shares, compute_shares, inconsistency
from simulator.scenarios import Behaviour
from simulator.soap import Content, Message, SoapFault, build_answer, instant
from simulator.store import Engagement, Store

OK = "OK"
CONTRACT_VERSION = "roc1"
ANSWER_VALIDITY = timedelta(days=7)
ENGAGEMENT_VALIDITY = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent back. `outcome`: the code; `repeated`: it is the first answer of a message seen before."""

    body: bytes
    outcome: str
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class Services:
    """Stateless but for the store. `base_url`: how callers reach this simulator, no slash at the end."""

    catalogue: Catalogue
    store: Store
    base_url: str

    def answer(self, message: Message, behaviour: Behaviour) -> Answer:
        """Answer once and remember; a repeated message gets its first answer.

        Raises SoapFault (Client) when a message id comes back with another content, or for an AMC that is not here.
        """
        if message.operation == "ANNUAIRE":
            return Answer(self._directory(message), OK)
        # Under the store's transaction: two attempts of one message that arrive together are one processing.
        with self.store.transaction():
            known = self.store.remembered(message.message_id)
            if known is not None:
                if known.digest != message.digest:
                    raise SoapFault("Client", "Cet identifiant de message a déjà servi pour un autre contenu")
                return Answer(known.answer, "repeated", repeated=True)
            code, content = self._process(message, behaviour)
            known_code = self.catalogue.return_codes.get(code)
            label = known_code.label if known_code else ""
            body = build_answer(message.operation, message.message_id, code, label, content)
            if known_code is None or known_code.remembered:
                self.store.remember(
                    message.message_id, message.operation, message.amc_number, message.dossier_number,
                    message.digest, body,
                )  # fmt: skip
        return Answer(body, code)

    def _process(self, message: Message, behaviour: Behaviour) -> tuple[str, Content | None]:
        amc = self.catalogue.amc.get(message.amc_number)
        if amc is None:
            raise SoapFault("Client", "Cet organisme n’est pas servi ici")
        forced = behaviour.argument("code")
        if forced is not None and self._may_answer(forced, message.operation):
            return forced, None
        if message.operation == "DEL":
            return self._cancel(message)
        if message.text("EnTete/Domaine") not in amc.domains:
            return "RC18", None
        if not message.text("Beneficiaire/NumeroAdherent"):
            return "RC22", None
        if message.operation == "IDB":
            return OK, self._rights(message, amc)
        return self._compute(message, amc)

    def _may_answer(self, code: str, operation: str) -> bool:
        """A code of the catalogue is given by its own operations; an unknown one by any."""
        known = self.catalogue.return_codes.get(code)
        return known is None or operation in known.operations

    # ---- directory ----

    def _directory(self, message: Message) -> bytes:
        amc = self.catalogue.amc.get(message.amc_number)
        day = date.fromisoformat(message.text("DateSoins"))
        card = (message.text("Routage/TypeConvention"), message.text("Routage/Csr"), message.text("EnTete/Domaine"))
        if amc is None or not amc.serves(*card, day):
            return build_answer(message.operation, message.message_id, OK, content={"Trouve": "false"})
        content: Content = {"Trouve": "true", "Amc": self._directory_entry(amc)}
        return build_answer(message.operation, message.message_id, OK, content=content)

    def _directory_entry(self, amc: Amc) -> Content:
        urls = {f"Url{name.capitalize()}": self.services_url(amc.number, name) for name in ("IDB", "SIM", "CLC", "DEL")}
        return {
            "Libelle": amc.label,
            "Operateur": amc.operator,
            "RaccordeDepuis": amc.connected_since.isoformat() if amc.connected_since else [],
            **urls,
            "AdresseDre": amc.dre_address,
            "VersionContrat": CONTRACT_VERSION,
            "CentresMultiples": "true" if amc.multiple_centres else "false",
        }

    def services_url(self, amc_number: str, operation: str) -> str:
        return f"{self.base_url}/amc/{amc_number}/{operation.lower()}"

    # ---- services of an AMC ----

    def _rights(self, message: Message, amc: Amc) -> Content:
        contract = self.catalogue.contracts[amc.contract]
        start = date.fromisoformat(message.text("DebutSoins"))
        end = date.fromisoformat(message.text("FinSoins") or start.isoformat())
        families: list[Content] = [
            {"Code": family, "Couverte": "true" if guarantee.covered else "false"}
            for family, guarantee in contract.guarantees.items()
        ]
        rights: Content = {
            "DroitsDu": date(start.year, 1, 1).isoformat(),
            "DroitsAu": date(max(start, end).year, 12, 31).isoformat(),
            "LibelleContrat": contract.label,
            "ContratResponsable": "true" if contract.responsible else "false",
            "ResteAChargePossible": "true" if contract.patient_share_possible else "false",
            "Famille": families,
            "ReponseValableAu": (datetime.now(UTC).date() + ANSWER_VALIDITY).isoformat(),
        }
        return {"Droits": rights}

    def _compute(self, message: Message, amc: Amc) -> tuple[str, Content | None]:
        simulating = message.operation == "SIM"
        lines = [_line(fields) for fields in message.lines()]
        entry = date.fromisoformat(message.text("DateEntree"))
        leaving = date.fromisoformat(message.text("DateSortiePrevue" if simulating else "DateSortie"))
        wrong = inconsistency(lines, entry, leaving)
        if wrong is not None:
            return wrong, None
        contract = self.catalogue.contracts[amc.contract]
        shares = compute_shares(lines, message.text("EnTete/TypeDossier"), contract, self.catalogue)
        if not simulating:
            return self._engage(message, amc, shares)
        already = self.store.answered_count("SIM", amc.number, message.dossier_number)
        if message.dossier_number and already >= amc.simulations_max:
            return "RC12", None
        simulation: Content = {
            "Ligne": _share_lines(shares),
            "TotalAmc": _amount(shares.amc_total),
            "ResteACharge": _amount(shares.patient_share),
        }
        return OK, {"Simulation": simulation}

    def _engage(self, message: Message, amc: Amc, shares: Shares) -> tuple[str, Content | None]:
        if not message.dossier_number:
            return "RC01", None
        legal = message.text("EnTete/FinessJuridique")
        if self.store.engagement_in_force(amc.number, legal, message.dossier_number) is not None:
            return "RC08", None
        now = datetime.now(UTC).replace(microsecond=0)
        engagement = Engagement(
            number=self.store.next_engagement_number(amc.number, now.date()),
            amc_number=amc.number,
            finess_legal=legal,
            finess_site=message.text("EnTete/FinessGeographique"),
            dossier_number=message.dossier_number,
            domain=message.text("EnTete/Domaine"),
            kind=message.text("EnTete/TypeDossier"),
            amount=shares.amc_total,
            lines=dict(shares.amounts),
            message_id=message.message_id,
            created_at=now,
            valid_until=now.date() + ENGAGEMENT_VALIDITY,
        )
        self.store.create_engagement(engagement)
        return OK, {"Engagement": _engagement_content(engagement, amc, shares)}

    def _cancel(self, message: Message) -> tuple[str, Content | None]:
        engagement = self.store.engagement(message.text("NumeroEngagement"))
        asker = (message.amc_number, message.text("EnTete/FinessJuridique"))
        if engagement is None or not engagement.in_force or (engagement.amc_number, engagement.finess_legal) != asker:
            return "RC09", None
        if engagement.billed_at is not None:
            return "RC10", None
        self.store.cancel_engagement(engagement.number)
        return OK, {"DateAnnulation": instant()}


def _engagement_content(engagement: Engagement, amc: Amc, shares: Shares) -> Content:
    debtor: Content = {"Libelle": amc.label, "Adresse": amc.address, "CodePostal": amc.postcode, "Ville": amc.town}
    return {
        "NumeroEngagement": engagement.number,
        "Ligne": _share_lines(shares),
        "TotalAmc": _amount(shares.amc_total),
        "ValableAu": engagement.valid_until.isoformat(),
        "AdresseDre": amc.dre_address,
        "DestinataireDre": amc.operator,
        "Debiteur": debtor,
    }


def _share_lines(shares: Shares) -> list[Content]:
    return [{"Numero": str(number), "MontantAmc": _amount(amount)} for number, amount in shares.amounts]


def _line(fields: dict[str, str]) -> Line:
    return Line(
        number=int(fields["Numero"]),
        service_code=fields["CodePrestation"],
        quantity=int(fields["Quantite"]),
        unit_price=Decimal(fields["PrixUnitaire"]),
        total=Decimal(fields["MontantTotal"]),
        amo_amount=Decimal(fields["MontantAmo"]),
        start=date.fromisoformat(fields["DateDebut"]),
        end=date.fromisoformat(fields["DateFin"]),
    )


def _amount(value: Decimal) -> str:
    return f"{value:.2f}"
