"""Certificates of stage one: what is written is checked without a solver, and nothing false passes."""

import copy
import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from aggregator.drawn import KINDS, draw_game
from aggregator.full_program import best_profit
from aggregator.games import WEI
from csmoifsa.errors import InputError
from csmoifsa_aggregator.inputs.case import load_case
from csmoifsa_aggregator.model.game import Storage
from csmoifsa_aggregator.solve.evidence import certificate
from csmoifsa_aggregator.solve.proof import check, verify_certificate
from csmoifsa_aggregator.solve.stackelberg import solve_game


def made(game, margin=0.0):
    """Return a game's certificate as it is read back; None where the game has no price."""
    try:
        return json.loads(json.dumps(certificate(game, solve_game(game, margin=margin))))
    except InputError:
        return None


def test_certificates_of_random_games_hold_without_a_solver():
    kinds, shown = dict.fromkeys(KINDS, 0), dict.fromkeys(KINDS, 0)
    for seed in range(90):
        kind, game = draw_game(seed)
        values = made(game, 0.0 if game.cars is not None or seed % 3 else 1e-3)
        if values is None:
            continue
        verdict = check(values)
        assert verdict.faults == [], (seed, kind)
        kinds[kind] += verdict.status == "proven"
        shown[kind] += verdict.bound is not None
    assert all(kinds.values())
    assert shown["plain"] >= 5
    assert shown["resale"] >= 3
    assert shown["blocks"]
    assert shown["import limit"]


def test_any_multipliers_give_an_upper_bound():
    rng, checked = np.random.default_rng(2), 0
    for seed in range(0, 120):
        kind, game = draw_game(seed)
        values = None if game.cars is not None else made(game)
        if values is None or values["bound"]["kind"] != "linear programs":
            continue
        truth = best_profit(game)
        for size in (0.0, 0.03, 0.3, 3.0):
            other = copy.deepcopy(values)
            for key in ("response_kwh", "pi", "nu", "m", "kappa", "mu"):
                old = np.array(other["bound"][key])
                other["bound"][key] = (old + size * rng.normal(size=old.shape)).tolist()
            assert check(other).bound >= truth - 1e-6 * max(1.0, abs(truth)), (seed, kind, size)
            checked += 1
    assert checked > 100


STORAGE, V2G = load_case("wei-storage").game, draw_game(8)[1]


@pytest.fixture(scope="module")
def proofs():
    """A certificate with storage, one with a strict margin, and one with V2G classes."""
    found = {"storage": made(STORAGE), "margin": made(load_case("wei-2015").game, 1e-3), "v2g": made(V2G)}
    assert all(check(one).faults == [] for one in found.values())
    return found


def shift(values, path, by):
    """Add to one number of a certificate."""
    *way, last = path
    for key in way:
        values = values[key]
    values[last] += by


@pytest.mark.parametrize(
    ("which", "changes", "words"),
    [
        ("storage", [(("profit",), 1.0)], "the profit is"),
        ("storage", [(("profit",), 1.0), (("upper_bound",), 1.0)], "the profit is"),
        ("storage", [(("upper_bound",), 1.0)], "does not meet the profit"),
        ("storage", [(("upper_bound",), -1.0)], "lies below the profit"),
        ("storage", [(("price", 3), 5.0)], "lies outside its bounds"),
        ("storage", [(("price", 3), 1e-3)], "the mean price is"),
        ("storage", [(("load_kw", 0, 1), 200.0)], "outside its window or above its power"),
        ("storage", [(("load_kw", 0, 1), -1.0)], "takes"),
        ("storage", [(("supply", "ahead_kw", 0, 5), 1.0)], "the balance of step 5"),
        ("storage", [(("supply", "ahead_kw", 0, 5), 1e4), (("supply", "sold_kw", 5), 1e4)], "more is sold"),
        ("storage", [(("supply", "charge_kw", 5), 1e4), (("supply", "ahead_kw", 0, 5), 1e4)], "exceeds its power"),
        ("storage", [(("supply", "ahead_kw", 0, 5), -900.0), (("supply", "real_time_kw", 5), 900.0)], "below zero"),
        ("storage", [(("game", "storage", "capacity_kwh"), -150.0)], "state of energy leaves its limits"),
        ("storage", [(("game", "storage", "power_kw"), 50.0)], "the multipliers show"),
        ("storage", [(("bound", "pi", 12), -0.2)], "the multipliers show"),
        ("margin", [(("margin",), 1e-3)], "has no margin of 0.002"),
        ("margin", [(("game", "p", 2), 0.01)], "the profit is"),
        ("v2g", [(("v2g", 0, "charge_kw", 0), 50.0)], "breaks a limit"),
        ("v2g", [(("v2g", 0, "value", 0), 1.0)], "not shown to be optimal"),
        ("v2g", [(("game", "cars", 0, "count"), 1.0)], "the balance of step"),
    ],
)
def test_what_is_tampered_with_is_found(proofs, which, changes, words):
    values = copy.deepcopy(proofs[which])
    for path, by in changes:
        shift(values, path, by)
    faults = check(values).faults
    assert any(words in one for one in faults), faults


