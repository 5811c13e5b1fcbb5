"""What a call says to people: what happened, what the system does next and when, what you can do.

One pure function of the call's fields and of the catalogue's row. No query: the caller has read the debtor (and
`handled_by`) with the call.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Final

from django.utils import timezone

from admissions.presenters import french
from gap.templatetags.gap_format import clock, duration, moment_text
from gap.text import NBSP
from teleservices.enums import CallStatus, Disposition, Family
from teleservices.messages import Operation
from teleservices.models import ReturnCode, TeleserviceCall
from teleservices.sentences import ANSWERED, ASKS, CAUSES, FOUND, HELD_BACK, NOTHING, POINTLESS, SEQUELS

_NAMES: Final = {
    Operation.DIRECTORY: "Annuaire",
    Operation.INSI: "INSi",
    Operation.INSV: "INSi",
    Operation.CDRI: "CDRi",
}


@dataclass(frozen=True, slots=True)
class CallView:
    """One call as shown. `state` names a call line, `tone` a chip; `act` is what the person is offered in place:

    `member_number`, `inform`, `identity` or nothing. `open` still moves; `live` opens its three sentences.
    `mistyped`: the member number that was sent is unknown, another may be typed.
    """

    call_id: int
    coverage_id: int
    operation: str
    title: str
    state: str
    tone: str
    icon: str
    chip: str
    when: str
    happened: str
    system: str
    you: str
    line: str
    act: str = ""
    mistyped: bool = False
    yours: bool = False
    live: bool = False
    open: bool = False
    moving: bool = False
    due_at: datetime | None = None
    detail: str = ""

    @property
    def announcement(self) -> str:
        """What is said aloud: a final state; and that an answer is late, in the same words at each try (so, once)."""
        if not self.open:
            return f"{self.operation} : {self.line}"
        if self.state in ("retry", "unknown"):
            return f"{self.operation} : pas de réponse pour l’instant, le système relance seul."
        return ""


def present(call: TeleserviceCall, code: ReturnCode | None, now: datetime, *, detail: str = "") -> CallView:
    """`code`: the catalogue's row of the return code, if it is known. `detail`: what the answer brought, in words."""
    if call.status == CallStatus.CALLING:
        view = _calling(call, now)
    elif call.status == CallStatus.UNKNOWN:
        view = _unknown(call, now)
    elif call.status == CallStatus.PLANNED:
        view = _planned(call, code, now)
    elif call.status == CallStatus.NEEDS_REFERENT:
        view = _stopped(call)
    elif call.status == CallStatus.SUCCEEDED:
        view = _answered(call)
    elif call.status == CallStatus.CANCELLED:
        view = _pointless(call)
    else:
        view = _refused(call, code, now)
    return replace(view, detail=detail or view.detail)


def operation_name(operation: str) -> str:
    """« Annuaire », « IDB »…: as people of the trade write it."""
    return _NAMES.get(Operation(operation), operation)


def _base(call: TeleserviceCall, **values: object) -> CallView:
    said: dict[str, object] = {
        "call_id": call.pk,
        "coverage_id": call.coverage_id,
        "operation": operation_name(call.operation),
        "title": f"{ASKS[Operation(call.operation)]}, {call.whom}",
        "when": "",
        "you": NOTHING,
    } | values
    said.setdefault("line", said["happened"])
    return CallView(**said)  # type: ignore[arg-type]


def _calling(call: TeleserviceCall, now: datetime) -> CallView:
    # The claim began its attempt; what is shown is how long this try has lasted, not the whole call.
    since = call.first_sent_at if call.attempts_count <= 1 else None
    seconds = int((now - since).total_seconds()) if since else 0
    lasting = f"{seconds}{NBSP}s" if seconds >= 1 else ""
    return _base(
        call,
        state="calling",
        tone="run",
        icon="loader-2",
        chip=f"En cours, {lasting}" if lasting else "En cours",
        when=f"en cours, {lasting}" if lasting else "en cours",
        happened=f"La question est partie chez {call.whom}.",
        line="Question posée",
        system="Il attend la réponse, en général moins d’une seconde.",
        open=True,
        moving=True,
    )


