from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import crossimage
from crossimage.config import build
from crossimage.inference.load import load
from crossimage.inference.translator import Translator
from crossimage.methods.gan import GAN
from crossimage.methods.munit import MUNIT, MUNITConfig
from crossimage.methods.unit_da import UNITDA
from tests.conftest import small
from tests.inference.conftest import SHAPE, images


def save_image(path: Path, width: int, height: int, colour: str = "red") -> Path:
    image = Image.linear_gradient("L").resize((width, height)).convert("RGB")
    image.paste(colour, (0, 0, width // 2, height // 2))
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)
    return path


def test_model_says_what_it_is(model: Translator) -> None:
    assert model.method == "munit"
    assert model.domains == ("Edges", "shoes")
    assert model.config.crop == (32, 32)
    assert isinstance(model.networks, MUNIT) and not model.networks.training


def test_translation_is_the_networks_own(model: Translator) -> None:
    x, s = images(2, 3, 32, 48), torch.randn(2, 3)
    with torch.no_grad():
        expected = model.networks.translate(x, "b", s)
    torch.testing.assert_close(model.translate(x, "shoes", style=s), expected)
    torch.testing.assert_close(model.translate(x, style=s[:, :, None, None]), expected)
    assert not torch.allclose(model.translate(x, "Edges", style=s), expected)


def test_seed_reproduces_and_no_seed_varies(model: Translator) -> None:
    x = images(2, 3, 16, 16)
    a, b = model.translate(x, to="shoes", seed=7), model.translate(x, to="shoes", seed=7)
    assert torch.equal(a, b)
    assert not torch.allclose(a, model.translate(x, to="shoes", seed=8))
    assert not torch.allclose(model.translate(x), model.translate(x))
    s = model.sample_style(2, domain="shoes", seed=7)
    assert s.shape == (2, 3)
    torch.testing.assert_close(model.translate(x, to="shoes", style=s), a)
    torch.manual_seed(1)
    first = model.translate(x)
    torch.manual_seed(1)
    assert torch.equal(model.translate(x), first)


def test_reference_gives_its_style(model: Translator, tmp_path: Path) -> None:
    x, y = images(2, 3, 16, 16), images(1, 3, 40, 24, seed=1)
    s = model.encode_style(y, domain="shoes")
    assert s.shape == (1, 3)
    expected = model.translate(x, style=s)
    assert torch.equal(model.translate(x, reference=y), expected)
    one = model.translate(x, reference=save_image(tmp_path / "y.png", 20, 30))
    other = model.translate(x, reference=Image.new("RGB", (20, 30), "blue"))
    assert one.shape == expected.shape and not torch.allclose(one, other)


def test_references_may_differ_in_size(model: Translator) -> None:
    x = images(2, 3, 16, 16)
    y = [Image.new("RGB", (20, 30), "red"), Image.new("RGB", (40, 33), "blue")]
    expected = torch.cat([model.encode_style(image, "shoes") for image in y])
    torch.testing.assert_close(model.translate(x, reference=y), model.translate(x, style=expected))


@pytest.mark.parametrize("size", [(33, 47), (5, 50), (1, 1), (2, 9), (64, 30)])
def test_any_size_comes_back_in_that_size(model: Translator, size: tuple[int, int]) -> None:
    x = images(1, 3, *size)
    y = model.translate(x, "shoes", seed=0)
    assert y.shape == x.shape and y.isfinite().all()
    assert model.encode_style(x, "shoes").shape == (1, 3)


def test_padding_leaves_the_image_in_place(model: Translator) -> None:
    class Copy(MUNIT):
        def translate(self, x, to, style=None):  # type: ignore[no-untyped-def]
            assert x.shape[2] % 4 == x.shape[3] % 4 == 0
            return x

    x = images(1, 3, 37, 18)
    copier = Translator(Copy(model.config, training=False), "cpu")  # type: ignore[arg-type]
    assert torch.equal(copier.translate(x, seed=0), x)


def test_images_and_paths_come_back_as_images(model: Translator, tmp_path: Path) -> None:
    path = save_image(tmp_path / "x.png", 31, 22)
    with Image.open(path) as file:
        file.load()
        from_image = model.translate(file, seed=1)
    from_path = model.translate(str(path), seed=1)
    assert isinstance(from_path, Image.Image) and from_path.size == (31, 22)
    assert from_path.tobytes() == from_image.tobytes()
    several = model.translate([path, Image.new("L", (9, 12))], seed=1)
    assert [image.size for image in several] == [(31, 22), (9, 12)]
    assert several[0].tobytes() == from_path.tobytes()


def test_other_float_types_give_float32(model: Translator) -> None:
    y = model.translate(images(1, 3, 16, 16).double(), seed=0)
    assert y.dtype == torch.float32 and not y.requires_grad


def test_half_precision_is_near_and_gives_float32(run: Path, model: Translator) -> None:
    half, x = crossimage.load(run, device="cpu", precision="bf16"), images(2, 3, 20, 24)
    fast, exact = (m.translate(x, to="shoes", seed=1) for m in (half, model))
    assert fast.dtype == torch.float32
    assert not torch.equal(fast, exact)
    assert (fast - exact).abs().mean() < 0.02
    with pytest.raises(ValueError, match="precision must be fp32 or bf16, found 'half'"):
        crossimage.load(run, device="cpu", precision="half")  # type: ignore[arg-type]


def test_interpolation_runs_from_start_to_end(model: Translator) -> None:
    x = images(2, 3, 16, 20)
    start, end = model.sample_style(1, seed=0), model.sample_style(2, seed=1)
    y = model.interpolate(x, start, end, steps=5, to="shoes")
    assert y.shape == (2, 5, 3, 16, 20)
    torch.testing.assert_close(y[:, 0], model.translate(x, style=start))
    torch.testing.assert_close(y[:, -1], model.translate(x, style=end))
    torch.testing.assert_close(y[:, 2], model.translate(x, style=(start + end) / 2))
    frames = model.interpolate(Image.new("RGB", (16, 12)), start, end[:1], steps=3)
    assert [frame.size for frame in frames] == [(16, 12)] * 3
    many = model.interpolate([Image.new("RGB", (16, 12))] * 2, start, end, steps=3)
    assert [len(frames) for frames in many] == [3, 3]
    with pytest.raises(ValueError, match="steps must be at least 2"):
        model.interpolate(x, start, end, steps=1)


def test_content_code(model: Translator) -> None:
    x = images(2, 3, 16, 24)
    assert model.encode_content(x, domain="Edges").shape == (2, 16, 4, 6)
    with pytest.raises(ValueError, match="differ in size"):
        model.encode_content([Image.new("RGB", (8, 8)), Image.new("RGB", (8, 9))], "Edges")


def test_domain_names(model: Translator) -> None:
    x, s = images(1, 3, 16, 16), torch.zeros(1, 3)
    assert torch.equal(model.translate(x, "edges", s), model.translate(x, "Edges", s))
    assert torch.equal(model.translate(x, None, s), model.translate(x, "shoes", s))
    with pytest.raises(ValueError, match=r"no domain 'shoe'.*did you mean 'shoes'"):
        model.translate(x, "shoe")
    with pytest.raises(ValueError, match="only 'Edges' and 'shoes'"):
        model.encode_style(x, "b")


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (torch.zeros(3, 8, 8), r"x\[None\]"),
        (torch.zeros(1, 1, 8, 8), r"\(N, 3, H, W\) of 3 channels"),
        (torch.zeros(1, 3, 8, 8, dtype=torch.uint8), r"x / 127.5 - 1"),
        (torch.full((1, 3, 8, 8), 200.0), r"found 200 to 200; for 0..255"),
        (torch.full((1, 3, 8, 8), torch.nan), r"found nan"),
        (torch.zeros(0, 3, 8, 8), r"at least one pixel"),
        ([], r"list of images is empty"),
        ([torch.zeros(3, 8, 8)], r"found Tensor"),
    ],
)
def test_unfit_inputs_are_refused(model: Translator, x: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        model.translate(x)  # type: ignore[call-overload]


def test_styles_may_be_arrays_or_lists(model: Translator) -> None:
    x, s = images(2, 3, 16, 16), model.sample_style(2, seed=0)
    expected = model.translate(x, style=s)
    array = s.numpy().astype(np.float64)
    array.flags.writeable = False
    for style in (array, s.tolist(), list(s)):
        assert torch.equal(model.translate(x, style=style), expected)
    frames = model.interpolate(x, s.tolist(), s.numpy(), steps=2)
    torch.testing.assert_close(frames[:, 0], expected)
    for style in ("red", [[0, 1], [0]], {"a": 1}):
        with pytest.raises(ValueError, match="style: expected rows of numbers"):
            model.translate(x, style=style)


def test_numbers_may_be_of_any_integer_type(model: Translator, tmp_path: Path) -> None:
    x = images(1, 3, 16, 16)
    expected = model.translate(x, seed=7)
    for seed in (np.int64(7), np.uint8(7), torch.tensor(7)):
        assert torch.equal(model.translate(x, seed=seed), expected)
    path = save_image(tmp_path / "x.png", 16, 16)
    one, two = (
        model.translate_files(path, tmp_path / type(seed).__name__, seed=seed).written[0]
        for seed in (7, np.int64(7))
    )
    assert one.read_bytes() == two.read_bytes()
    for seed, message in ((1.5, "whole number, found 1.5"), (2**64, "at most 64 bits")):
        with pytest.raises(ValueError, match=message):
            model.translate(x, seed=seed)  # type: ignore[arg-type]
    for n in (0, -3):
        with pytest.raises(ValueError, match=f"n must be at least 1, found {n}"):
            model.sample_style(n)


@pytest.mark.parametrize("name", [1, ("shoes",), b"shoes"])
def test_a_domain_is_named_by_text(model: Translator, name: object) -> None:
    x = images(1, 3, 16, 16)
    with pytest.raises(ValueError, match="name of a domain, 'Edges' and 'shoes', found"):
        model.translate(x, to=name)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="name of a domain"):
        model.encode_content(x, domain=name)  # type: ignore[arg-type]


