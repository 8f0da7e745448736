"""Names of files are evidence, and folders are imported as they lie on disk."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
import yaml

import crossimage
from crossimage.cli.app import main
from crossimage.interop import import_model
from crossimage.interop.file_names import find_run, read_name
from tests.interop.junyanz_networks import Encoder, code_unet, patch, resnet, saved, unet
from tests.interop.nvlabs_networks import Discriminator as Critic
from tests.interop.nvlabs_networks import UNITGenerator
from tests.interop.test_yunjey_stargan import Discriminator, Generator

GEN = {"dim": 2, "activ": "relu", "n_downsample": 1, "n_res": 1, "pad_type": "replicate"}
DIS = {
    "dim": 2, "norm": "none", "activ": "lrelu", "n_layer": 2, "num_scales": 1, "gan_type": "lsgan",
    "pad_type": "reflect",
}  # fmt: skip


@pytest.fixture(scope="module")
def kinds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One file of each kind of network."""
    folder = tmp_path_factory.mktemp("networks")
    unit = {d: UNITGenerator(3, GEN).state_dict() for d in "ab"}
    torch.save(unit, folder / "gen.pth")
    torch.save({d: Critic(3, DIS).state_dict() for d in "ab"}, folder / "dis.pth")
    networks = {
        "G": resnet(blocks=1), "D": patch(), "unet": unet(depth=5), "pairs": patch(6),
        "star": Generator(), "stars": Discriminator(), "code": code_unet(), "E": Encoder(),
    }  # fmt: skip
    made = {name: saved(network, folder / f"{name}.pth") for name, network in networks.items()}
    return made | {"gen": folder / "gen.pth", "dis": folder / "dis.pth"}


def laid(kinds: dict[str, Path], folder: Path, **names: str) -> list[Path]:
    """Copy files of given kinds to given names; dots stand for ``__``."""
    folder.mkdir(parents=True, exist_ok=True)
    return [
        Path(shutil.copy(kinds[kind.split("_")[0]], folder / name)) for kind, name in names.items()
    ]


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


FOLDERS = [
    ({"G_1": "200_net_G_A.pth", "G_2": "200_net_G_B.pth"}, "junyanz-cyclegan"),
    (
        {f"G_{i}": f"latest_net_G_{d}.pth" for i, d in enumerate("AB")}
        | {f"D_{i}": f"latest_net_D_{d}.pth" for i, d in enumerate("AB")},
        "junyanz-cyclegan",
    ),
    ({"unet": "latest_net_G.pth", "pairs": "latest_net_D.pth"}, "junyanz-pix2pix"),
    ({"code": "latest_net_G.pth", "E": "latest_net_E.pth"}, "junyanz-bicyclegan"),
    ({"star": "models/200000-G.ckpt", "stars": "models/200000-D.ckpt"}, "yunjey-stargan"),
    (
        {"gen": "checkpoints/gen_00010000.pt", "dis": "checkpoints/dis_00010000.pt"},
        "nvlabs-unit",
    ),
]


