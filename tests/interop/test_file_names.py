"""What the names of checkpoint files say, and names that contradict the files."""

from __future__ import annotations

from pathlib import Path

import pytest

from crossimage.interop import import_model
from crossimage.interop.file_names import read_name
from tests.interop.conftest import laid


@pytest.mark.parametrize(
    ("name", "role", "epoch"),
    [
        ("latest_net_G_A.pth", "G_A", "latest"),
        ("200_net_D_B (1).pth", "D_B", "200"),
        ("iter_5000_net_G.pth", "G", "iter_5000"),
        ("horse2zebra_200_net_G_B.pth", "G_B", "200"),
        ("gen_00010000.pt", "gen", "00010000"),
        ("200000-G.ckpt", "G", "200000"),
        ("netG_A.pth", "G_A", ""),
        ("netG_B2A.pth", "G_B2A", ""),
        ("G_AB.pth", "G_AB", ""),
        ("G_AtoB_50.pth", "G_AtoB", "50"),
        ("generator.pth", None, None),
        ("my_G.pth", None, None),
        ("10.pth", None, None),
        ("D.ckpt", None, None),
    ],
)
def test_official_names_are_read(name: str, role: str | None, epoch: str | None) -> None:
    assert read_name(Path(name)) == (None if role is None else (role, epoch))


CONTRADICTIONS = [
    ({"G_1": "100_net_G_A.pth", "G_2": "200_net_G_B.pth"}, "100 and 200"),
    ({"G_1": "latest_net_G_A.pth", "G_2": "200_net_G_B.pth"}, "latest and 200"),
    ({"G_1": "100_net_G_A.pth", "G_2": "200_net_G_A.pth"}, "given as G_B.*name says G_A"),
    ({"G_1": "5_net_G_B.pth", "G_2": "5_net_G_A.pth"}, "5_net_G_B.pth is given as G_A"),
    ({"G_1": "netG_B.pth", "G_2": "netG_A.pth"}, "netG_B.pth is given as G_A"),
    ({"G_1": "netG_B2A.pth", "G_2": "netG_A2B.pth"}, "given as G_AB.*name says G_B2A"),
    ({"G_1": "G_BA_5.pth", "G_2": "G_AB_5.pth"}, "given as G_AB.*name says G_BA"),
    (
        {"G_1": "G_AB.pth", "G_2": "G_BA.pth", "D_1": "D_A.pth", "D_2": "D_B.pth"},
        r"given as D_B, but.* says D_A; .*order G_AB G_BA \[D_B\] \[D_A\]",
    ),
    (
        {"G_1": "x_net_G_A.pth", "G_2": "b.pth", "D_1": "5_net_D_B.pth", "D_2": "5_net_D_A.pth"},
        "given as D_A.*name says D_B",
    ),
    ({"unet": "latest_net_D.pth"}, "given as G, .*name says D"),
    ({"unet": "1_net_G.pth", "pairs": "2_net_D.pth"}, "1 and 2"),
    ({"code": "5_net_E.pth", "E": "5_net_G.pth"}, "given as G, .*name says E"),
    ({"gen": "gen_00010000.pt", "dis": "dis_00020000.pt"}, "00010000 and 00020000"),
    ({"gen": "dis_00010000.pt"}, "given as gen, .*name says dis"),
    ({"star": "200000-G.ckpt", "stars": "100000-D.ckpt"}, "200000 and 100000"),
    ({"star": "200000-D.ckpt"}, "given as G, .*name says D"),
]


@pytest.mark.parametrize(("names", "message"), CONTRADICTIONS)
def test_contradicting_names_are_refused(
    names: dict[str, str], message: str, kinds: dict[str, Path], tmp_path: Path
) -> None:
    files = laid(kinds, tmp_path / "run", **names)
    with pytest.raises(ValueError, match=message) as error:
        import_model(files, tmp_path / "m.safetensors")
    assert "rename" in str(error.value)
    assert not (tmp_path / "m.safetensors").exists()
    renamed = [file.rename(file.with_name(f"{i}.pth")) for i, file in enumerate(files)]
    import_model(renamed, tmp_path / "m.safetensors")


@pytest.mark.parametrize(
    "names",
    [
        {"G_1": "latest_net_G.pth", "G_2": "other.pth"},
        {"G_1": "a.pth", "G_2": "200_net_G_B.pth"},
        {"G_1": "200_net_G_A.pth"},
        {"unet": "facades_label2photo.pth"},
        {"star": "generator.ckpt", "stars": "5-D.ckpt"},
        {"gen": "gen_00010000.pt", "dis": "dis_010000.pt"},
    ],
)
def test_names_without_a_contradiction_are_accepted(
    names: dict[str, str], kinds: dict[str, Path], tmp_path: Path
) -> None:
    import_model(laid(kinds, tmp_path / "run", **names), tmp_path / "m.safetensors")


def test_files_in_another_order_are_named_in_theirs(kinds: dict[str, Path], tmp_path: Path) -> None:
    files = laid(kinds, tmp_path, pairs="1.pth", unet="2.pth")
    with pytest.raises(ValueError, match=r"in this order; expected G \[D\] .*2.pth, .*1.pth"):
        import_model(files, tmp_path / "m.safetensors")