def test_empty_paths_are_refused(model: Translator, tmp_path: Path) -> None:
    path = save_image(tmp_path / "x.png", 16, 16)
    for ask in (
        lambda: model.translate(""),
        lambda: model.save(""),
        lambda: model.translate_files("", tmp_path / "out"),
        lambda: model.translate_files(path, ""),
    ):
        with pytest.raises(ValueError, match="is empty; give a path"):
            ask()


def test_images_of_floats_use_the_models_range() -> None:
    config = MUNITConfig(**SHAPE | {"channels": (1, 3), "value_range": (0, 50)})  # type: ignore[arg-type]
    model = Translator(MUNIT(config, training=False), "cpu")
    values = np.linspace(0, 50, 256, dtype=np.float32).reshape(16, 16)
    s = model.sample_style(1, seed=0)
    result = model.translate(Image.fromarray(values), style=s)
    x = torch.from_numpy(values / 25 - 1)[None, None]
    expected = model.translate(x, style=s)[0].add(1).mul(127.5).permute(1, 2, 0)
    assert np.abs(np.asarray(result, np.float32) - expected.numpy()).max() < 0.51


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (3, 1)])
@pytest.mark.parametrize("downsamples", [0, 1])
def test_the_smallest_images_pass_through_shallow_networks(
    size: tuple[int, int], downsamples: int
) -> None:
    shallow = {"downsamples": downsamples, "style_downsamples": 1}
    networks = MUNIT(MUNITConfig(**SHAPE | shallow), training=False)  # type: ignore[arg-type]
    model, x = Translator(networks, "cpu"), images(1, 3, *size)
    assert model.translate(x, reference=x).shape == x.shape