@pytest.mark.parametrize(("names", "format"), FOLDERS)
def test_folders_of_runs(
    names: dict[str, str], format: str, kinds: dict[str, Path], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    for below in ("models", "checkpoints"):
        (run / below).mkdir(parents=True)
    (run / "loss_log.txt").write_text("================ Training Loss ================\n")
    laid(kinds, run, **names)
    notes = import_model([run], tmp_path / "m.safetensors")
    assert f"recognised as {format}" in notes
    assert crossimage.load(tmp_path / "m.safetensors", device="cpu").networks
    with_discriminators = any(kind[0] in "Ddps" for kind in list(names)[1:])
    players = crossimage.load(tmp_path / "m.safetensors", device="cpu").networks.players()
    assert ("discriminators" in players) == with_discriminators


def test_the_latest_of_several_epochs_or_a_question(kinds: dict[str, Path], tmp_path: Path) -> None:
    run = tmp_path / "run"
    for epoch in ("5", "10", "iter_300"):
        laid(kinds, run, G_1=f"{epoch}_net_G_A.pth", G_2=f"{epoch}_net_G_B.pth")
    with pytest.raises(ValueError, match=r"several epochs .*choose one as in epoch=10"):
        import_model([run], tmp_path / "m.safetensors")
    notes = import_model([run], tmp_path / "m.safetensors", options={"epoch": "10"})
    assert f"{run}: the files of 10; not those of 5, iter_300" in notes
    with pytest.raises(ValueError, match="has no epoch=7; expected one of "):
        import_model([run], tmp_path / "m.safetensors", options={"epoch": "7"})
    laid(kinds, run, G_1="latest_net_G_A.pth", G_2="latest_net_G_B.pth")
    assert find_run(run, None).paths == [run / f"latest_net_G_{d}.pth" for d in "AB"]
    with pytest.raises(ValueError, match="epoch=7 chooses among the checkpoints of a folder"):
        import_model([run / "5_net_G_A.pth"], tmp_path / "m.safetensors", options={"epoch": "7"})


def test_files_of_other_names_in_a_folder_are_left_out_by_name(
    kinds: dict[str, Path], tmp_path: Path
) -> None:
    run = tmp_path / "outputs" / "edges" / "checkpoints"
    laid(kinds, run, gen="gen_00000010.pt", D="optimizer.pt")
    config = {"gen": GEN, "dis": DIS, "input_dim_a": 3, "input_dim_b": 3}
    (run.parent / "config.yaml").write_text(yaml.safe_dump(config))
    for given in (run, run.parent, run / "gen_00000010.pt"):
        notes = "; ".join(import_model([given], tmp_path / "m.safetensors"))
        assert ("left out, since their names belong to no network: optimizer.pt" in notes) == (
            given.is_dir()
        )
        assert "options from " in notes
        settings = crossimage.load(tmp_path / "m.safetensors", device="cpu").config
        assert settings.padding == "replicate"


def test_folders_without_a_run(kinds: dict[str, Path], tmp_path: Path) -> None:
    out = tmp_path / "m.safetensors"
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="empty holds no files named like checkpoints"):
        import_model([tmp_path / "empty"], out)
    laid(kinds, tmp_path / "empty", unet="mine.pth")
    with pytest.raises(ValueError, match="give its files themselves: mine.pth"):
        import_model([tmp_path / "empty"], out)
    laid(kinds, tmp_path / "all" / "maps", unet="latest_net_G.pth")
    laid(kinds, tmp_path / "all" / "shoes", unet="latest_net_G.pth")
    with pytest.raises(ValueError, match="holds folders of training runs; .*: maps, shoes"):
        import_model([tmp_path / "all"], out)
    with pytest.raises(ValueError, match="expected the folder of one training run, or the files"):
        import_model([tmp_path / "all" / "maps", tmp_path / "all" / "shoes"], out)
    laid(kinds, tmp_path / "half", G="latest_net_G_A.pth")
    with pytest.raises(ValueError, match="are not of a known format"):
        import_model([tmp_path / "half"], out)
    assert not out.exists()


def test_command(
    kinds: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, out = tmp_path / "maps", tmp_path / "m.safetensors"
    for epoch in (5, 10):
        laid(kinds, run, unet=f"{epoch}_net_G.pth")
    assert main(["import", str(run), "--out", str(out)]) == 2
    assert "choose one as in epoch=10" in capsys.readouterr().err
    assert main(["import", str(run), "epoch=10", "--out", str(out)]) == 0
    assert "the files of 10" in capsys.readouterr().out


def test_directions_in_names_are_the_roles_of_a_folder(
    kinds: dict[str, Path], tmp_path: Path
) -> None:
    """Beside ``G_A2B``, ``D_A`` scores images of a, as ``D_B`` of the official code does."""
    names = {"G_1": "netG_A2B.pth", "G_2": "netG_B2A.pth", "D_1": "netD_A.pth", "D_2": "netD_B.pth"}
    laid(kinds, tmp_path / "run", **names)
    notes = import_model([tmp_path / "run"], tmp_path / "m.safetensors")
    assert "netG_A2B.pth: G_A, translates a to b" in notes
    assert "netD_A.pth: D_B, discriminates a" in notes
    networks = [resnet(blocks=1).state_dict() for _ in range(2)]
    torch.save({"gen_BA": networks[1], "gen_AtoB": networks[0]}, tmp_path / "both.pt")
    import_model([tmp_path / "both.pt"], tmp_path / "m.safetensors")
    translate = crossimage.load(tmp_path / "m.safetensors", "cpu").translate
    for to, state in zip("ba", networks, strict=True):
        torch.save(state, tmp_path / "one.pth")
        import_model([tmp_path / "one.pth"], tmp_path / "one.safetensors")
        x = torch.full((1, 3, 16, 16), 0.5).neg()
        expected = crossimage.load(tmp_path / "one.safetensors", "cpu").translate(x)
        torch.testing.assert_close(translate(x, to=to), expected)


def test_a_folder_of_another_framework_is_named_by_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "model.ckpt-7.index").write_bytes(bytes.fromhex("57fb808b247547db"))
    with pytest.raises(ValueError, match=r"holds model\.ckpt-7\.index, and .*a TensorFlow model"):
        import_model([tmp_path], tmp_path / "m.safetensors")
