"""Unreadable image files of a run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

Unreadable = tuple[str, str, str]
"""Domain name, path, and reason."""

_TOLERATED = 20  # one image in 20, which is 5 %
_NAMED = 20


def too_many(unreadable: int, total: int) -> bool:
    """Return whether more than 5 % of ``total`` images are unreadable."""
    return unreadable * _TOLERATED > total


class UnreadableFiles:
    """Collect unreadable files, and stop a run that has too many of them.

    Args:
        total: Number of images per domain, by name.
    """

    def __init__(self, total: Mapping[str, int]) -> None:
        self.total = dict(total)
        self._reasons: dict[str, dict[str, str]] = {name: {} for name in total}

    def add(self, unreadable: Iterable[Unreadable]) -> None:
        """Add files; a file that is already known is not counted again.

        Raises:
            ValueError: More than 5 % of a domain's images are unreadable.
        """
        for name, path, reason in unreadable:
            self._reasons[name][path] = reason
        self._check()

    def summary(self) -> str | None:
        """Return lines that name the unreadable files; None if there are none."""
        # the domains of a pair share its reason
        reasons = {reason for bad in self._reasons.values() for reason in bad.values()}
        if not reasons:
            return None
        count = len(reasons)
        lines = [f"{count} unreadable image{'s were' if count > 1 else ' was'} skipped:"]
        lines += sorted(reasons)[:_NAMED]
        if count > _NAMED:
            lines.append(f"... and {count - _NAMED} more; `crossimage data inspect` names all")
        return "\n".join(lines)

    def state(self) -> dict[str, dict[str, str]]:
        """Return the reasons by path by domain name, as plain values."""
        return {name: dict(bad) for name, bad in self._reasons.items()}

    def merge(self, state: Mapping[str, Mapping[str, str]]) -> None:
        """Add a :meth:`state` of an earlier part of the run or of another process.

        Raises:
            ValueError: More than 5 % of a domain's images are unreadable.
        """
        for name, reasons in state.items():
            self._reasons[name] |= reasons
        self._check()

    def _check(self) -> None:
        for name, bad in self._reasons.items():
            if too_many(len(bad), self.total[name]):
                *others, last = bad
                named = ", ".join(others[: _NAMED - 1])
                more = f" and {len(bad) - _NAMED} more" if len(bad) > _NAMED else ""
                before = f"; found before: {named}{more}" if others else ""
                raise ValueError(
                    f"{len(bad)} of {self.total[name]} images of domain {name} can't be read, "
                    "more than 5 %; remove or repair them (`crossimage data inspect` finds all): "
                    f"{bad[last]}{before}"
                )
