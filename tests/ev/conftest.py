"""A small fleet for what needs a whole day, and the bundled case for the bars."""

from __future__ import annotations

import pytest

from csmoifsa_ev.pricing import EVPricing
from csmoifsa_ev.scenario import load_scenario


@pytest.fixture(scope="session")
def small():
    """The bundled case with 2,000 cars, sharing one day."""
    return EVPricing(n_ev=2_000)


@pytest.fixture(scope="session")
def case():
    """The bundled case as it is."""
    return load_scenario()
