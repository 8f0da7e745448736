"""The audit of a ledger: what is complete, missing, altered or left over, and its repair."""

from pathlib import Path

import pytest

from crossimage.bulk.audit import audit, repair
from crossimage.cli.app import main
from crossimage.inference.files.results import FolderResults
from crossimage.inference.translator import Translator
from crossimage.utils.manifest import ManifestWriter, list_lines, list_names, read_manifest
from crossimage.utils.reading import sha256_of
from crossimage.utils.writing.temporary import temporary_path


def hashes(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): sha256_of(path)
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".jsonl"
    }


@pytest.fixture
def out(bulk_model: Translator, tiny_images: Path, tmp_path: Path) -> Path:
    bulk_model.translate_files(tiny_images, tmp_path / "out", seed=1, batch_size=1, shard=(1, 2))
    bulk_model.translate_files(tiny_images, tmp_path / "out", seed=1, batch_size=1, shard=(2, 2))
    return tmp_path / "out"


def spoil(out: Path) -> None:
    (out / "0/0/0.png").unlink()
    image = bytearray((out / "1/0/1.png").read_bytes())
    image[-1] ^= 1
    (out / "1/0/1.png").write_bytes(image)  # of the same length
    (out / "2/0/2.png").write_bytes(b"")
    temporary_path(out / "2/1/2.png").write_bytes(b"half")
    (out / "notes.txt").write_text("mine")


def test_each_kind_of_damage_is_named_and_a_repair_and_the_same_translation_restore_it(
    bulk_model: Translator, tiny_images: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = hashes(out)
    assert main(["ledger", str(out)]) == 0 and capsys.readouterr().out == "12 complete\n"
    spoil(out)
    for _ in range(2):  # looking changes nothing
        assert main(["ledger", str(out)]) == 1
        shown = capsys.readouterr().out.splitlines()
        assert shown[:3] == [
            "9 complete", "1 missing: 0/0/0.png", "2 altered: 1/0/1.png, 2/0/2.png",
        ]  # fmt: skip
        assert shown[3].startswith("1 unfinished, of killed processes: 2/1/.2.png.")
        assert shown[4] == "1 in no list: notes.txt"
        assert "repeat the translation with --skip-existing" in shown[5]
    assert main(["ledger", str(out), "--repair"]) == 1
    assert "repaired" in capsys.readouterr().out
    found = audit(FolderResults(out))
    assert (found.complete, found.not_made, found.unfinished) == (9, 3, [])
    assert sorted(found.unlisted) == ["1/0/1.png", "2/0/2.png", "notes.txt"]
    again = bulk_model.translate_files(
        tiny_images, out, seed=1, batch_size=1, shard=(1, 1), skip_existing=True
    )
    assert len(again.written) == 3 and not again.notes
    (out / "notes.txt").unlink()
    assert hashes(out) == whole and audit(FolderResults(out)).is_complete


def test_results_that_were_never_made_and_torn_lines_are_noticed(
    bulk_model: Translator, tiny_images: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    bulk_model.translate_files(tiny_images, out, seed=1, shard=(1, 3))
    (name,) = (name for name in list_names(out) if name != "crossimage.jsonl")
    with (out / name).open("ab") as file:
        file.write(b'{"output":"0/0/3.png","out')
    found = audit(FolderResults(out))
    assert (found.complete, found.not_made, found.is_complete) == (4, 8, False)
    assert found.no_list == ["2/3", "3/3"]
    repair(FolderResults(out), found)
    assert (out / name).read_bytes().endswith(b"\n") and len(list(list_lines(out / name))) == 5


def test_a_list_is_not_rewritten_while_a_translation_adds_to_it(out: Path) -> None:
    spoil(out)
    name = list_names(out)[0]
    entry = next(iter(read_manifest(out).values()))
    with ManifestWriter(out, name) as writer:
        writer.add(entry)
        with pytest.raises(ValueError, match="a translation is writing to"):
            repair(FolderResults(out), audit(FolderResults(out)))
    repair(FolderResults(out), audit(FolderResults(out)))


def test_a_folder_without_a_list_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ledger", str(tmp_path)]) == 2
    assert "has no list of results (crossimage.jsonl)" in capsys.readouterr().err
