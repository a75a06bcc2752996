"""Labels of prices on pages, whatever a tariff's periods are called."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


def price_labels(names: Iterable[str], texts: Mapping[str, object]) -> dict[str, str]:
    """Return the label of each price.

    Parameters
    ----------
    names : iterable of str
        Names of prices as `tariff.price_names` makes them, such as ``"charge_peak"``.
    texts : mapping
        Labels of the pages of a price study, those of its charts among them.

    Examples
    --------
    >>> price_labels(["charge_day"], {"variables": {}, "charge": "charge", "discharge": "discharge"})
    {'charge_day': 'charge, day'}
    """
    usual = texts["variables"]
    assert isinstance(usual, dict)
    found = {}
    for name in names:
        kind, _, period = name.partition("_")
        found[name] = usual.get(name) or f"{texts[kind]}, {period}"
    return found