def _unknown(call: TeleserviceCall, now: datetime) -> CallView:
    lost = {
        "invalid": f"{call.whom} a répondu quelque chose d’illisible.",
        "apply_failed": f"{call.whom} a répondu, et la réponse n’a pas pu être enregistrée.",
    }.get(call.cause, f"La question est partie, la réponse de {call.whom} ne nous est pas revenue.")
    again, at = _next_try(call, now)
    return _base(
        call,
        state="unknown",
        tone="wait",
        icon="help-circle",
        chip=f"À vérifier{NBSP}: {again}",
        when=again,
        happened=lost,
        line="Réponse à vérifier",
        system=f"{_ordinal(call.attempts_count + 1)} essai {at}. Le même message est renvoyé{NBSP}: "
        "l’organisme redonne la même réponse, rien n’est compté deux fois.",
        you="Rien. Le dossier avance sans attendre.",
        live=True,
        open=True,
        moving=call.not_before <= now,
        due_at=call.not_before,
    )


def _planned(call: TeleserviceCall, code: ReturnCode | None, now: datetime) -> CallView:
    if call.cause in HELD_BACK:
        return _held_back(call, now)
    if call.attempts_count == 0:
        later = call.not_before > now + timedelta(seconds=1)
        return _base(
            call,
            state="planned",
            tone="plan",
            icon="circle-dashed",
            chip=f"Prévu {_at(call.not_before, now)}" if later else "Prévu",
            when=_at(call.not_before, now) if later else "dans un instant",
            happened="L’appel est préparé.",
            line="Prévu",
            system=f"Il part {_at(call.not_before, now)}." if later else "Il part dans un instant.",
            open=True,
            moving=not later,
            due_at=call.not_before,
        )
    again, at = _next_try(call, now)
    if call.cause == "unavailable":
        what = french(code.label if code else call.return_label)
        happened = f"{call.whom} a répondu{NBSP}: {_lower(what)} ({call.return_code})."
        line = "Organisme indisponible"
    else:
        happened = f"{call.whom} n’a pas pu être joint{NBSP}: rien n’est parti."
        line = "Organisme injoignable"
    return _base(
        call,
        state="retry",
        tone="wait",
        icon="clock",
        chip=_capital(again),
        when=again,
        happened=happened,
        line=line,
        system=f"{_ordinal(call.attempts_count + 1)} essai {at}, puis de plus en plus espacés, toutes les 30{NBSP}min "
        "au plus. Aucun risque de double demande.",
        you=_waiting_advice(call),
        live=True,
        open=True,
        moving=call.not_before <= now,
        due_at=call.not_before,
    )


def _held_back(call: TeleserviceCall, now: datetime) -> CallView:
    """Nothing was asked this time: its channel is closed for the moment, to everybody."""
    happened, line, system = HELD_BACK[call.cause]
    again, at = _next_try(call, now)
    return _base(
        call,
        state="retry",
        tone="wait",
        icon="clock",
        chip=_capital(again),
        when=again,
        happened=happened.format(payer=call.whom),
        line=line,
        system=system.format(at=at),
        you=_waiting_advice(call),
        live=True,
        open=True,
        moving=call.not_before <= now,
        due_at=call.not_before,
    )


def _waiting_advice(call: TeleserviceCall) -> str:
    if call.operation in (Operation.CLC, Operation.DEL):
        return "Rien. La facture partira seule dès la réponse."
    return "Rien. Le patient peut être admis, le dossier se complétera seul."


def _stopped(call: TeleserviceCall) -> CallView:
    why = CAUSES.get(call.cause, "un réglage de la liaison est à revoir")
    return _base(
        call,
        state="refused",
        tone="stop",
        icon="tool",
        chip="Arrêté, au référent",
        happened=f"L’appel n’est pas parti{NBSP}: {why}.",
        line="Arrêté, le référent est prévenu",
        system="Une seule alerte est donnée au référent pour tous les dossiers touchés. "
        "L’appel repart seul dès que le réglage est corrigé.",
        you="Rien à l’accueil. Le patient peut être admis.",
        live=True,
        open=True,
    )


def _answered(call: TeleserviceCall) -> CallView:
    took = duration(call.duration_ms / 1000) if call.duration_ms is not None else ""
    tries = f", au {_ordinal(call.attempts_count)} essai" if call.attempts_count > 1 else ""
    said = f"Répondu en {took}{tries}" if took else f"Répondu{tries}"
    return _base(
        call,
        state="answered",
        tone="ok",
        icon="circle-check",
        chip=said,
        when=took,
        happened=f"{call.whom} a répondu{f' en {took}' if took else ''}{tries}.",
        line=FOUND.get(call.return_code, ANSWERED[Operation(call.operation)]),
        system="La réponse est au dossier.",
    )


