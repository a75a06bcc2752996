"""A small fleet for what needs a whole day, and the bundled case for the bars."""

from __future__ import annotations

import pytest

from csmoifsa_ev.inputs.scenario import load_scenario
from csmoifsa_ev.plugin import ev_pricing


@pytest.fixture(scope="session")
def small():
    """The bundled case with 2,000 cars, sharing one day."""
    return ev_pricing(n_ev=2_000)


@pytest.fixture(scope="session")
def case():
    """The bundled case as it is."""
    return load_scenario()
