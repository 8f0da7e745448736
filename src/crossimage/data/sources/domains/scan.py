"""Find the domains of a data set, in any layout."""

from __future__ import annotations

import shlex
import string
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from crossimage.config import DataRules
from crossimage.data.shards.names import names_shards
from crossimage.data.sources.choose import largest
from crossimage.data.sources.domains.data_set import DataSet, paths_of, read_data_set, shown
from crossimage.data.sources.domains.named import (
    check_apart,
    domain_folders,
    in_domain_folders,
    named_domain,
)
from crossimage.data.sources.domains.names import ChosenDomain, choose_names
from crossimage.data.sources.domains.shards import halves_of, in_shards
from crossimage.data.sources.find import is_image_file, visible_folders
from crossimage.data.sources.folders import (
    LAYOUTS,
    Domain,
    find_images,
    in_folders,
    required,
    train_folder,
)
from crossimage.data.sources.split_names import split_folders
from crossimage.utils.names import near_path_hint
from crossimage.utils.paths import as_path
from crossimage.utils.texts.setting_text import names_text


def scan_domains(
    data: DataSet | Path,
    names: Sequence[str] = (),
    count: int | None = 2,
    *,
    paired: bool = True,
    rules: DataRules = 3,
    flexible: bool = False,
) -> tuple[Domain, ...]:
    """Find the domains of a data set.

    Layouts: ``DIR/trainA, trainB[, testA, testB]``; ``DIR/train/<domain>[, test/<domain>]``;
    ``DIR/<domain>[, test/<domain>]``; side-by-side pairs directly in ``DIR/train[, test]``;
    shards of pairs, see :func:`~crossimage.data.sources.domains.shards.in_shards`; and paths by
    name, see :func:`~crossimage.data.sources.domains.named.named_domain`. Splits are
    recognised as by :func:`~crossimage.data.sources.split_names.split_of`. Validation images take
    the place of test images if no domain has any. Folders are searched recursively; hidden
    files and the folders of training runs are ignored.

    Args:
        data: The folder, or the paths of each domain.
        names: Names of the domains, in order. Folders and paths are chosen by name; trainA, trainB
            and halves, which have none, are given these.
        count: Expected number of domains; None: any from two on.
        paired: Whether the images of the domains belong together. Otherwise files are treated
            as side-by-side pairs only if each is exactly twice as wide as high.
        rules: The rules by which files are found and domains are named.
        flexible: Whether the names are only suggestions, and the data's own names win.

    Returns:
        The domains in the order of the names, or else of their letters, folder names or paths.

    Raises:
        FileNotFoundError: A folder or a listed file is missing.
        ValueError: The path is empty, a folder has no images, the images are not all side-by-side
            pairs, the number of domains is wrong, or they have other names than those asked for.
    """
    given = read_data_set(data)
    if len(set(names)) < len(names):
        raise ValueError(f"domains={','.join(names)} names a domain twice; give each its own name")
    if not isinstance(given, str):
        domains, chosen = _from_paths(given, names, rules, flexible)
        if paired:
            domains = _alike(domains)
    elif names_shards(given):
        domains, chosen = in_shards(given, names, paired, flexible)
    else:
        folder = as_path(given, "the path of the data set")
        if not folder.is_dir():
            raise FileNotFoundError(
                f"{given} is not a folder; expected the folder of a data set, or the folders or "
                f"lists of its domains as A=DIR,B=DIR{near_path_hint(folder)}"
            )
        domains, chosen = _from_splits(folder, names, paired, rules, flexible)
    text = shown(given)
    _check_count(text, domains, names, count)
    if chosen:
        domains = tuple(
            replace(domain, name=name, called="" if found == name else found)
            for domain, (found, name) in zip(domains, chosen, strict=True)
        )
    elif names and len(names) == len(domains):
        domains = tuple(replace(d, name=n) for d, n in zip(domains, names, strict=True))
    if rules == 3 and all(domain.half is None for domain in domains):
        check_apart(domains, text)
    return domains


def find_one(data: DataSet | Path, names: Sequence[str] = (), rules: DataRules = 3) -> Domain:
    """Find the images of a data set with a single domain, without low-resolution copies.

    Args:
        data: As for :func:`~crossimage.data.sources.folders.find_images`, or the paths of one
            domain by its name.
        names: Name of the domain; by default the folder's.
        rules: The rules by which files are found.

    Raises:
        FileNotFoundError: A folder or a listed file is missing.
        ValueError: The path is empty, the folder has no images, or there is more than one name.
    """
    given = read_data_set(data)
    if isinstance(given, str):
        domain = find_images(given, names, rules)
    else:
        if len(given) > 1:
            raise ValueError(
                f"{shown(given)} names {len(given)} domains, expected the images of one; give one "
                "path"
            )
        (name,) = given
        domain = named_domain(names[0] if names else name, paths_of(given, name), rules)
    if rules == 1 or domain.lines or domain.roots:
        return domain
    train, low = largest(domain.train, domain.train_root)
    test, other = largest(domain.test, domain.test_root) if domain.test else ((), ())
    return replace(domain, train=train, test=test, left_out=domain.left_out + low + other)


