"""All values that a study rests on, as a table of keys and values with their origin."""

from __future__ import annotations

from csmoifsa_ev.inputs.origins import DEFAULT, THIS_RUN, Origin
from csmoifsa_ev.inputs.scenario import Scenario


def input_rows(scenario: Scenario) -> list[dict[str, str]]:
    """Return ``key, value, where, source`` of every value of a scenario, by its key in the scenario file.

    Lists of numbers or texts are one value; what is left out or has no value has no row. ``where`` names the file or
    bundled case that states the value, the program's ``default``, or ``this run`` if an option of the command replaced
    it; ``source`` is what that file's table ``[sources]`` says of it.
    """
    rows = []
    for key, value in scenario.values.items():
        origin = scenario.origins.get(key, Origin(value, DEFAULT, ""))
        if origin.value != value:
            origin = Origin(value, THIS_RUN, "")
        rows.append({"key": key, "value": value, "where": origin.where, "source": origin.source})
    return rows
