"""What may go wrong on the other side, as data: a behaviour is a short text, and a scenario says when it applies.

A behaviour is one or several steps joined by `+`, each `name` or `name:argument`:

=================== ==================================================================== ==========
name                what the caller sees                                                  processed
=================== ==================================================================== ==========
latency:SECONDS     the answer, late                                                      yes
code:CODE           this return code, whatever was asked                                  the answer is the code
rights:NAME         CDRi: the rights of this row of `data/cdri.csv`                       yes
cut_before          connection cut, no answer                                             no
cut_after           connection cut, no answer                                             yes
http:STATUS         this HTTP status and an HTML page                                     no
redirect            302 to another address                                                no
fault:Client|Server a SOAP fault                                                          no
not_xml             200 and a text that is not XML                                        yes
entity_bomb         200 and entities that expand without end                              yes
huge:MEGABYTES      200 and an endless answer that does not say its length                yes
huge_declared:MB    the same, with its length declared                                    yes
other_message_id    a good answer to another message                                      yes
invalid_answer      an answer that breaks the XSD                                         yes
truncated           half of the answer, then a cut                                        yes
slow_drip:SECONDS   the answer, one byte each SECONDS                                     yes
slow_headers:SECS   HTTP headers, one byte each SECONDS                                   yes
clock:SECONDS       the answer, dated by a clock that is so late (early: less than 0)     yes
=================== ==================================================================== ==========
"""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from dataclasses import dataclass

from simulator.catalogue import Catalogue, Marker

NUMERIC = frozenset({"latency", "http", "huge", "huge_declared", "slow_drip", "slow_headers", "clock"})
WITH_CODE = frozenset({"code", "fault", "rights"})
BARE = frozenset({"cut_before", "cut_after", "redirect", "not_xml", "entity_bomb", "other_message_id", "invalid_answer",
                  "truncated"})  # fmt: skip
OPERATIONS = ("ANNUAIRE", "IDB", "SIM", "CLC", "DEL", "INSI", "CDRI")
ANY_AMC = "*"
_OPERATION_SUFFIX = re.compile(r"(IDB|SIM|CLC|DEL)?")
_REMEMBERED_FIRST_TIMES = 10_000


class BadScenario(ValueError):
    """A scenario that cannot be understood; the message says why."""


@dataclass(frozen=True, slots=True)
class Behaviour:
    """The steps of a behaviour, by name. Empty: an ordinary payer."""

    steps: tuple[tuple[str, str], ...] = ()

    def has(self, name: str) -> bool:
        return any(step == name for step, _ in self.steps)

    def argument(self, name: str) -> str | None:
        return next((argument for step, argument in self.steps if step == name), None)

    def number(self, name: str) -> float:
        """The numeric argument of a step; 0 when the behaviour has no such step."""
        return float(self.argument(name) or 0)


ORDINARY = Behaviour()


def parse_behaviour(text: str) -> Behaviour:
    """Read `latency:0.5+code:RC24`. Raises BadScenario on an unknown name or a missing or wrong argument."""
    steps = []
    for part in filter(None, (piece.strip() for piece in text.split("+"))):
        name, _, argument = part.partition(":")
        if name not in NUMERIC | WITH_CODE | BARE:
            raise BadScenario(f"unknown behaviour: {name}")
        if name in NUMERIC:
            try:
                float(argument)
            except ValueError:
                raise BadScenario(f"{name} needs a number") from None
        elif name in WITH_CODE and not argument:
            raise BadScenario(f"{name} needs an argument")
        steps.append((name, argument))
    return Behaviour(tuple(steps))


@dataclass(slots=True)
class Scenario:
    """Set at run time for an AMC (or `*`), an operation (or all), for `remaining` calls (or until cleared)."""

    amc: str
    operation: str | None
    text: str
    behaviour: Behaviour
    remaining: int | None

    def described(self) -> dict[str, object]:
        return {"amc": self.amc, "operation": self.operation, "behaviour": self.text, "remaining": self.remaining}


@dataclass(frozen=True, slots=True)
class CallFacts:
    """What a scenario may depend on. `marked`: the member number, or the engagement number of a DEL."""

    operation: str
    amc: str
    message_id: str
    marked: str = ""
    amo_regime: str = ""
    has_prescription_date: bool = False


class Scenarios:
    """Which behaviour for this call: set at run time, else the marker of the member number, else the AMC's own."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._lock = threading.Lock()
        self._active: list[Scenario] = []
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._markers = [(marker, parse_behaviour(marker.behaviour)) for marker in catalogue.markers]
        self._amc = {amc.number: parse_behaviour(amc.behaviour) for amc in catalogue.amc.values()}

    def add(self, amc: str, behaviour: str, operation: str | None = None, count: int | None = None) -> Scenario:
        """The last added wins. Raises BadScenario."""
        if operation is not None and operation not in OPERATIONS:
            raise BadScenario(f"unknown operation: {operation}")
        if count is not None and count < 1:
            raise BadScenario("count must be at least 1")
        scenario = Scenario(amc, operation, behaviour, parse_behaviour(behaviour), count)
        with self._lock:
            self._active.insert(0, scenario)
        return scenario

    def clear(self, amc: str | None = None) -> int:
        """Forget the scenarios of an AMC, or all of them; returns how many."""
        with self._lock:
            kept = [s for s in self._active if amc is not None and s.amc != amc]
            removed = len(self._active) - len(kept)
            self._active = kept
        return removed

    def active(self) -> list[dict[str, object]]:
        with self._lock:
            return [scenario.described() for scenario in self._active]

    def choose(self, facts: CallFacts) -> Behaviour:
        """The behaviour of this call. Uses up one of a counted scenario."""
        return self._set_at_run_time(facts) or self._marked(facts) or self._habit(facts)

    def _habit(self, facts: CallFacts) -> Behaviour:
        """The directory is nobody's: it answers as ever about an AMC that is down."""
        return ORDINARY if facts.operation == "ANNUAIRE" else self._amc.get(facts.amc, ORDINARY)

    def _set_at_run_time(self, facts: CallFacts) -> Behaviour | None:
        with self._lock:
            for scenario in self._active:
                if scenario.amc in (ANY_AMC, facts.amc) and scenario.operation in (None, facts.operation):
                    if scenario.remaining is not None:
                        scenario.remaining -= 1
                        if scenario.remaining == 0:
                            self._active.remove(scenario)
                    return scenario.behaviour
        return None

    def _marked(self, facts: CallFacts) -> Behaviour | None:
        for marker, behaviour in self._markers:
            if facts.marked.startswith(marker.prefix):
                # "RC15CLC…" speaks of CLC alone, "RC15…" of every operation.
                only = _OPERATION_SUFFIX.match(facts.marked, len(marker.prefix))
                if only and only.group() and only.group() != facts.operation:
                    return None
                return behaviour if self._applies(marker, facts) else None
        return None

    def _applies(self, marker: Marker, facts: CallFacts) -> bool:
        name, _, argument = marker.condition.partition(":")
        match name:
            case "":
                return True
            case "no_prescription_date":
                return not facts.has_prescription_date
            case "regime_is_not":
                return not facts.amo_regime.startswith(argument)
            case "first_time":
                return self._first_time(facts.message_id)
        raise BadScenario(f"unknown condition: {name}")

    def _first_time(self, message_id: str) -> bool:
        """A trouble of the wire comes once for a message: sent again, it goes through."""
        with self._lock:
            if message_id in self._seen:
                return False
            self._seen[message_id] = None
            if len(self._seen) > _REMEMBERED_FIRST_TIMES:
                self._seen.popitem(last=False)
        return True
