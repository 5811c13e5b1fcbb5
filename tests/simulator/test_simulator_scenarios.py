"""Which behaviour for which call."""

from __future__ import annotations

import pytest

from simulator.catalogue import load_catalogue
from simulator.scenarios import ORDINARY, BadScenario, CallFacts, Scenarios, parse_behaviour

AMC = "0099000101"


@pytest.fixture
def scenarios() -> Scenarios:
    return Scenarios(load_catalogue())


def facts(operation: str = "IDB", amc: str = AMC, message_id: str = "m1", **more) -> CallFacts:
    return CallFacts(operation, amc, message_id, **more)


def test_a_behaviour_of_several_steps_is_read():
    behaviour = parse_behaviour("latency:0.5+code:RC24")
    assert behaviour.number("latency") == 0.5
    assert behaviour.argument("code") == "RC24"
    assert not behaviour.has("cut_after")


@pytest.mark.parametrize("text", ["explode", "latency", "latency:soon", "http:", "code", "code:"])
def test_a_behaviour_that_means_nothing_is_refused(text):
    with pytest.raises(BadScenario):
        parse_behaviour(text)


def test_an_ordinary_payer_behaves(scenarios):
    assert scenarios.choose(facts()) == ORDINARY


def test_the_last_scenario_set_wins_until_it_is_cleared(scenarios):
    scenarios.add(AMC, "http:500")
    scenarios.add("*", "http:503")
    assert scenarios.choose(facts()).number("http") == 503
    scenarios.clear("*")
    assert scenarios.choose(facts()).number("http") == 500
    assert scenarios.clear() == 1
    assert scenarios.choose(facts()) == ORDINARY


def test_a_counted_scenario_is_used_up(scenarios):
    scenarios.add(AMC, "cut_after", count=2)
    assert [scenarios.choose(facts()).has("cut_after") for _ in range(3)] == [True, True, False]


def test_a_scenario_of_one_operation_or_payer_spares_the_others(scenarios):
    scenarios.add(AMC, "cut_after", "CLC")
    assert scenarios.choose(facts("CLC")).has("cut_after")
    assert not scenarios.choose(facts("SIM")).has("cut_after")
    assert not scenarios.choose(facts("CLC", "0099000102")).has("cut_after")


@pytest.mark.parametrize(
    "arguments", [("*", "cut_after", "XYZ", None), ("*", "cut_after", None, 0), ("*", "no", None, 1)]
)
def test_a_wrong_scenario_is_refused(scenarios, arguments):
    with pytest.raises(BadScenario):
        scenarios.add(*arguments)
    assert scenarios.active() == []


def test_a_marker_gives_way_to_a_scenario_set_at_run_time(scenarios):
    marked = facts(marked="RC15-0001")
    assert scenarios.choose(marked).argument("code") == "RC15"
    scenarios.add(AMC, "code:RC20")
    assert scenarios.choose(marked).argument("code") == "RC20"


def test_a_marker_wins_over_the_habits_of_the_payer(scenarios):
    assert scenarios.choose(facts(amc="0099000902")).argument("code") == "RC26"
    assert scenarios.choose(facts(amc="0099000902", marked="RC15")).argument("code") == "RC15"


def test_a_trouble_of_the_wire_comes_once_for_a_message(scenarios):
    first, second = facts(marked="TKAPRES-1"), facts(marked="TKAPRES-1", message_id="m2")
    chosen = [scenarios.choose(call).has("cut_after") for call in (first, first, second, second)]
    assert chosen == [True, False, True, False]
