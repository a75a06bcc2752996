"""Classes of drivers of a case: their keys with those of the contract, as quantities per vehicle, and as batteries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from csmoifsa.errors import InputError
from csmoifsa_aggregator.inputs.keys import ClassKeys, ContractKeys
from csmoifsa_aggregator.inputs.windows import plugged
from csmoifsa_aggregator.model.battery import Batteries, longest_stay

_BATTERY = ("capacity_kwh", "floor_kwh", "arrival_kwh", "departure_kwh", "efficiency", "wear", "discharge_kw")


@dataclass(frozen=True, kw_only=True, eq=False)
class Drivers:
    """A class of drivers, with the contract's values for keys that it leaves out; quantities per vehicle."""

    name: str
    count: float
    power_kw: float
    energy_kwh: float
    window: np.ndarray
    v2g_share: float
    capacity_kwh: float | None
    floor_kwh: float
    arrival_kwh: float | None
    departure_kwh: float | None
    efficiency: float
    wear: float
    discharge_kw: float


def read_drivers(k: int, own: ClassKeys, contract: ContractKeys, steps: int) -> Drivers:
    """Return the values of a class, with those of the contract for keys that the class leaves out."""
    name = f"class {k + 1}" if own.name is None else own.name
    battery = {key: getattr(contract if getattr(own, key) is None else own, key) for key in ("v2g_share", *_BATTERY)}
    share, energy = battery["v2g_share"], own.energy_kwh
    missing = [key for key in ("capacity_kwh", "arrival_kwh", "departure_kwh") if battery[key] is None]
    if missing and (share > 0 or energy is None):
        raise InputError(f"{name}: the key {missing[0]!r} is missing" + ("" if share else " (or 'energy_kwh')"))
    if energy is None:
        if not battery["departure_kwh"] > battery["arrival_kwh"]:
            raise InputError(
                f"{name}: departure_kwh {battery['departure_kwh']:g} must be above arrival_kwh "
                f"{battery['arrival_kwh']:g} where energy_kwh is left out"
            )
        energy = (battery["departure_kwh"] - battery["arrival_kwh"]) / battery["efficiency"]
    if share > 0:
        energy = _exact_energy(name, energy, battery)
    if battery["discharge_kw"] is None:
        battery["discharge_kw"] = own.power_kw
    window = plugged(own.window, steps, f"{name}: window")
    return Drivers(name=name, count=own.count, power_kw=own.power_kw, energy_kwh=energy, window=window, **battery)


def _exact_energy(name: str, energy_kwh: float, battery: Mapping[str, float]) -> float:
    """Check the energy of a class against its battery under contract, and return the exact one in place of a rounded.

    Stage one sells ``energy_kwh``, and the contract charges from ``arrival_kwh`` to ``departure_kwh``: both must be the
    same energy.

    Raises
    ------
    InputError
        The two differ by more than a thousandth.
    """
    takes = (battery["departure_kwh"] - battery["arrival_kwh"]) / battery["efficiency"]
    if not abs(energy_kwh - takes) <= 1e-3 * abs(takes):
        raise InputError(
            f"{name}: energy_kwh {energy_kwh:g} is not what its battery takes under contract: from arrival_kwh "
            f"{battery['arrival_kwh']:g} to departure_kwh {battery['departure_kwh']:g} at efficiency "
            f"{battery['efficiency']:g} it takes {takes:g} kWh; leave energy_kwh out, or change one of them"
        )
    return takes


def batteries_of(classes: Sequence[Drivers], steps: int, dt: float) -> Batteries:
    """Return the batteries of the drivers under V2G contract, on a day of ``steps`` steps of ``dt`` hours."""
    stays = [longest_stay(one.window) for one in classes]

    def column(key: str) -> np.ndarray:
        return np.array([float(getattr(one, key)) for one in classes])

    return Batteries(
        names=tuple(f"{one.name}, V2G" for one in classes),
        count=column("count") * column("v2g_share"),
        charge_kw=column("power_kw"),
        **{key: column(key) for key in _BATTERY},
        start=np.array([stay[0] for stay in stays]),
        length=np.array([stay[1] for stay in stays]),
        n_steps=steps,
        dt_h=dt,
    )
