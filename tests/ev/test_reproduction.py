"""The search for parameters under which all the paper's figures come true."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from csmoifsa.errors import InputError
from csmoifsa_ev.model.outcome import evaluate
from csmoifsa_ev.plugin import ev_pricing
from csmoifsa_ev.study.reproduction import RANGES, fit_jointly, fits_as_markdown, printed_after, with_parameters


def test_parameters_land_where_they_belong(small):
    middle = np.array([0.5 * (low + high) for low, high in RANGES.values()])
    day = with_parameters(small.day, middle, weights_free=True)
    values = dict(zip(RANGES, middle, strict=True))
    assert day.response.peak_flat.dead_zone == values["peak_flat.dead_zone"]
    assert day.response.peak_valley.saturation == pytest.approx(4 + 20)
    assert day.v2g.response.max_share == values["v2g.max_share"]
    assert day.grid.marginal_cost_per_mwh == (25.0, 97.5)
    assert day.satisfaction.habit_weight == 0.5
    assert with_parameters(small.day, middle, weights_free=False).satisfaction == small.day.satisfaction


def test_residuals_are_those_of_the_parameters_and_prices_reported(case):
    fit = fit_jointly(case.with_changes(n_ev=3_000), recovery="uniform", weights_free=True, generations=2)
    problem = ev_pricing(case.with_changes(n_ev=3_000))
    day = with_parameters(problem.day, np.array(list(fit.parameters.values())), weights_free=True)
    outcome = evaluate(fit.tariff[None], day)
    assert fit.figures[0][3] == pytest.approx(outcome.g1_mw[0])
    assert fit.figures[4][3] == pytest.approx(outcome.satisfaction[0])
    assert fit.worst == pytest.approx(np.abs(fit.residuals).max())
    assert [name for name, _, _ in printed_after(case.published)] == [row[0] for row in fit.figures]
    for name, (low, high) in RANGES.items():
        assert low <= fit.parameters[name] <= high
    assert "| wear | 2 to 10 |" in fits_as_markdown([fit])


def test_only_a_case_with_published_figures(case):
    with pytest.raises(InputError, match="no published figures"):
        fit_jointly(dataclasses.replace(case, published=None), recovery="uniform", weights_free=False)


def test_the_page_by_its_command(run_cli, tmp_path):
    answer = run_cli("ev", "reproduce", "--generations", 1, "--out", tmp_path / "page.md")
    assert answer.code == 0, answer.err
    text = (tmp_path / "page.md").read_text(encoding="utf-8")
    for told in ("14,021.5", "Can all its figures be had together", "compromise", "valley-filling"):
        assert told in text
