"""Numbers as people read them."""

_UNITS = ("B", "kB", "MB", "GB", "TB")


def size(count: float) -> str:
    """Bytes with a unit, decimal as disks and networks are sold: ``1.2 MB``."""
    value, unit = float(count), 0
    while value >= 999.5 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{value:.0f} {_UNITS[unit]}" if unit == 0 or value >= 99.95 else f"{value:.1f} {_UNITS[unit]}"


def age(seconds: float) -> str:
    """A time span in its largest whole unit: ``8 s``, ``3 min``, ``2 h``, ``5 d``."""
    for limit, length, unit in ((60, 1, "s"), (3600, 60, "min"), (86400, 3600, "h")):
        if seconds < limit:
            return f"{max(0, int(seconds // length))} {unit}"
    return f"{int(seconds // 86400)} d"


def money(spent: float | None, limit: float | None) -> str:
    """Dollars spent, of the budget where there is one; unknown is said, not shown as nothing."""
    text = "unknown" if spent is None else f"${spent:.2f}"
    return text if limit is None else f"{text} of ${limit:.2f}"


def count(number: int, noun: str) -> str:
    """``1 file``, ``2 files``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
