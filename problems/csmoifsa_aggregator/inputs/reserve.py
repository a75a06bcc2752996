"""Reserve products of a case: their keys, the bundled products, and files of products given on the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from csmoifsa.errors import InputError
from csmoifsa_aggregator.model.reserve import Product
from csmoifsa_energy.cases import CaseFiles
from csmoifsa_energy.checks import Parameters, require_fraction, require_not_negative, require_positive
from csmoifsa_energy.explain import check_values
from csmoifsa_energy.readers.faults import InputFaultsError
from csmoifsa_energy.readers.files import series_from

PRODUCTS = CaseFiles(
    folder=Path(__file__).with_name("products"),
    what="reserve product",
    each="reserve product",
    files=(("capacity_price", "csv"),),
)


@dataclass(frozen=True, kw_only=True)
class ReserveKeys(Parameters):
    """A reserve product: a table ``[[reserve]]`` of a case, or a file of its own for ``--reserve``.

    Attributes
    ----------
    base : str, optional
        Bundled product, or a product's file, whose keys hold where they are left out here.
    name : str
        Unique name in results.
    direction : "symmetric", "up" or "down"
        Directions in which the whole bid must be kept; up means less charging or more discharging.
    block_h : float
        Length of a block [h], such as 1 or 4.
    capacity_price : float, tuple of float or dict
        Payment for capacity [currency per MW and h]: one number, one a block, or a file and how it is read,
        ``{ csv = "fcr.csv", day = 2025-06-01 }``; of several days, their mean.
    currency : str, optional
        Unit of money of the product, which must be that of the case; not checked where left out.
    duration_h : float
        Time for which the whole bid must be delivered in a block [h]; its energy is kept in the batteries.
    minimum_mw : float
        Least bid [MW].
    increment_mw : float
        Step of bids above the least one [MW]; 0 for none.
    injection_allowed : bool
        Whether the connection of all cars and of the load beside them may feed into the grid in blocks with a bid.
    energy_share : float
        Expected energy of calls in each direction, as a share of the bid over the whole block, from 0 to 1; of a
        symmetric product to 0.5.
    activation_price : float, optional
        Price of energy called, received upwards and paid downwards [currency/MWh]; where left out it is settled as an
        imbalance, at the prices of real time.
    penalty : float
        Payment for each MWh of a call that is not delivered [currency/MWh], in simulated days.
    source : str
        Origin of the product's rules and prices, shown with the results.
    """

    name: str
    direction: Literal["symmetric", "up", "down"]
    block_h: float
    capacity_price: float | tuple[float, ...] | dict[str, object]
    duration_h: float
    base: str | None = None
    currency: str | None = None
    minimum_mw: float = 0.0
    increment_mw: float = 0.0
    injection_allowed: bool = True
    energy_share: float = 0.0
    activation_price: float | None = None
    penalty: float = 0.0
    source: str = ""

    def __post_init__(self) -> None:
        require_positive(self, "block_h", "duration_h")
        require_not_negative(self, "minimum_mw", "increment_mw", "penalty")
        require_fraction(self, "energy_share")
        if not isinstance(self.capacity_price, dict) and np.min(self.capacity_price) < 0:
            raise InputError("capacity_price must hold numbers from 0 up")

    def product(self, steps: int, dt_h: float) -> Product:
        """Return the product for a day of ``steps`` steps of ``dt_h`` hours.

        Raises
        ------
        InputError
            The blocks do not fit the steps, or the prices the blocks, or the file of prices has faults.
        """
        own = Product(
            name=self.name,
            direction=self.direction,
            block_h=self.block_h,
            price=np.zeros(1),
            duration_h=self.duration_h,
            minimum_kw=1000.0 * self.minimum_mw,
            increment_kw=1000.0 * self.increment_mw,
            injection_allowed=self.injection_allowed,
            energy_share=self.energy_share,
            activation_price=None if self.activation_price is None else self.activation_price / 1000.0,
            penalty=self.penalty / 1000.0,
            source=self.source,
        )
        prices = self._prices(steps // own.steps(steps, dt_h))
        own = replace(own, price=prices / 1000.0)
        own.steps(steps, dt_h)
        return own

    def _prices(self, blocks: int) -> np.ndarray:
        """Return the payment for capacity, one number or one a block [currency per MW and h]."""
        if not isinstance(self.capacity_price, dict):
            return np.atleast_1d(np.array(self.capacity_price))
        key = f"{self.name}: capacity_price"
        day = series_from(self.capacity_price, key).read_file(key).values.mean(axis=0)
        if day.size % blocks:
            raise InputError(
                f"{key}: the file has {day.size} steps a day, which do not fit the {blocks} blocks of the day"
            )
        return day.reshape(blocks, -1).mean(axis=1)


def with_bases(values: Mapping[str, object], path: Path) -> dict[str, object]:
    """Return the key ``reserve`` of a case, if any, each product laid over its base, bundled or a file beside ``path``.

    Raises
    ------
    InputError
        A base is missing or wrong, or files build on each other in a circle.
    """
    own = values.get("reserve")
    if not isinstance(own, list):
        return {} if own is None else {"reserve": own}
    return {"reserve": [PRODUCTS.complete(one, path) if isinstance(one, dict) else one for one in own]}


def load_products(sources: Sequence[str]) -> tuple[ReserveKeys, ...]:
    """Read products by the names of bundled ones, or from TOML files.

    Raises
    ------
    InputError
        No such product exists, a key is unknown or missing, or a value is bad; the message names file and key.
    """
    answer = []
    for source in sources:
        path = Path(source)
        if source in PRODUCTS.names() or (not path.suffix and not path.exists()):
            path = PRODUCTS.path_of(source)
        values = PRODUCTS.complete(PRODUCTS.read(path), path)
        try:
            answer.append(check_values(ReserveKeys, values, more=("base",)))
        except InputFaultsError as error:
            raise InputFaultsError(error.faults, f"{path}: ") from None
    return tuple(answer)


def products_of(keys: Sequence[ReserveKeys], currency: str, steps: int, dt_h: float) -> tuple[Product, ...]:
    """Return the products of a case of this currency, for a day of ``steps`` steps of ``dt_h`` hours.

    Raises
    ------
    InputError
        Two products have one name, a product is in another currency, or it does not fit the steps.
    """
    names = [one.name for one in keys]
    for one in keys:
        if names.count(one.name) > 1:
            raise InputError(f"two reserve products are called {one.name!r}; give each a name of its own")
        if one.currency is not None and one.currency != currency:
            raise InputError(
                f"{one.name}: its prices are in {one.currency}, those of the case in {currency}; build a product on it "
                f"that states capacity_price, activation_price and penalty in {currency}, and currency = '{currency}'"
            )
    return tuple(one.product(steps, dt_h) for one in keys)
