"""Read numbers with decimal point or comma and grouped thousands; refuse a column that has two readings."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from csmoifsa.errors import InputError

Decimal = Literal["point", "comma"]

_EXPONENT = r"(?:[eE][+-]?\d{1,3})?"
_MARKS = {"point": (r"\.", ","), "comma": (",", r"\.")}
_SHAPES = {
    mark: re.compile(
        rf"[+-]?(?:\d+|[1-9]\d{{0,2}}(?:(?P<group>[{group} \u00a0\u202f'\u2019])\d{{3}})(?:(?P=group)\d{{3}})*)"
        rf"(?:{point}\d*)?{_EXPONENT}|[+-]?{point}\d+{_EXPONENT}",
        re.ASCII,
    )
    for mark, (point, group) in _MARKS.items()
}
_GROUPED = re.compile("[, \u00a0\u202f'\u2019]")
_WHOLE = re.compile(r"[+-]?\d+", re.ASCII)
_PLAIN = re.compile(rf"[+-]?(?:\d+\.?\d*|\.\d+){_EXPONENT}", re.ASCII)
_TWO_READINGS = re.compile(r"-?[1-9]\d{0,2}\.\d{3}", re.ASCII)
_LONG = re.compile(r"[+-]?\d{4}", re.ASCII)


class UnclearNumberError(InputError):
    """The numbers of a column can be read in two ways; ``row`` is the row of an example, counted from 0."""

    def __init__(self, message: str, row: int) -> None:
        super().__init__(message)
        self.row = row


@dataclass(frozen=True)
class NumberStyle:
    """Decimal mark and grouping of the numbers of a column.

    Attributes
    ----------
    decimal : "point" or "comma"
        The decimal mark.
    group : str
        Character between thousands; ``""`` if they are not grouped.

    Examples
    --------
    >>> NumberStyle("comma", ".").read("4.133,6"), NumberStyle().read("4.133,6")
    (4133.6, None)
    """

    decimal: Decimal = "point"
    group: str = ""

    def read(self, text: str) -> float | None:
        """Return the number in a cell; None if the cell holds no number of this style."""
        text = text.strip()
        if self.group or self.decimal == "comma":
            found = _SHAPES[self.decimal].fullmatch(text)
            if found is None or (found["group"] or self.group) != self.group:
                return None
            text = text.replace(self.group, "") if self.group else text
            text = text.replace(",", ".") if self.decimal == "comma" else text
        elif not _PLAIN.fullmatch(text):
            return None
        value = float(text)
        return value if abs(value) < 1e300 else None


def is_number(text: str) -> bool:
    """Return whether a cell holds a number with a decimal point or comma, thousands grouped or not.

    Examples
    --------
    >>> is_number("4.133,6"), is_number("4'133"), is_number("4 of 5")
    (True, True, False)
    """
    return any(shape.fullmatch(text.strip()) for shape in _SHAPES.values())


def typed(value: float) -> str:
    """Return the text of a number that a file holds as such, not as text: it has one reading, see `style_of`.

    Examples
    --------
    >>> typed(4.133), typed(4133.0), typed(4.5)
    ('4.1330', '4133', '4.5')
    """
    if value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    text = repr(value)
    return text + "0" if _TWO_READINGS.fullmatch(text) else text


def style_of(texts: Sequence[str], separator: str, stated: Decimal | None = None) -> NumberStyle:
    """Return decimal mark and grouping of a column, from those of its cells that have one reading.

    ``4,133`` may be 4133 or 4.133; ``4,133.6`` and ``0,133`` have one reading, which holds for the whole column. In a
    file whose columns are separated by commas, ``4.133`` has a decimal point. Thousands are grouped in all numbers of
    a column or in none.

    Parameters
    ----------
    texts : sequence of str
        Cells of the column.
    separator : str
        Character between the columns of the file.
    stated : "point" or "comma", optional
        The decimal mark, if a setting states it.

    Raises
    ------
    UnclearNumberError
        No cell has a single reading, or two cells have contradictory ones.

    Examples
    --------
    >>> style_of(["4,133", "4,133.6"], ";")
    NumberStyle(decimal='point', group=',')
    """
    if stated != "comma" and separator == "," and not any(_GROUPED.search(text) for text in texts):
        return NumberStyle()
    clear: dict[Decimal, tuple[int, str]] = {}
    unclear: tuple[int, str] | None = None
    odd: dict[int, str] = {}
    for row, cell in enumerate(texts):
        text = cell.strip()
        if _WHOLE.fullmatch(text):
            continue
        point, comma = _SHAPES["point"].fullmatch(text), _SHAPES["comma"].fullmatch(text)
        if point is None and comma is None:
            continue
        if (point and point["group"]) or (comma and comma["group"]):
            odd[row] = text
        if point is None or comma is None:
            clear.setdefault("comma" if point is None else "point", (row, text))
        elif point["group"] != comma["group"] and (unclear is None or ("," in text and "," not in unclear[1])):
            unclear = (row, text)
    decimal: Decimal = stated or ("comma" if "comma" in clear else "point")
    if stated is None:
        if len(clear) == 2:
            raise UnclearNumberError(
                f"the column holds both {clear['point'][1]!r} and {clear['comma'][1]!r}, with two decimal marks",
                max(row for row, _ in clear.values()),
            )
        if not clear and unclear is not None and ("," in unclear[1] or separator != ","):
            raise UnclearNumberError(f"{unclear[1]!r} can be read with a decimal mark or grouped thousands", unclear[0])
    return NumberStyle(decimal, _group(texts, odd, decimal))


def _group(texts: Sequence[str], odd: dict[int, str], decimal: Decimal) -> str:
    """Return the character that groups thousands; ``""`` if a number of four or more digits is not grouped."""
    found = [_SHAPES[decimal].fullmatch(text) for text in odd.values()]
    groups = Counter(one["group"] for one in found if one is not None and one["group"])
    if not groups or any(_LONG.match(text.strip()) for row, text in enumerate(texts) if row not in odd):
        return ""
    return groups.most_common(1)[0][0]
