"""Names of folders and domains that differ only in how they are written."""

from __future__ import annotations

from collections.abc import Sequence

from crossimage.data.sources.find import same_name


def are_similar(name: str, other: str) -> bool:
    """Return whether two names differ only in case, separators or a plural's s."""
    return bool(_variants(name) & _variants(other))


def match_names(found: Sequence[str], wanted: Sequence[str]) -> dict[str, str]:
    """Return the name in the data of each wanted name that it has, exactly or in a variant."""
    exact = {same_name(name): name for name in found}
    match = {name: exact[same_name(name)] for name in wanted if same_name(name) in exact}
    rest = [name for name in found if name not in match.values()]
    candidates = {
        name: [other for other in rest if are_similar(name, other)]
        for name in wanted
        if name not in match
    }
    for name, own in candidates.items():
        taken = [other for other in candidates if other != name and {*candidates[other]} & {*own}]
        if len(own) == 1 and not taken:
            match[name] = own[0]
    return match


def _variants(name: str) -> set[str]:
    """Return the forms by which a name is recognised."""
    plain = "".join(same_name(name).casefold().split())
    for separator in "-_.":
        plain = plain.replace(separator, "")
    forms = {plain}
    if len(plain) > 3:
        forms |= {plain.removesuffix("s"), plain.removesuffix("es")}
    return forms
