"""Account of the files that could not be read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

Unreadable = tuple[str, str, str]
"""Domain name, path, and reason."""

_SHARE = 0.05
_NAMED = 20


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
            ValueError: More than 5 % of a domain's images are unreadable; a single one is
                always borne.
        """
        for name, path, reason in unreadable:
            bad = self._reasons[name]
            bad[path] = reason
            if len(bad) > max(1, _SHARE * self.total[name]):
                raise ValueError(
                    f"{len(bad)} of {self.total[name]} images of domain {name} can't be read, "
                    f"more than 5 %; the last one: {reason}"
                )

    def summary(self) -> str | None:
        """Sentences that name the unreadable files; None where there are none."""
        reasons: dict[str, str] = {}
        for bad in self._reasons.values():
            reasons |= bad  # the halves of a pair are one file
        if not reasons:
            return None
        count = len(reasons)
        lines = [f"{count} unreadable image{'s were' if count > 1 else ' was'} skipped:"]
        lines += sorted(reasons.values())[:_NAMED]
        if count > _NAMED:
            lines.append(f"... and {count - _NAMED} more; `crossimage data inspect` names all")
        return "\n".join(lines)

    def state(self) -> dict[str, dict[str, str]]:
        """The account as plain values: reasons by path by domain name."""
        return {name: dict(bad) for name, bad in self._reasons.items()}

    def merge(self, state: Mapping[str, Mapping[str, str]]) -> None:
        """Add what :meth:`state` returned, of an earlier part of the run or another process."""
        for name, reasons in state.items():
            self._reasons.setdefault(name, {}).update(reasons)
