"""Folders of training runs of official programs."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import yaml

import crossimage
from crossimage.cli.app import main
from crossimage.interop import import_model
from crossimage.interop.run_folder import find_run
from tests.interop.conftest import DIS, GEN, laid
from tests.interop.junyanz_networks import resnet

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
