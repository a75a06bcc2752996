"""Values of a scenario that follow from its load: the number of cars and the loads of the line of marginal cost."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from csmoifsa.errors import InputError
from csmoifsa.files import parse_toml, read_text
from csmoifsa.typing import TomlValue
from csmoifsa_app.fields import DERIVED, comment_beside, set_keys, value_at
from csmoifsa_ev.inputs.inspection import with_part
from csmoifsa_ev.inputs.scenario import load_scenario, scenario_values
from csmoifsa_ev.inputs.template import fit_to_load

N_EV = ("fleet", "n_ev")
COST_LOADS = ("grid", "marginal_cost_load_mw")


def renewed(path: Path, before: str) -> str:
    """Return the text of a scenario file with the values that follow from its load.

    They are written where the load is a file and the user states no values of his own, see `fields.DERIVED`, and go
    where it is none. While the load has faults, they stay as they are.

    Parameters
    ----------
    path : Path
        The scenario file.
    before : str
        Its text before the last change; values of a load that did not change are not renewed.

    Raises
    ------
    InputError
        The text is no TOML.
    """
    text = read_text(path, "scenario")
    own = parse_toml(text, str(path))
    free = [name for name in (N_EV, COST_LOADS) if value_at(own, name) is None or DERIVED in comment_beside(text, name)]
    stated = [name for name in free if value_at(own, name) is not None]
    if value_at(own, ("load", "csv")) is None:
        return set_keys(text, dict.fromkeys(stated)) if stated else text
    try:
        earlier = parse_toml(before, str(path)).get("load")
    except InputError:
        earlier = None
    if not free or (stated == free and own.get("load") == earlier):
        return text
    try:
        found = _following(path, free)
    except InputError:
        return text
    return set_keys(text, found, dict.fromkeys(found, DERIVED))


def _following(path: Path, free: Sequence[tuple[str, ...]]) -> dict[tuple[str, ...], TomlValue | None]:
    """Return the values of the keys ``free``; raises `InputError` if the load or another part has faults."""
    values, _ = scenario_values(path)
    load = with_part(values, "load").load
    scenario = load_scenario(path)
    n_ev, least, most = fit_to_load(scenario, load, None if N_EV in free else scenario.fleet.n_ev)
    found: dict[tuple[str, ...], TomlValue | None] = {N_EV: n_ev}
    if len(scenario.grid.marginal_cost_load_mw) == 2 and least < most:
        found[COST_LOADS] = [least, most]
    return {name: found[name] for name in free if name in found}
