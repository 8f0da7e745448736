"""Checkpoints of the official MUNIT and UNIT code: published outputs, and every variant."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor, nn

import crossimage
from crossimage import train
from crossimage.interop import import_model
from tests import golden
from tests.conftest import RUN
from tests.interop.nvlabs_networks import Discriminator, MUNITGenerator, UNITGenerator

CONFIG: dict[str, Any] = {
    "gen": {
        "dim": 4, "mlp_dim": 6, "style_dim": 3, "activ": "relu", "n_downsample": 2, "n_res": 2,
        "pad_type": "reflect",
    },
    "dis": {
        "dim": 4, "norm": "none", "activ": "lrelu", "n_layer": 3, "gan_type": "lsgan",
        "num_scales": 2, "pad_type": "reflect",
    },
    "input_dim_a": 3,
    "input_dim_b": 3,
    "new_size": 96,
    "crop_image_height": 64,
    "crop_image_width": 64,
    "lr": 0.0002,
    "recon_x_cyc_w": 5,
}  # fmt: skip

VARIANTS: dict[str, dict[str, Any]] = {
    "published": {},
    "3 downsamplings": {"gen": {"n_downsample": 3, "n_res": 1}},
    "4 downsamplings": {"gen": {"n_downsample": 4, "n_res": 3}, "dis": {"n_layer": 2}},
    "1 downsampling": {"gen": {"n_downsample": 1}},
    "leaky": {"gen": {"activ": "lrelu"}, "dis": {"activ": "relu"}},
    "prelu": {"gen": {"activ": "prelu"}, "dis": {"activ": "prelu"}},
    "selu": {"gen": {"activ": "selu"}, "dis": {"activ": "selu"}},
    "zero padding": {"gen": {"pad_type": "zero"}, "dis": {"pad_type": "zero"}},
    "replicated padding": {"gen": {"pad_type": "replicate"}, "dis": {"pad_type": "replicate"}},
    "batch norm": {"dis": {"norm": "bn"}},
    "instance norm": {"dis": {"norm": "in"}},
    "layer norm": {"dis": {"norm": "ln", "gan_type": "nsgan"}},
    "spectral norm": {"dis": {"norm": "sn"}},
    "grey to colour": {"input_dim_a": 1},
    "other widths": {
        "gen": {"dim": 3, "mlp_dim": 5, "style_dim": 1},
        "dis": {"dim": 5, "n_layer": 1, "num_scales": 4},
    },
    "four scales": {"dis": {"num_scales": 4, "n_layer": 2}},
}


def changed(changes: dict[str, Any]) -> dict[str, Any]:
    config = copy.deepcopy(CONFIG)
    for key, value in changes.items():
        config[key] = config[key] | value if isinstance(value, dict) else value
    return config


class Official:
    """Networks of random weights, and the files that their trainer would write."""

    def __init__(self, folder: Path, kind: str, changes: dict[str, Any]) -> None:
        self.folder, self.kind, self.config = folder, kind, changed(changes)
        if kind == "unit":
            del self.config["gen"]["mlp_dim"], self.config["gen"]["style_dim"]
        generator = {"munit": MUNITGenerator, "unit": UNITGenerator}[kind]
        channels = {d: self.config[f"input_dim_{d}"] for d in "ab"}
        self.gen = {d: generator(channels[d], self.config["gen"]).eval() for d in "ab"}
        self.dis = {d: Discriminator(channels[d], self.config["dis"]).eval() for d in "ab"}
        for network in (*self.gen.values(), *self.dis.values()):
            _shake(network)
        self.images = {d: torch.rand(2, channels[d], 64, 48) * 2 - 1 for d in "ab"}
        self.write()

    def write(self) -> None:
        for name, networks in (("gen", self.gen), ("dis", self.dis)):
            self.save(name, {d: network.state_dict() for d, network in networks.items()})
        (self.folder / "config.yaml").write_text(yaml.safe_dump(self.config))

    def save(self, name: str, state: dict[str, Any], **how: Any) -> None:
        torch.save(state, self.folder / f"{name}.pt", **how)

    def bring_in(self, *names: str, config: bool = True, **given: Any) -> list[str]:
        return import_model(
            [self.folder / f"{name}.pt" for name in names or ("gen", "dis")],
            self.folder / "model.safetensors",
            config=self.folder / "config.yaml" if config else None,
            **given,
        )

    def load(self, discriminators: bool = False) -> crossimage.Translator:
        path = self.folder / "model.safetensors"
        return crossimage.load(path, device="cpu", discriminators=discriminators)

    @torch.no_grad()
    def check_translations(self, model: crossimage.Translator) -> None:
        for source, to in ("ab", "ba"):
            x, other = self.images[source], self.gen[to]
            if self.kind == "unit":
                close(model.translate(x, to=to), other.dec(self.gen[source].enc(x)))
                continue
            style = torch.randn(2, self.config["gen"]["style_dim"])
            content = self.gen[source].enc_content(x)
            close(model.encode_content(x, domain=source), content)
            close(model.translate(x, to=to, style=style), other.decode(content, style))
            own = self.gen[source].enc_style(x).flatten(1)
            close(model.encode_style(x, domain=source), own)

    @torch.no_grad()
    def check_scores(self, model: crossimage.Translator) -> None:
        for d in "ab":
            expected = self.dis[d](self.images[d])
            result = model.discriminate(self.images[d], domain=d)
            assert len(result) == len(expected)
            for ours, theirs in zip(result, expected, strict=True):
                close(ours, theirs)


def _shake(network: nn.Module) -> None:
    """Statistics and affine maps that training would have left, and no dead activations."""
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            for tensor in (layer.weight, layer.bias, layer.running_mean):
                nn.init.normal_(tensor)
            nn.init.uniform_(layer.running_var, 0.5, 2)
        if isinstance(layer, nn.PReLU):
            nn.init.uniform_(layer.weight, 0, 0.5)


def close(result: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(result, expected.reshape(result.shape), rtol=1e-4, atol=1e-4)


@pytest.fixture(params=["munit", "unit"])
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("config", [True, False])
@torch.no_grad()
def test_published_outputs(kind: str, named: bool, config: bool, tmp_path: Path) -> None:
    folder, out = golden.folder(f"nvlabs_{kind}"), tmp_path / "model.safetensors"
    files = [folder / "gen_00010000.pt", folder / "dis_00010000.pt"]
    notes = import_model(
        files,
        out,
        f"nvlabs-{kind}" if named else None,
        config=folder / "config.yaml" if config else None,
    )
    assert named or notes[0] == f"recognised as nvlabs-{kind}"
    model = crossimage.load(out, device="cpu")
    io = load_file(folder / "io.safetensors")
    assert (model.method, model.domains) == (kind, ("a", "b"))
    for source, to in ("ab", "ba"):
        x, y = io[f"image_{source}"], io[f"image_{to}"]
        content = model.encode_content(x, domain=source)
        if kind == "unit":
            close(content, io[f"latent_{source}"])
            close(model.translate(x, to=to), io[f"trans_{source}{to}"])
            continue
        close(content, io[f"content_{source}"])
        close(model.encode_style(x, domain=source), io[f"style_code_{source}"])
        style = io[f"style_{to}"].flatten(1)
        close(model.translate(x, to=to, style=style), io[f"trans_{source}{to}"])
        close(model.translate(x, to=to, reference=y), io[f"guided_{source}{to}"])
    for d in "ab":
        scales = [name for name in io if name.startswith(f"dis_{d}_scale")]
        scores = model.discriminate(io[f"image_{d}"], domain=d) if scales else []
        for i, name in enumerate(sorted(scales)):
            close(scores[i], io[name])


@pytest.mark.parametrize("name", VARIANTS)
def test_every_variant(kind: str, name: str, tmp_path: Path) -> None:
    official = Official(tmp_path, kind, VARIANTS[name])
    official.bring_in()
    model = official.load(discriminators=True)
    official.check_translations(model)
    official.check_scores(model)


@pytest.mark.parametrize("name", [n for n in VARIANTS if n not in {"leaky", "selu"}])
def test_shapes_need_no_config_file(kind: str, name: str, tmp_path: Path) -> None:
    changes = VARIANTS[name]
    options = {}
    if "pad_type" in changes.get("gen", {}):
        padding = changes["gen"]["pad_type"]
        options = {"padding": padding, "discriminator.padding": padding}
    if name == "instance norm":
        options = {"discriminator.norm": "instance"}
    official = Official(tmp_path, kind, changes)
    notes = official.bring_in(config=False, options=options)
    for option, value in options.items():
        assert any("key=value" in note and f"{option}={value}" in note for note in notes)
    model = official.load(discriminators=True)
    official.check_translations(model)
    official.check_scores(model)


def test_config_file_tells_what_tensors_do_not(kind: str, tmp_path: Path) -> None:
    changes = {"gen": {"activ": "lrelu", "pad_type": "zero"}, "dis": {"gan_type": "nsgan"}}
    notes = Official(tmp_path, kind, changes).bring_in()
    assert any("the config file: activation=lrelu, padding=zeros" in note for note in notes)
    config = crossimage.load(tmp_path / "model.safetensors", device="cpu").config
    assert (config.resize, config.crop, config.learning_rate) == (96, (64, 64), 0.0002)
    assert (config.adversarial, config.weights.cycle) == ("nsgan", 5)


def test_generators_alone(kind: str, tmp_path: Path) -> None:
    official = Official(tmp_path, kind, {})
    notes = official.bring_in("gen", config=False, options={"domains": "edges,shoes"})
    assert "from the published defaults: activation=relu, padding=reflect" in notes
    model = official.load()
    assert model.domains == ("edges", "shoes")
    x = official.images["a"][:1]
    assert model.translate(x, to="shoes").shape == x.shape
    with pytest.raises(ValueError, match="holds no discriminators"):
        official.load(discriminators=True)


def test_old_statistics_are_left_out(kind: str, tmp_path: Path) -> None:
    """Instance norms of PyTorch 0.3 had running statistics, which never counted."""
    official = Official(tmp_path, kind, {"dis": {"norm": "in"}})
    for name, networks in (("gen", official.gen), ("dis", official.dis)):
        state = {d: dict(network.state_dict()) for d, network in networks.items()}
        for d, network in networks.items():
            for layer, module in network.named_modules():
                if isinstance(module, nn.InstanceNorm2d):
                    state[d][f"{layer}.running_mean"] = torch.randn(4)
                    state[d][f"{layer}.running_var"] = torch.rand(4)
        official.save(name, state, _use_new_zipfile_serialization=False)
    official.bring_in(config=False)  # the statistics show that there are instance norms
    official.check_translations(official.load())
    official.check_scores(official.load(discriminators=True))


def test_networks_saved_from_data_parallel(kind: str, tmp_path: Path) -> None:
    official = Official(tmp_path, kind, {})
    official.save(
        "gen",
        {
            d: {f"module.{name}": value for name, value in network.state_dict().items()}
            for d, network in official.gen.items()
        },
    )
    official.bring_in()
    official.check_translations(official.load())


def test_files_are_translated_and_training_goes_on(
    kind: str, folders: Path, tmp_path: Path
) -> None:
    official = Official(tmp_path, kind, {})
    official.bring_in()
    model = official.load()
    model.translate_files([folders / "testA"], tmp_path / "out", "b", size=64)
    for path in sorted((folders / "testA").iterdir()):
        with Image.open(tmp_path / "out" / path.name) as translated:
            assert min(translated.size) == 64
    settings = {
        "width": 4, "residual_blocks": 2, "discriminator": {"width": 4, "layers": 3, "scales": 2},
        "steps": 1, "batch_size": 1, "resize": 32, "crop": 32,
    }  # fmt: skip
    if kind == "munit":
        settings |= {"mlp_width": 6, "style_dim": 3}
    init, run = tmp_path / "model.safetensors", tmp_path / "run"
    assert train(kind, folders, run, **(RUN | settings), init_from=init).stopped_by is None
    before, after = (crossimage.load(path, device="cpu").networks for path in (init, run))
    for name, value in before.tensors("generators").items():
        assert (after.state_dict()[name] - value).abs().max() < 0.01


@pytest.mark.parametrize("files", [("dis", "gen"), ("dis",), ("gen", "gen")])
@pytest.mark.parametrize("named", [True, False])
def test_swapped_files_are_refused(
    kind: str, files: tuple[str, ...], named: bool, tmp_path: Path
) -> None:
    official = Official(tmp_path, kind, {})
    missing = "a.enc_content.model" if kind == "munit" else "a.enc.model"
    message = f"dis.pt has no tensor '{missing}.0.conv.weight'"
    if files == ("gen", "gen"):
        message = "gen.pt has no tensor 'a.cnns.0.0.conv.weight'"
    if files == ("dis",) and not named:
        message = "the first: 'a.cnns.0.0.conv.weight'.*are not of a known format.*nvlabs-munit"
    with pytest.raises(ValueError, match=message):
        official.bring_in(*files, config=False, format=f"nvlabs-{kind}" if named else None)
    assert not (tmp_path / "model.safetensors").exists()


MISFITS = [
    ({"gen": {"dim": 8}}, r"'a\.enc.*has the shape \[4, 3, 7, 7\], and \[8, 3, 7, 7\]"),
    ({"gen": {"n_downsample": 3}}, r"gen\.pt has no tensor 'a\.enc.*model\.3\.conv\.weight'"),
    ({"gen": {"n_res": 1}}, r"gen\.pt.*(has no place|and \[64, 6\] was expected)"),
    ({"dis": {"norm": "bn"}}, r"dis\.pt has no tensor 'a\.cnns\.0\.1\.norm\.weight'"),
    ({"dis": {"norm": "sn"}}, r"dis\.pt has no tensor 'a\.cnns\.0\.1\.conv\.module\.bias'"),
    ({"dis": {"num_scales": 3}}, r"dis\.pt has no tensor 'a\.cnns\.2\.0\.conv\.weight'"),
    ({"gen": {"activ": "prelu"}}, r"gen\.pt has no tensor 'a\..*activation\.weight'"),
    ({"input_dim_a": 1}, r"has the shape \[4, 3, 7, 7\], and \[4, 1, 7, 7\] was expected"),
]


@pytest.mark.parametrize(("changes", "message"), MISFITS)
def test_config_of_another_model_is_refused(
    kind: str, changes: dict[str, Any], message: str, tmp_path: Path
) -> None:
    official = Official(tmp_path, kind, {})
    other = changed(changes)
    if kind == "unit":
        del other["gen"]["mlp_dim"], other["gen"]["style_dim"]
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(other))
    with pytest.raises(ValueError, match=f"{message}.*config.yaml"):
        official.bring_in()
    assert not (tmp_path / "model.safetensors").exists()


def test_config_of_another_method_is_refused(kind: str, tmp_path: Path) -> None:
    official = Official(tmp_path, kind, {})
    other = copy.deepcopy(CONFIG)
    if kind == "munit":
        del other["gen"]["mlp_dim"], other["gen"]["style_dim"]
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(other))
    with pytest.raises(ValueError, match=r"'a\.mlp\.model\.0\.fc\.weight'"):
        official.bring_in()
    (tmp_path / "config.yaml").write_text("netG: resnet_9blocks\n")
    with pytest.raises(ValueError, match="has no sections 'gen' and 'dis'|has no gen.style_dim"):
        official.bring_in()


def test_domains_of_different_shapes_are_refused(kind: str, tmp_path: Path) -> None:
    official = Official(tmp_path, kind, {})
    wider = changed({"gen": {"dim": 5}})["gen"]
    generator = {"munit": MUNITGenerator, "unit": UNITGenerator}[kind]
    official.gen["b"] = generator(3, wider)
    official.write()
    message = r"'b\.enc.*' of .*gen\.pt has the shape \[5, 3, 7, 7\], and \[4, 3, 7, 7\]"
    with pytest.raises(ValueError, match=message):
        official.bring_in()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"domain": "x,y"}, "unknown option 'domain'; did you mean 'domains'"),
        ({"padding": "mirror"}, "padding: input should be 'reflect'.*found 'mirror'"),
    ],
)
def test_unknown_options_are_one_sentence(
    options: dict[str, str], message: str, tmp_path: Path
) -> None:
    official = Official(tmp_path, "munit", {})
    with pytest.raises(ValueError, match=message):
        official.bring_in(options=options)