@pytest.mark.parametrize("size", [(1, 1), (4, 40)])
def test_images_too_small_for_the_discriminator(run: Path, size: tuple[int, int]) -> None:
    model = load(run, "cpu", discriminators=True)
    with pytest.raises(ValueError, match=rf"{size[1]}x{size[0]} pixels are too small .* 32x32"):
        model.discriminate(images(1, 3, *size), "shoes")


def test_unfit_styles_are_refused(model: Translator) -> None:
    x = images(2, 3, 16, 16)
    for style in (torch.zeros(2, 4), torch.zeros(3, 3), torch.zeros(3)):
        with pytest.raises(ValueError, match=r"style: expected codes \(1 or 2, 3\)"):
            model.translate(x, style=style)
    with pytest.raises(ValueError, match=r"reference: expected codes \(1 or 2, 3\)"):
        model.translate(x, reference=images(3, 3, 16, 16))
    with pytest.raises(ValueError, match="are mutually exclusive"):
        model.translate(x, style=torch.zeros(1, 3), reference=x)


def test_method_without_styles_refuses_them(model: Translator) -> None:
    plain = Translator(MUNIT(model.config, training=False), "cpu")  # type: ignore[arg-type]
    plain.networks.style_dim = 0
    plain.networks.translate = lambda x, to, style=None: x.clone()  # type: ignore[method-assign]
    plain.__class__ = type("Plain", (Translator,), {"method": "plain"})
    x = images(1, 3, 16, 16)
    assert torch.equal(plain.translate(x), x)
    for ask in (
        lambda: plain.translate(x, style=torch.zeros(1, 3)),
        lambda: plain.translate(x, reference=x),
        lambda: plain.sample_style(1),
    ):
        with pytest.raises(ValueError, match="plain has no styles"):
            ask()