def _pointless(call: TeleserviceCall) -> CallView:
    missing_nir = call.cause == "nir_missing" and call.superseded_at is None
    happened = POINTLESS.get(call.cause, "La question n’avait plus d’objet.")
    return _base(
        call,
        state="you" if missing_nir else "closed",
        tone="stop" if missing_nir else "sys",
        icon="ban" if missing_nir else "circle-minus",
        chip="NIR inconnu" if missing_nir else "Sans objet",
        happened=happened,
        line=happened,
        system="L’appel n’est pas parti. Il part dès que le NIR est au dossier."
        if missing_nir
        else "L’appel n’est pas parti.",
        you="Saisissez le NIR dans l’identité du patient." if missing_nir else NOTHING,
        act="identity" if missing_nir else "",
        yours=missing_nir,
        live=missing_nir,
    )


# ---- refusals: the catalogue's disposition says who acts ----


def _refused(call: TeleserviceCall, code: ReturnCode | None, now: datetime) -> CallView:
    label = french(code.label if code else (call.return_label or "sans libellé"))
    happened = f"{call.whom} a répondu{NBSP}: {_lower(label)} ({call.return_code})."
    short = f"{label} ({call.return_code})"
    if closed := _closed_refusal(call, happened, short, now):
        return closed
    system, you, act, chip, tone = SEQUELS.get(call.disposition, SEQUELS[Disposition.REFERENT])
    yours = bool(act)
    if call.disposition == Disposition.STORE:
        happened = f"{call.whom} a répondu un code que notre catalogue ne connaît pas ({call.return_code})."
    if act and code and code.agent_message and act != "member_number":
        you = f"{french(code.agent_message)} {you}"
    return _base(
        call,
        state="refused" if tone == "stop" else "retry",
        tone=tone,
        icon="ban" if tone == "stop" else "clock",
        chip=chip,
        happened=happened,
        line=short,
        system=system,
        you=you,
        act=act,
        mistyped=call.disposition == Disposition.INFORM_PATIENT and call.family == Family.MEMBER_NUMBER,
        yours=yours,
        live=True,
    )


def _closed_refusal(call: TeleserviceCall, happened: str, short: str, now: datetime) -> CallView | None:
    """A refusal that asks nothing of anybody any more is one grey line."""
    if call.handled_at is not None:
        who = call.handled_by.short_name if call.handled_by else "un collègue"
        detail = f"{short}. Traité {_on(call.handled_at, now)} par {who}."
    elif call.superseded_at is not None:
        detail = f"{short}. {_superseded(call)}"
    else:
        return None
    return _base(
        call,
        state="closed",
        tone="sys",
        icon="ban",
        chip="Refus traité",
        happened=happened,
        line=short,
        system="Cet appel est clos.",
        detail=detail,
    )


def _superseded(call: TeleserviceCall) -> str:
    if call.disposition == Disposition.REPLAY_WITH_ENTRY_DATE:
        return "Rappelé seul avec une autre date."
    return "Remplacé par une nouvelle demande."


# ---- words ----


def _next_try(call: TeleserviceCall, now: datetime) -> tuple[str, str]:
    """« prochain essai à 14:05 » for a chip, « à 14:05 » for a sentence."""
    if call.not_before <= now:
        return "nouvel essai en cours", "dans un instant"
    at = _at(call.not_before, now)
    return f"prochain essai {at}", at


def _at(instant: datetime, now: datetime) -> str:
    text = moment_text(instant, _today(now))
    return f"à {text}" if text == clock(instant) else f"le {text} à {clock(instant)}"


def _on(instant: datetime, now: datetime) -> str:
    text = moment_text(instant, _today(now))
    if text == clock(instant):
        return f"à {text}"
    return text if text == "hier" else f"le {text}"


def _today(now: datetime) -> date:
    return timezone.localdate(now)


def _ordinal(number: int) -> str:
    return "1er" if number == 1 else f"{number}e"


def _lower(text: str) -> str:
    """A label in the middle of a sentence: its first letter small, unless it begins by an acronym."""
    if len(text) > 1 and text[1].isupper():
        return text
    return text[:1].lower() + text[1:].rstrip(".")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