def find_two_scales(
    data: DataSet | Path, names: Sequence[str] = (), rules: DataRules = 3
) -> tuple[Domain, Domain]:
    """Find the images of a data set, as a domain of small images and one of large images.

    Args:
        data: As for :func:`find_one`.
        names: Names of the small images and of the large ones; by default low and high.
        rules: The rules by which files are found.

    Raises:
        FileNotFoundError: The folder or a listed file is missing.
        ValueError: The path is empty, the folder has no images, or there are not two names.
    """
    images = find_one(data, rules=rules)
    names = names or ("low", "high")
    if len(names) != 2:
        raise ValueError(
            f"domains={','.join(names)} names {len(names)}, expected two names: of small images "
            "and of large ones"
        )
    return replace(images, name=names[0]), replace(images, name=names[1])


Found = tuple[tuple[Domain, ...], list[ChosenDomain]]
"""Domains, and the names that they have in the data and from now on, unless they have none."""


def _from_paths(
    data: Mapping[str, Sequence[str]], names: Sequence[str], rules: DataRules, flexible: bool
) -> Found:
    """Return the domains whose paths are given by name."""
    paths = {name: paths_of(data, name) for name in data}
    lists = all(path.is_file() for own in paths.values() for path in own)
    if rules != 3 and lists and len(names) == len(data):  # were renamed in their order
        chosen = [ChosenDomain(*both) for both in zip(data, names, strict=True)]
        return tuple(named_domain(found, paths[found], rules) for found, _ in chosen), chosen
    chosen = choose_names(
        [*data], names, f"--data {shown(data)}", lambda name: paths[name][0],
        rules=rules, flexible=flexible,
    )  # fmt: skip
    return tuple(named_domain(found, paths[found], rules) for found, _ in chosen), chosen


def _from_splits(
    folder: Path, names: Sequence[str], paired: bool, rules: DataRules, flexible: bool
) -> Found:
    """Return the domains below a folder."""
    by_split = split_folders(visible_folders(folder, rules), rules)
    letters = sorted({letter for split, letter in by_split if split == "train"} - {""})
    if letters:
        # a lone trainB is as incomplete as a lone trainA
        alphabet = string.ascii_uppercase
        letters = list(alphabet[: max(2, alphabet.index(letters[-1]) + 1)])
        domains = in_folders(folder, [(c.lower(), c, "") for c in letters], rules)
        return tuple(replace(d, called=d.train_root.name) for d in domains), []
    train = train_folder(folder, rules)
    if train is None:
        return _from_domain_folders(folder, names, rules, flexible)
    if folders := visible_folders(train, rules):
        chosen = choose_names(
            folders, names, str(train), train.joinpath, rules=rules, flexible=flexible
        )
        return in_folders(folder, [(name, "", name) for name, _ in chosen], rules), chosen
    (images,) = in_folders(folder, [("", "", "")], rules)
    return halves_of(images, paired, LAYOUTS, rules), []


def _from_domain_folders(
    folder: Path, names: Sequence[str], rules: DataRules, flexible: bool
) -> Found:
    """Return the domains in ``DIR/<domain>``."""
    if rules != 3:
        raise FileNotFoundError(f"{folder} holds no training images; {LAYOUTS}")
    found = domain_folders(folder, rules)
    if len(found) < 2:
        _explain(folder, [*found], rules)
    chosen = choose_names([*found], names, str(folder), folder.joinpath, flexible=flexible)
    return in_domain_folders(folder, [name for name, _ in chosen], rules), chosen


def _explain(folder: Path, found: Sequence[str], rules: DataRules) -> None:
    """Raise an error about a folder without two domains."""
    names = visible_folders(folder, rules)
    splits = {name for group in split_folders(names, rules).values() for name in group}
    for name in names:
        if found and name not in found and name not in splits:
            required(folder / name, rules)  # says what it holds instead
    holds = "images, but no folders of domains"
    if found:
        holds = f"images of one domain ({found[0]})"
    elif not any(path.is_file() and is_image_file(path) for path in folder.iterdir()):
        raise FileNotFoundError(f"{folder} holds no training images; {LAYOUTS}")
    raise FileNotFoundError(
        f"{folder} holds {holds}; {LAYOUTS}. Of a folder of photos, `crossimage data make` makes "
        "pairs, such as edges and photos"
    )


def _alike(domains: tuple[Domain, ...]) -> tuple[Domain, ...]:
    """Return domains whose images are all paired by their place in a list, or all by name."""
    if all(domain.lines for domain in domains):
        return domains
    return tuple(replace(domain, lines=()) for domain in domains)


def _check_count(
    data: str, domains: Sequence[Domain], names: Sequence[str], count: int | None
) -> None:
    folders = [domain.name for domain in domains]
    number = "one domain" if len(domains) == 1 else f"{len(domains)} domains"
    holds = f"{data} holds {number} ({', '.join(folders)})"
    if len(domains) < 2 or (count is not None and len(domains) != count):
        choice = count is not None and len(domains) > count and not domains[0].called
        chosen = shlex.quote(f"domains={names_text(folders[:count])}")
        hint = f"; choose with {chosen}" if choice else ""
        raise ValueError(f"{holds}, expected {count or 'at least 2'}{hint}")
    if names and len(names) != len(domains):
        raise ValueError(f"{holds}, but domains={','.join(names)} names {len(names)}")
