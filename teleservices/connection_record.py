"""What a test d'accrochage says: its two steps and its result in words, and the record (procès-verbal) to be signed.

Nothing here names the patient: neither name, NIR, birth date, IPP, IEP nor member number, and no text that an AMC wrote.
The form of the record is ours: the programme asks for one and publishes none (docs/conformite.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from django.utils import timezone

from admissions.enums import Domain
from gap.documents import render_pdf
from gap.templatetags.gap_format import amc_number, date_clock
from gap.text import NARROW_NBSP, NBSP, format_date
from teleservices import connection_test
from teleservices.connection_test import ShownCertificate
from teleservices.enums import AttemptOutcome, CallStatus, Family, HandshakeState
from teleservices.messages import POSITIVE
from teleservices.models import ConnectionTest, ReturnCode, TeleserviceAttempt, TeleserviceCall
from teleservices.policy import code_in_force
from teleservices.presenters import present
from teleservices.sentences import CAUSES, POINTLESS, failure_words

TEMPLATE: Final = Path(__file__).parent / "documents" / "accrochage.typ"
TITLE: Final = "Procès-verbal du test d’accrochage technique"
TONES: Final = {
    HandshakeState.RUNNING: "run",
    HandshakeState.SUCCEEDED: "ok",
    HandshakeState.FAILED: "stop",
    HandshakeState.STOPPED: "wait",
}
_STEPS: Final = ("Annuaire AMC", "IDB, droits du bénéficiaire")
_NOT_PROVED: Final = "Raccordement technique non prouvé"
#: Cause → what happened (`{code}`: the return code), what to do.
_FAILURES: Final = {
    connection_test.DIRECTORY_REFUSED: (
        "L’annuaire a refusé la question, code {code}.",
        "Signalez ce code à l’éditeur, puis recommencez.",
    ),
    connection_test.DIRECTORY_UNKNOWN: (
        "L’annuaire ne connaît pas cet organisme pour ce type de convention, ce CSR et ce domaine.",
        "Vérifiez la couverture du dossier, ou prenez un organisme raccordé, puis recommencez.",
    ),
    connection_test.IDB_ANOMALY: (
        "L’organisme a répondu par une anomalie, code {code}\u00a0: la liaison et les certificats sont prouvés, l’échange ne "
        "l’est pas.",
        "Signalez ce code à l’éditeur et à l’organisme, puis recommencez.",
    ),
    connection_test.IDB_UNKNOWN_CODE: (
        "L’organisme a répondu par le code {code}, que le catalogue ne connaît pas\u00a0: la liaison et les certificats sont "
        "prouvés, l’échange ne l’est pas.",
        "Importez la liste officielle des codes retour, puis recommencez.",
    ),
}


@dataclass(frozen=True, slots=True)
class Result:
    """`title` in four words, `detail` in a sentence, `todo` what a référent may do (empty: nothing)."""

    title: str
    detail: str
    todo: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """One of the two calls. `duration_ms` and `http_status` are those of its last try; `says` is for a screen."""

    title: str
    tone: str = "plan"
    icon: str = "circle-dashed"
    chip: str = "Pas encore demandé"
    says: str = ""
    message_id: str = ""
    host: str = ""
    sent_at: datetime | None = None
    duration_ms: int | None = None
    http_status: int | None = None
    tries: int = 0
    code: str = ""
    label: str = ""
    due_at: datetime | None = None
    moving: bool = False


def steps_of(test: ConnectionTest, now: datetime) -> list[Step]:
    """The directory's and the IDB's. One query, and one a negative code. Both calls must have been read with the test.

    Once the test is over, what its calls became afterwards is not its matter.
    """
    calls = [test.directory_call, test.idb_call]
    tries = TeleserviceAttempt.objects.filter(call__in=[call.pk for call in calls if call]).order_by("number")
    tries = tries.defer("request_xml", "response_xml")
    made = [one for one in tries if test.finished_at is None or one.started_at <= test.finished_at]
    steps = []
    for title, call in zip(_STEPS, calls, strict=True):
        if call is None:
            never = Step(title) if test.is_running else Step(title, "sys", "circle-minus", "Pas demandé")
            steps.append(never)
        else:
            steps.append(_step(title, test, call, [one for one in made if one.call_id == call.pk], now))
    return steps


def _step(
    title: str, test: ConnectionTest, call: TeleserviceCall, tries: Sequence[TeleserviceAttempt], now: datetime
) -> Step:
    last = tries[-1] if tries else None
    answered = _answered_in(test, call)
    code = call.return_code if answered or test.is_running else ""
    known = code_in_force(code, call.finished_at or now) if code and code != POSITIVE else None
    shown: dict[str, Any] = {
        "title": title,
        "message_id": str(call.message_id),
        "tries": len(tries),
        "code": code,
        "label": _label(call, code, known),
    }
    if last is not None:
        shown |= {"host": urlsplit(last.url).netloc, "sent_at": last.started_at}
        shown |= {"duration_ms": last.duration_ms, "http_status": last.http_status}
    if test.is_running:
        view = present(call, known, now)
        says = "" if view.state == "answered" else f"{view.happened} {view.system}"
        shown |= {"tone": view.tone, "icon": view.icon, "chip": view.chip, "says": says}
        return Step(**shown, due_at=view.due_at if view.open else None, moving=view.moving)
    return Step(**(shown | _fate(call, last, answered)))


def _answered_in(test: ConnectionTest, call: TeleserviceCall) -> bool:
    """The call ended with an answer before the test did."""
    if call.status not in (CallStatus.SUCCEEDED, CallStatus.REFUSED) or call.finished_at is None:
        return False
    return test.finished_at is None or call.finished_at <= test.finished_at


def _label(call: TeleserviceCall, code: str, known: ReturnCode | None) -> str:
    """By the catalogue: what an AMC writes beside its code may name somebody."""
    if not code:
        return ""
    if code == POSITIVE:
        return "réponse positive"
    return known.label.replace("'", "’") if known else "absent du catalogue"


def _fate(call: TeleserviceCall, last: TeleserviceAttempt | None, answered: bool) -> dict[str, str]:
    """How a step stands once the test is over."""
    if answered:
        positive = call.return_code == POSITIVE
        return {
            "tone": "ok" if positive else "wait",
            "icon": "circle-check" if positive else "alert-triangle",
            "chip": "Répondu" if positive else f"Répondu, {call.return_code}",
        }
    if last is None:
        return {"tone": "sys", "icon": "circle-minus", "chip": "Rien n’est parti"}
    words = {
        AttemptOutcome.STARTED: "réponse attendue",
        AttemptOutcome.ANSWERED: "organisme indisponible",
        AttemptOutcome.UNAVAILABLE: "organisme indisponible",
        AttemptOutcome.CONFIGURATION: CAUSES.get(last.reason, "certificat ou réglage"),
        AttemptOutcome.REFUSED: CAUSES.get(last.reason, "message refusé"),
    }
    said = words.get(AttemptOutcome(last.outcome)) or failure_words(last.reason)
    return {"tone": "stop", "icon": "circle-x", "chip": "Pas de réponse", "says": _sentence(said)}


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}."


def result_of(test: ConnectionTest, steps: Sequence[Step]) -> Result:
    """What the test proves, in words."""
    answer = steps[1]
    if test.state == HandshakeState.RUNNING:
        return Result("Raccordement technique pas encore prouvé", "Les réponses sont attendues.")
    if test.state == HandshakeState.STOPPED:
        return Result(_NOT_PROVED, "Le test a été arrêté avant sa fin.", "Recommencez quand vous voudrez.")
    if test.state == HandshakeState.FAILED:
        return _failure(test, steps)
    proved = "Raccordement technique prouvé"
    if answer.code == POSITIVE:
        said = "l’organisme a répondu positivement (code OK)."
        return Result(proved, f"Liaison, certificats et contrat{NBSP}: {said}")
    said = f"l’organisme a répondu par le code {answer.code}, «{NBSP}{answer.label}{NBSP}»."
    if test.idb_call and test.idb_call.family == Family.CONFIGURATION:
        todo = "Ce paramétrage est à obtenir de l’organisme avant les flux réels."
    else:
        todo = "Cette réponse porte sur le dossier choisi, pas sur le raccordement."
    return Result(proved, f"Liaison, certificats et contrat{NBSP}: {said} {todo}")


def _failure(test: ConnectionTest, steps: Sequence[Step]) -> Result:
    at = 1 if test.idb_call is not None else 0
    if known := _FAILURES.get(test.cause):
        detail, todo = known
        return Result(_NOT_PROVED, detail.format(code=steps[at].code), todo)
    if test.cause in POINTLESS:
        return Result(_NOT_PROVED, POINTLESS[test.cause], "Choisissez un autre dossier, puis recommencez.")
    words = CAUSES.get(test.cause, f"cause technique «{NBSP}{test.cause}{NBSP}»")
    return Result(_NOT_PROVED, f"À l’étape «{NBSP}{_STEPS[at]}{NBSP}»{NBSP}: {words}.")


def certificates_of(test: ConnectionTest) -> list[ShownCertificate]:
    """Those that were presented; of a test that runs, those that would be now."""
    if test.is_running:
        return list(connection_test.certificates_shown())
    return [ShownCertificate(**shown) for shown in test.certificates]


# ---- the record ----


def record_pdf(test: ConnectionTest) -> bytes:
    """The record on one A4 page, PDF/UA-1. The same test, once over, gives the same bytes."""
    return render_pdf(TEMPLATE, _record(test))


def _record(test: ConnectionTest) -> dict[str, Any]:
    steps = steps_of(test, timezone.now())
    result = result_of(test, steps)
    here, debtor = test.establishment, test.debtor
    running = test.is_running
    asked_by = (test.asked_by.get_full_name() or test.asked_by.username) if test.asked_by else "l’opérateur du serveur"
    ended = "en cours d’exécution" if running else f"terminé le {_instant(test.finished_at)}"
    certificates = certificates_of(test)
    return {
        "title": TITLE,
        "software": test.software,
        "subtitle": f"Test n°{NBSP}{test.pk}, lancé le {_instant(test.asked_at)} par {asked_by}, {ended}.",
        "tone": {"run": "wait"}.get(TONES[HandshakeState(test.state)], TONES[HandshakeState(test.state)]),
        "result": f"{result.title}{NBSP}: document provisoire" if running else result.title,
        "result_detail": result.detail,
        "parties": [
            ["Établissement", here.name, "Organisme", debtor.name],
            ["FINESS juridique", here.finess_legal, "N° AMC", amc_number(debtor.amc_number)],
            ["FINESS géographique", here.finess_site, "Type de convention", test.coverage.convention or "–"],
            ["Logiciel", test.software, "Domaine", Domain(test.stay.domain).label],
        ],
        "steps": [step.title for step in steps],
        "step_rows": [
            _row("Serveur appelé", [_breakable(step.host) for step in steps]),
            _row("Parti le", [_instant(step.sent_at) for step in steps]),
            _row("Durée", [_milliseconds(step.duration_ms) for step in steps]),
            _row("Essais", [str(step.tries) for step in steps]),
            _row("Statut HTTP", [str(step.http_status or "") for step in steps]),
            _row("Réponse", [_answer(step) for step in steps]),
            _row("Identifiant du message", [step.message_id for step in steps], mono=True),
        ],
        "uses": [f"{one.use[:1].upper()}{one.use[1:]}" for one in certificates],
        "certificate_rows": [
            _row("Titulaire", [_sentence(one.problem) if one.problem else one.subject for one in certificates]),
            _row("Émetteur", [one.issuer for one in certificates]),
            _row("N° de série", [one.serial for one in certificates], mono=True),
            _row("Expire le", [format_date(one.expires) if one.expires else "" for one in certificates]),
        ],
        "signatories": ["Établissement", "Organisme", "Éditeur"],
        "signature_rows": ["Nom", "Fonction", "Date"],
        "signature_label": "Signature",
        "footer": "Ce document ne contient aucune donnée de patient. Sa forme est celle du logiciel, non un modèle officiel.",
    }


def _row(label: str, values: Sequence[str], *, mono: bool = False) -> dict[str, Any]:
    return {"label": label, "values": [value or "–" for value in values], "mono": mono}


def _breakable(host: str) -> str:
    """A name longer than its column may be cut after a dot."""
    return host.replace(".", ".\u200b") if len(host) > 40 else host


def _instant(at: datetime | None) -> str:
    """« 22/11/2026 19:04:31 », by the clock of the hospital."""
    return f"{date_clock(at)}:{timezone.localtime(at):%S}" if at else ""


def _milliseconds(value: int | None) -> str:
    return "" if value is None else f"{value:,}".replace(",", NARROW_NBSP) + f"{NBSP}ms"


def _answer(step: Step) -> str:
    if step.code:
        return f"{step.code}, {step.label}"
    return step.says or step.chip