def test_a_response_that_is_not_the_cheapest_is_found(proofs):
    values = copy.deepcopy(proofs["margin"])
    row, price = values["load_kw"][0], np.array(values["price"])
    used = [t for t in range(24) if row[t] > 1]
    free = [t for t in range(24) if values["game"]["W"][0][t] and row[t] == 0]
    cheap, dear = min(used, key=lambda t: price[t]), max(free, key=lambda t: price[t])
    row[cheap], row[dear] = row[dear], row[cheap]
    assert any("could pay" in one for one in check(values).faults)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda v: v.update(format="else"), "format"),
        (lambda v: v.pop("price"), "has no 'price'"),
        (lambda v: v.update(code="print()"), "unknown key 'code'"),
        (lambda v: v.update(price=v["price"][1:]), "price must be a list of 24 numbers"),
        (lambda v: v.update(price="cheap"), "price must be a list"),
        (lambda v: v.update(profit=True), "profit must be a number"),
        (lambda v: v.update(profit=1e300), "at most 1e15"),
        (lambda v: v.update(status="sure"), "status"),
        (lambda v: v.update(bound={"kind": "mine"}), "bound.kind"),
        (lambda v: v["game"].update(dt=0.0), "dt"),
        (lambda v: v["game"]["storage"].update(power_kw=-1.0), "nothing below 0"),
        (lambda v: v.update(load_kw=[]), "load_kw must be a list of 3 lists"),
    ],
)
def test_what_is_no_certificate_is_refused(proofs, tmp_path, change, words):
    values = copy.deepcopy(proofs["storage"])
    change(values)
    path = tmp_path / "proof.json"
    path.write_text(json.dumps(values))
    with pytest.raises(InputError, match=words) as told:
        verify_certificate(path)
    assert "\n" not in str(told.value)


def test_a_certificate_on_trust_says_so(run_cli, tmp_path):
    path = tmp_path / "proof.json"
    assert run_cli("ev", "aggregate", "wei-2015", "--certificate", path).code == 0
    answer = run_cli("ev", "verify", path, "--case", "wei-2015")
    assert answer.code == 0
    assert "taken from HiGHS on trust" in answer.out
    assert "no driver is indifferent" in answer.out


def test_the_commands(run_cli, tmp_path):
    path = tmp_path / "proof.json"
    written = run_cli("ev", "aggregate", "wei-storage", "--margin", 0, "--certificate", path, "--json")
    assert json.loads(written.out)["evidence"] == "linear programs"
    answer = run_cli("ev", "verify", path, "--json")
    assert answer.code == 0
    got = json.loads(answer.out)
    assert got["holds"]
    assert got["bound"] == pytest.approx(2388.844444, rel=1e-8)
    other = run_cli("ev", "verify", path, "--case", "wei-2015")
    assert other.code == 1
    assert "another game" in other.err
    path.write_text(path.read_text().replace('"profit": 2388', '"profit": 2389'))
    false = run_cli("ev", "verify", path)
    assert false.code == 1
    assert "the profit is" in false.err
    path.write_text("[[")
    broken = run_cli("ev", "verify", path)
    assert (broken.code, broken.err.count("\n")) == (2, 1)


def test_the_check_loads_no_solver():
    code = (
        "import sys, csmoifsa_aggregator.solve.proof\n"
        "print(sorted(m for m in sys.modules if 'highs' in m or 'solve.lp' in m or 'scipy' in m))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


def test_a_bound_that_needed_binaries_says_so():
    """Selling excludes buying in a step, so the supply of this game is a mixed-integer program, not a linear one."""
    game = replace(
        WEI, sell=1.2 * WEI.day_ahead, buy=0.9 * WEI.day_ahead,
        storage=Storage(power_kw=50.0, capacity_kwh=100.0, initial_kwh=50.0, efficiency=0.9),
    )  # fmt: skip
    found, plain = solve_game(game, margin=0.0), solve_game(WEI, margin=0.0)
    assert (plain.evidence, plain.binaries) == ("linear programs", 0)
    assert found.binaries > 0
    assert found.evidence != "linear programs"
