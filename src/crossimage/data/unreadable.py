"""Account of the files that could not be read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

Unreadable = tuple[str, str, str]
"""Domain name, path, and reason."""

_BORNE = 20  # at most one image in so many: 5 %
_NAMED = 20


def too_many(unreadable: int, total: int) -> bool:
    """Whether more than 5 % of ``total`` images are unreadable."""
    return unreadable * _BORNE > total


class UnreadableTally:
    """Collects unreadable files and stops a run that has too many of them.

    Args:
        total: Number of images of every domain, by name.
    """

    def __init__(self, total: Mapping[str, int]) -> None:
        self.total = dict(total)
        self._reasons: dict[str, dict[str, str]] = {name: {} for name in total}

    def add(self, unreadable: Iterable[Unreadable]) -> None:
        """Count files, each once.

        Raises:
            ValueError: More than 5 % of a domain's images are unreadable.
        """
        for name, path, reason in unreadable:
            self._reasons[name][path] = reason
        self._check()

    def summary(self) -> str | None:
        """Sentences that name the unreadable files; None where there are none."""
        # what is wrong with a pair is known of all its domains
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
        """The account as plain values: reasons by path by domain name."""
        return {name: dict(bad) for name, bad in self._reasons.items()}

    def merge(self, state: Mapping[str, Mapping[str, str]]) -> None:
        """Add what :meth:`state` returned, of an earlier part of the run or another process.

        Raises:
            ValueError: As :meth:`add`.
        """
        for name, reasons in state.items():
            self._reasons[name] |= reasons
        self._check()

    def _check(self) -> None:
        for name, bad in self._reasons.items():
            if too_many(len(bad), self.total[name]):
                raise ValueError(
                    f"{len(bad)} of {self.total[name]} images of domain {name} can't be read, "
                    f"more than 5 %; remove or mend them; the last one: {list(bad.values())[-1]}"
                )