def test_missing_images_are_named(model: Translator, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nowhere\.png"):
        model.translate(tmp_path / "nowhere.png")


def test_a_model_of_one_target_needs_no_name_and_refuses_the_other(networks: MUNIT) -> None:
    model = Translator(MUNIT(networks.config, training=False), "cpu")
    model.networks.targets = ("a",)
    x, s = images(1, 3, 32, 32), torch.randn(1, 3)
    assert torch.equal(model.translate(x, style=s), model.translate(x, "edges", style=s))
    with pytest.raises(ValueError, match="this munit model translates only to Edges"):
        model.translate(x, "shoes", style=s)


@pytest.fixture
def noisy(networks: MUNIT) -> Translator:
    """A model without styles whose networks draw noise of their own."""
    model = Translator(MUNIT(networks.config, training=False), "cpu")
    model.networks.style_dim, model.networks.stochastic = 0, True
    model.networks.translate = (  # type: ignore[method-assign]
        lambda x, to, style=None: x.clone().fill_(0).add_(torch.rand(len(x), 1, 1, 1) - 0.5)
    )
    return model


def test_a_seed_reproduces_the_networks_own_noise(noisy: Translator) -> None:
    x = images(2, 3, 16, 16)
    before = torch.get_rng_state()
    a = noisy.translate(x, seed=7)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(a, noisy.translate(x, seed=7))
    assert not torch.equal(a, noisy.translate(x, seed=8))
    assert not torch.equal(noisy.translate(x), noisy.translate(x))


def test_files_have_their_own_noise_whatever_is_translated_with_them(
    noisy: Translator, tmp_path: Path
) -> None:
    files = [save_image(tmp_path / f"{i}.png", 16, 16) for i in range(3)]

    def translated(folder: str, paths: list[Path]) -> dict[str, bytes]:
        out = tmp_path / folder
        noisy.translate_files(paths, out, samples=2, seed=3)
        return {path.name: path.read_bytes() for path in out.glob("*.png")}

    together, alone = translated("all", files), translated("one", files[1:2])
    assert len(together) == 6 and len(set(together.values())) > 3
    assert alone == {name: together[name] for name in ("1_1.png", "1_2.png")}
    assert alone["1_1.png"] != alone["1_2.png"]


def test_networks_of_one_size_get_images_of_that_size(tmp_path: Path) -> None:
    method = UNITDA(build(UNITDA.Config, small("unit_da")))
    model = Translator(method, "cpu")
    path = save_image(tmp_path / "wide.png", 48, 24)
    assert model.classify(path, "a").shape == (1, 3)
    assert model.encode_content(path, "a").shape[2:] == (1, 1)
    assert model.translate(path).size == (16, 16)
    square = Image.open(path).crop((12, 0, 36, 24)).resize((16, 16), Image.Resampling.BILINEAR)
    result, expected = (model.classify(x, "a") for x in (path, square))
    torch.testing.assert_close(result, expected, rtol=0.02, atol=0.02)
    report = model.translate_files(
        [path, save_image(tmp_path / "tall.png", 9, 30)], tmp_path / "out"
    )
    assert len(report.written) == 2 and not report.skipped


def test_a_condition_is_refused_unless_the_discriminator_takes_one(run: Path) -> None:
    x = images(1, 3, 32, 32)
    with pytest.raises(ValueError, match="munit scores images without their inputs"):
        load(run, "cpu", discriminators=True).discriminate(x, "shoes", condition=x)


def noise_model() -> Translator:
    torch.manual_seed(0)
    return Translator(GAN(build(GAN.Config, small("gan"), {"domains": "bags"})), "cpu")


def test_images_of_noise_are_reproduced_by_their_seed() -> None:
    model = noise_model()
    assert model.method == "gan" and model.domains == ("bags",)
    few, many = model.sample(3, seed=4), model.sample(9, seed=4)
    assert few.shape == (3, 3, 16, 16) and few.dtype == torch.float32 and few.abs().max() <= 1
    torch.testing.assert_close(many[:3], few)
    torch.testing.assert_close(model.sample(9, seed=4, batch_size=2), many)
    assert not torch.allclose(model.sample(3, seed=5), few)
    assert not torch.allclose(model.sample(3), model.sample(3))


@pytest.mark.parametrize("size", [5, 16, 100])
def test_the_first_codes_do_not_depend_on_how_many_follow(size: int) -> None:
    model = Translator(GAN(build(GAN.Config, small("gan", z_dim=size))), "cpu")
    assert torch.equal(model.sample_style(7, seed=2)[:3], model.sample_style(3, seed=2))


def test_models_of_noise_and_of_translation_point_to_one_another(model: Translator) -> None:
    of_noise = noise_model()
    for use in (of_noise.translate, lambda x: of_noise.translate_files(x, "out")):
        with pytest.raises(ValueError, match="this gan makes images from noise only; use sample"):
            use("x.png")
    with pytest.raises(
        ValueError, match="this munit does not make images from noise; use translate"
    ):
        model.sample(2)
    with pytest.raises(ValueError, match="n must be at least 1, found 0"):
        of_noise.sample(0)
    with pytest.raises(ValueError, match="batch_size must be at least 1, found 0"):
        of_noise.sample(2, batch_size=0)


def test_arrays_come_back_as_arrays(model: Translator) -> None:
    array = np.asarray(Image.linear_gradient("L").resize((31, 22)).convert("RGB"))
    image = model.translate(Image.fromarray(array), seed=1)
    result = model.translate(array, seed=1)
    assert result.dtype == np.uint8 and np.array_equal(result, np.asarray(image))
    first, second = model.translate([array, array[:, :20]], seed=1)
    assert np.array_equal(first, result) and second.shape == (22, 20, 3)
    assert model.encode_style(array, "shoes").shape == (1, 3)
    assert model.translate(images(1, 3, 8, 8), reference=array).shape == (1, 3, 8, 8)


def test_encoded_images_come_back_as_images(model: Translator, tmp_path: Path) -> None:
    path = save_image(tmp_path / "x.png", 31, 22)
    expected = model.translate(path, seed=1)
    with path.open("rb") as file:
        for x in (path.read_bytes(), bytearray(path.read_bytes()), file):
            assert model.translate(x, seed=1).tobytes() == expected.tobytes()
    out = model.translate_files(path, tmp_path / "out", reference=path.read_bytes()).written
    assert len(out) == 1


def test_samples_are_random_styles_for_each_input(model: Translator) -> None:
    x = images(2, 3, 16, 20)
    y = model.translate(x, samples=3, seed=7)
    assert y.shape == (2, 3, 3, 16, 20)
    torch.testing.assert_close(y[:, 0], model.translate(x, seed=7))
    torch.testing.assert_close(y[:, :2], model.translate(x, samples=2, seed=7))
    assert not torch.allclose(y[:, 1], y[:, 2])
    assert model.translate(x, samples=1, seed=7).shape == (2, 1, 3, 16, 20)
    image = Image.new("RGB", (16, 12))
    several = model.translate(image, samples=3, seed=7)
    assert [one.size for one in several] == [(16, 12)] * 3
    assert several[0].tobytes() == model.translate(image, seed=7).tobytes()
    rows = model.translate([image, Image.new("RGB", (9, 8))], samples=2)
    assert [[one.size for one in row] for row in rows] == [[(16, 12)] * 2, [(9, 8)] * 2]


def test_samples_of_networks_with_noise_are_drawn_anew(noisy: Translator) -> None:
    x = images(2, 3, 16, 16)
    y = noisy.translate(x, samples=3, seed=7)
    assert y.shape == (2, 3, 3, 16, 16) and not torch.equal(y[:, 0], y[:, 1])
    assert torch.equal(y[:, 0], noisy.translate(x, seed=7))
    assert torch.equal(y[:, :2], noisy.translate(x, samples=2, seed=7))


def test_samples_that_make_no_sense_are_refused(model: Translator, noisy: Translator) -> None:
    x = images(1, 3, 16, 16)
    for given in ({"style": torch.zeros(1, 3)}, {"reference": x}):
        with pytest.raises(ValueError, match="samples draws random styles, so it excludes style"):
            model.translate(x, samples=2, **given)
    with pytest.raises(ValueError, match="samples must be at least 1, found 0"):
        model.translate(x, samples=0)
    noisy.networks.stochastic = False
    with pytest.raises(ValueError, match="this munit gives one output per input: leave out"):
        noisy.translate(x, samples=2)
    assert noisy.translate(x, samples=1).shape == (1, 1, 3, 16, 16)
