"""The files, models and tensors that the snippets of a page take for granted, tiny and random."""

from __future__ import annotations

import csv
import importlib.resources
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from PIL import Image

import crossimage
from crossimage.checkpoints.model_file import save_model
from crossimage.config import build
from crossimage.methods import METHODS
from tests.conftest import small
from tests.data.make.test_digits import write_mnist, write_usps
from tests.data.videos.videos import write_video
from tests.interop.junyanz_networks import resnet, saved
from tests.interop.nvlabs_networks import Discriminator, MUNITGenerator
from tests.methods.test_sketch_to_photo import vgg_file
from tests.methods.test_stargan_v2 import wing

Maker = Callable[[Path], None]


def image(path: Path, size: tuple[int, int] = (20, 24), seed: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)
    Image.fromarray(pixels).save(path)


def single_images(path: Path) -> None:
    for name in ("day", "dusk"):
        image(path / "train" / name / "photo.png", (40, 48))


def images(path: Path, count: int = 6, size: tuple[int, int] = (20, 24)) -> None:
    for number in range(count):
        image(path / f"{number}.png", size, number)


def pairs(path: Path) -> None:
    """Two domains with equal names, which serve as pairs and as unpaired images."""
    for folder, count in (("trainA", 5), ("trainB", 5), ("testA", 3), ("testB", 3)):
        images(path / folder, count)


def with_validation(path: Path) -> None:
    """Two domains with images for validation and for tests."""
    for folder, count in (("train", 5), ("val", 3), ("test", 2)):
        for letter in "AB":
            images(path / f"{folder}{letter}", count)


def with_classes(path: Path, names: tuple[str, ...] = ("man", "woman")) -> None:
    """Two domains, the first in class folders; of the second only the test images."""
    for number, label in enumerate(names):
        images(path / "trainA" / label, 4)
        for folder in ("testA", "testB"):
            image(path / folder / label / f"{number}.png", seed=number)
    images(path / "trainB", 4)


def class_folders(path: Path, names: tuple[str, ...] = ("edges", "shoes")) -> None:
    for split in ("train", "test"):
        for label in names:
            images(path / split / label, 4)


def unseen_classes(path: Path) -> None:
    """Class folders whose test images are of other classes than the training images."""
    for split, names in (("train", ("cat", "dog")), ("test", ("fox", "lion"))):
        for name in names:
            images(path / split / name, 5)


def class_pairs(path: Path) -> None:
    """Sketches and edge maps of photos of cats and dogs."""
    for split in ("train", "test"):
        for below in ("photos", "sketches", "edges"):
            for label in ("cat", "dog"):
                images(path / split / below / label, 2)


def table(path: Path, attributes: tuple[str, ...] = ("male", "young")) -> None:
    """A table of attributes beside its images; every combination appears."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["file", "split", *attributes])
        for number in range(16):
            name = f"{path.stem}-{number}.png"
            image(path.parent / name, seed=number)
            values = [number >> place & 1 for place in range(len(attributes))]
            rows.writerow([name, "test" if number >= 12 else "train", *values])


def celeba(path: Path) -> None:
    """CelebA's table with the published attributes."""
    names = ("Black_Hair", "Blond_Hair", "Brown_Hair", "Male", "Young")
    lines = ["12", " ".join(names)]
    for number in range(12):
        image(path / "img_align_celeba" / f"{number}.jpg", seed=number)
        hair = [1 if number % 3 == place else -1 for place in range(3)]
        lines.append(
            " ".join(map(str, (f"{number}.jpg", *hair, 2 * (number % 2) - 1, 1 - number % 4 // 2)))
        )
    (path / "list_attr_celeba.txt").write_text("\n".join(lines).replace(" 0", " -1"))


def originals(path: Path) -> None:
    write_mnist(path / "mnist" / "raw")
    write_mnist(path / "FashionMNIST" / "raw", seed=7)
    write_usps(path / "usps")


def street_scenes(path: Path) -> None:
    """Pairs of photos and label maps in the colours of a palette of two classes."""
    colours = np.array([[0, 0, 0], [3, 3, 3]], np.uint8)
    for split, count in (("train", 4), ("test", 2)):
        for number in range(count):
            image(path / f"{split}A" / f"{number}.png", (32, 32), number)
            labels = np.random.default_rng(number).integers(0, 2, (32, 32))
            (path / f"{split}B").mkdir(exist_ok=True)
            Image.fromarray(colours[labels]).save(path / f"{split}B" / f"{number}.png")


def raw_label_maps(path: Path) -> None:
    """Photos, and label maps of class numbers."""
    images(path / "train" / "photo", 3, (32, 32))
    (path / "train" / "label").mkdir()
    for number in range(3):
        labels = np.random.default_rng(number).integers(0, 12, (32, 32), np.uint8)
        Image.fromarray(labels).save(path / "train" / "label" / f"{number}.png")


def palette(path: Path) -> None:
    path.write_text("name,r,g,b\nsky,0,0,0\nroad,3,3,3\n")


def model(path: Path, method: str, **changes: Any) -> None:
    """A run folder with an untrained model."""
    torch.manual_seed(0)
    settings = {"domains": ("edges", "shoes")} | small(method, resize=36, crop=32, **changes)
    kind = METHODS[method]
    path.mkdir(parents=True)
    save_model(path / "model.safetensors", kind(build(kind.Config, settings), training=True))


def munit_generators(path: Path) -> None:
    """A checkpoint of the official MUNIT code, with its config file beside it."""
    gen = {"dim": 4, "mlp_dim": 8, "style_dim": 3, "activ": "relu", "n_downsample": 2, "n_res": 1}
    gen |= {"pad_type": "reflect"}
    dis = {"dim": 4, "norm": "none", "activ": "lrelu", "n_layer": 2, "num_scales": 2}
    dis |= {"pad_type": "reflect", "gan_type": "lsgan"}
    torch.save({d: MUNITGenerator(3, gen).state_dict() for d in "ab"}, path)
    torch.save(
        {d: Discriminator(3, dis).state_dict() for d in "ab"},
        path.with_name("dis_00010000.pt"),
    )
    config = {"gen": gen, "dis": dis, "input_dim_a": 3, "input_dim_b": 3}
    path.with_name("config.yaml").write_text(yaml.safe_dump(config))


def cyclegan_generators(path: Path) -> None:
    """The two generators of a checkpoint of the official CycleGAN code."""
    saved(resnet(), path)
    saved(resnet(), path.with_name("latest_net_G_B.pth"))


def cyclegan_run(path: Path) -> None:
    """The checkpoints of a training run of the official CycleGAN code, as it leaves them."""
    path.mkdir(parents=True)
    for epoch in ("100", "latest"):
        for side in "AB":
            saved(resnet(), path / f"{epoch}_net_G_{side}.pth")
    (path / "train_opt.txt").write_text("                 netG: resnet_6blocks\n")


def table_1(path: Path, only: Sequence[str] = ()) -> None:
    """The list of trainings munit-table-1, each with the settings that make its method tiny."""
    lists = importlib.resources.files("crossimage.training") / "lists"
    trainings = yaml.safe_load((lists / "munit-table-1.yaml").read_text(encoding="utf-8"))
    for training in trainings:
        method = training["recipe"].partition("/")[0]
        changed = training.get("settings", {})
        tiny = small(method, steps=2, resize=36, crop=32)
        weights = tiny.get("weights", {}) | changed.get("weights", {})
        training["settings"] = tiny | changed | ({"weights": weights} if weights else {})
    chosen = [training for training in trainings if training["name"] in (only or training["name"])]
    path.write_text(yaml.safe_dump(chosen))


def list_file(path: Path) -> None:
    """A list of files."""
    path.write_text("# drawn by hand\nsketch.png\n")


def statistics(path: Path) -> None:
    """Statistics of the random features' size."""
    np.savez(path, mu=np.zeros(112), sigma=np.eye(112))


def tensor(count: int = 2) -> torch.Tensor:
    return torch.rand(count, 3, 16, 16) * 2 - 1


@dataclass(frozen=True)
class StandIns:
    """What a page takes for granted.

    Attributes:
        files: Makers by path.
        names: Values of the Python namespace.
        replace: Texts to replace before a block runs, where a published setting needs data or
            networks that are too large here.
    """

    files: Mapping[str, Maker] = field(default_factory=dict)
    names: Mapping[str, Callable[[], Any]] = field(default_factory=dict)
    replace: Mapping[str, str] = field(default_factory=dict)


PHOTOS = partial(images, count=8, size=(40, 60))

EXPRESSIONS = ("angry", "contemptuous", "disgusted", "fearful")
EXPRESSIONS += ("happy", "neutral", "sad", "surprised")

SKETCHES: dict[str, Maker] = {
    **dict.fromkeys(("sketch.png", "boot.jpg", "photo.png", "small.png"), image),
    "sketches": images,
}

RANDOM_NETWORKS = 'features="random", lpips_weights="random", inputs=2, samples=3'

STAND_INS: dict[str, StandIns] = {
    "README.md": StandIns(
        files=SKETCHES
        | {
            "DIR": pairs,
            "walk.mp4": partial(write_video, count=3),
            "table-1.yaml": table_1,
            "CLASSES": with_classes,
            "faces/labels.csv": table,
            "portraits": images,
            "results": images,
            "photos": images,
            "classes": class_folders,
            "runs/clothes": partial(model, method="gan", domains=("clothes",)),
            "runs/munit": partial(model, method="munit"),
            "runs/unit": partial(model, method="unit"),
            "runs/cyclegan": partial(model, method="cyclegan"),
            "gen_00010000.pt": munit_generators,
            "latest_net_G_A.pth": cyclegan_generators,
        },
        names={"x": tensor, "y": tensor, "tiny": lambda: small("munit", steps=2, crop=32)},
        replace={
            'out="runs/python", steps=2000': 'out="runs/python", **tiny',
            'metrics=["fid", "lpips"]': f'metrics=["fid", "lpips"], {RANDOM_NETWORKS}',
            "unit_da/mnist2usps --data DIR": "unit_da/mnist2usps --data CLASSES",
            "srgan/x4_small --data DIR": "srgan/x4_small --data photos",
            "munit-table-1": "table-1.yaml",
        },
    ),
    "docs/bicyclegan.md": StandIns(SKETCHES | {"edges2shoes": pairs}),
    "docs/choose.md": StandIns({"DIR": pairs}),
    "docs/compare.md": StandIns(),
    "docs/cyclegan.md": StandIns(
        {"DATA": pairs, "emojis": pairs, "horse.jpg": image, "zebra.jpg": image}
    ),
    "docs/cut.md": StandIns(
        {
            "DATA": pairs,
            "styles": class_folders,
            "emojis": pairs,
            "cats_dogs": partial(class_folders, names=("cat", "dog")),
            "horse.jpg": image,
        }
    ),
    "docs/sincut.md": StandIns(
        {
            "DIR": single_images,
            "scenes": single_images,
            "photo.jpg": partial(image, size=(40, 48)),
        }
    ),
    "docs/data.md": StandIns(
        {
            "DIR": pairs,
            "ORIGINALS": originals,
            "PHOTOS": PHOTOS,
            "photos": images,
            "sketches": images,
        }
    ),
    "docs/make.md": StandIns(
        {
            "PHOTOS": PHOTOS,
            "CAMVID": raw_label_maps,
            "LABELS": PHOTOS,
            "SCENES": PHOTOS,
            "walk.mp4": write_video,
        }
    ),
    "docs/diat.md": StandIns({"DATA": pairs, "faces": pairs, "face.jpg": image}),
    "docs/dtn.md": StandIns(
        {
            "ORIGINALS": originals,
            "PHOTOS": PHOTOS,
            "DATA": partial(with_classes, names=tuple("0123456789")),
            "faces": with_classes,
            "seven.png": image,
        },
    ),
    "docs/evaluate.md": StandIns(
        {
            "ffhq_clean_trainval70k_1024.npz": statistics,
            "DIR": pairs,
            "table-1.yaml": table_1,
            "PAIRS": pairs,
            "results": images,
            "photos": images,
            "street": images,
            "translated": images,
            "classes": class_folders,
            "camvid": street_scenes,
            **{f"runs/{m}": partial(model, method=m) for m in ("munit", "unit", "cyclegan")},
            "runs/shoes": partial(model, method="munit"),
            "AFHQ": class_folders,
            "ALL": partial(class_folders, names=("cat", "dog", "fox", "lion")),
            "ANIMALS": unseen_classes,
            "runs/fewshot": partial(
                model, method="funit", domains=("cat", "dog"), label_sets=(2,), categorical=(True,)
            ),
            "runs/animals": partial(
                model, method="stargan_v2", label_sets=(2,), categorical=(True,)
            ),
            "runs/streets": partial(
                model, method="pix2pix", domains=("photo", "label"), direction="b-to-a"
            ),
        },
        replace={
            "docs/palettes/camvid.csv": "palette.csv",
            "munit-table-1": "table-1.yaml",
            'out="report"': 'out="report", features="random", lpips_weights="random", samples=3',
        },
    ),
    "docs/best_model.md": StandIns(
        {
            "DIR": with_validation,
            "photos": images,
            "photo.jpg": image,
        },
        names={"tiny": lambda: small("munit", steps=2, crop=32)},
        replace={'out="runs/python", ': 'out="runs/python", **tiny, '},
    ),
    "docs/few_images.md": StandIns({"DIR": pairs, "styles": class_folders}),
    "docs/funit.md": StandIns(
        {
            "CLASSES": partial(class_folders, names=("cat", "dog", "fox")),
            "ORIGINALS": originals,
            **dict.fromkeys(("dog.jpg", "shirt.png"), image),
            **dict.fromkeys(("meerkats", "foxes", "dresses"), partial(images, count=2)),
            **{f"meerkats/{number}.jpg": image for number in (1, 2)},
        },
        names={"x": tensor, "references": partial(tensor, 5)},
        replace={"--data clothes": "--data CLASSES", "train funit/fashion": "train funit/animals"},
    ),
    "docs/faq.md": StandIns(
        {"DIR": pairs, "photos": images, "runs/photos": partial(model, method="munit")},
        replace={"munit/photos_small --init": "munit --init"},
    ),
    "docs/gan.md": StandIns({"FACES": images, "ORIGINALS": originals}),
    "docs/sketchygan.md": StandIns(
        {"PAIRS": class_pairs, "drawings": class_pairs, "sketch.png": image},
        names={"x": tensor},
    ),
    "docs/import.md": StandIns(
        {
            "gen_00010000.pt": munit_generators,
            "sketches": images,
            "checkpoints/horse2zebra": cyclegan_run,
        }
    ),
    "docs/labels.md": StandIns(
        {
            "faces/labels.csv": partial(table, attributes=("gender", "young")),
            "photo.png": image,
            "celeba": celeba,
            "rafd": partial(class_folders, names=("angry", "happy")),
        }
    ),
    "docs/study.md": StandIns(
        {
            "DATA": pairs,
            "runs/munit": partial(model, method="munit"),
            "runs/cyclegan": partial(model, method="cyclegan"),
            "srgan": images,
            "bicubic": images,
            "original": images,
        },
        replace={
            "questions=500": "questions=3",
            "people=26": "people=2 calibration=4",
            "--data DATA --out real": "--data DATA --set trials=2 practice=1 --out real",
        },
    ),  # fmt: skip
    "docs/hub.md": StandIns({"runs/shoes": partial(model, method="munit")}),
    "docs/export.md": StandIns(SKETCHES | {"runs/shoes": partial(model, method="munit")}),
    "docs/video.md": StandIns(
        SKETCHES
        | {
            "runs/shoes": partial(model, method="munit"),
            "walk.mp4": partial(write_video, count=3),
        },
        replace={"--size 256": "--size 32"},
    ),
    "docs/scale.md": StandIns(SKETCHES | {"runs/shoes": partial(model, method="munit")}),
    "docs/large.md": StandIns({"runs/shoes": partial(model, method="munit"), "big.tif": image}),
    "docs/translate.md": StandIns(
        SKETCHES
        | {
            "runs/shoes": partial(model, method="munit"),
            "list.txt": list_file,
            "shoes": pairs,
            "pairs": partial(images, count=2, size=(48, 24)),
        },
        names={
            "bgr": lambda: np.zeros((16, 16, 3), np.uint8),
            "rgb01": lambda: (tensor() + 1) / 2,
            "encoded": lambda: Path("sketch.png").read_bytes(),
        },
    ),
    "docs/first_hour.md": StandIns({"DATA": pairs}),
    "docs/munit.md": StandIns(SKETCHES | {"DATA": pairs, "edges2shoes": pairs}),
    "docs/pix2pix.md": StandIns(
        {"facades": pairs, "PHOTOS": PHOTOS}
        | dict.fromkeys(("labels.png", "holed.png", "filled.png"), image)
    ),
    "docs/sketches.md": StandIns({"runs/shoes": partial(model, method="munit"), "tidy.png": image}),
    "docs/sketch_to_photo.md": StandIns(
        {
            "DATA": pairs,
            "edges2shoes": pairs,
            "PHOTOS": PHOTOS,
            "sketch.png": image,
            "photo.jpg": image,
            "vgg_normalised.pth": lambda path: vgg_file(path.parent),
        }
    ),
    "docs/results.md": StandIns(
        {
            "modes": class_folders,
            **{f"runs/{m}": partial(model, method=m) for m in ("unit", "cyclegan", "bicyclegan")},
            "runs/unit-shared": partial(model, method="unit", share_latent_blocks=2),
            "runs/cyclegan-dropout": partial(
                model, method="cyclegan", dropout=0.5, test_mode="train"
            ),
            "runs/cyclegan-star": partial(model, method="cyclegan", noise_dim=3),
            "classes": partial(class_folders, names=tuple("0123456789")),
            "facades": pairs,
            "edges2shoes": pairs,
            "camvid": street_scenes,
            "palette.csv": palette,
            "outlines.yaml": partial(table_1, only=("MUNIT", "UNIT")),
            "ORIGINALS": originals,
            "PHOTOS": PHOTOS,
        }
    ),
    "docs/srgan.md": StandIns(
        {
            "photos": PHOTOS,
            "small.png": image,
            "runs/srresnet": partial(model, method="srgan", domains=("low", "high")),
            **{name: partial(images, count=2) for name in ("Set5", "Set14", "BSD100")},
        }
    ),
    "docs/stargan.md": StandIns(
        {
            "CELEBA": celeba,
            "RAFD": partial(class_folders, names=EXPRESSIONS),
            "faces": images,
            "face.jpg": image,
            "faces.csv": partial(table, attributes=("female", "young")),
            "gender.csv": partial(table, attributes=("female",)),
            "age.csv": partial(table, attributes=("young",)),
            "classes": partial(class_folders, names=("female", "not female")),
        },
        names={"x": tensor, "labels": lambda: torch.tensor([[1.0, 0, 0, 1, 1]])},
    ),
    "docs/stargan_v2.md": StandIns(
        {
            "AFHQ": partial(class_folders, names=("cat", "dog", "wild")),
            "FACES": partial(class_folders, names=("female", "male")),
            "cats": partial(images, count=2),
            "dogs": partial(images, count=2),
            "cat.jpg": image,
            "dog.jpg": image,
            "wing.ckpt": wing,
            "classes": partial(class_folders, names=("cats", "dogs")),
            "faces.csv": partial(table, attributes=("female",)),
        },
        names={"x": tensor, "cats": tensor, "dogs": tensor},
    ),
    "docs/tutorials.md": StandIns(
        {
            **dict.fromkeys(("PHOTOS", "DAY"), PHOTOS),
            "NIGHT": partial(images, count=8, size=(42, 60)),
            **dict.fromkeys(("DRAWINGS", "SCANS"), partial(images, count=2)),
            "STREETS": raw_label_maps,
            "FACES/faces.csv": table,
        }
    ),
    "docs/unit.md": StandIns(SKETCHES | {"DATA": pairs, "emojis": pairs}),
    "docs/unit_da.md": StandIns({"ORIGINALS": originals, "seven.png": image}),
}


def prepare(page: str) -> dict[str, Any]:
    """Make a page's files in the working folder; return the namespace of its Python snippets."""
    stand_ins = STAND_INS.get(page, StandIns())
    palette(Path("palette.csv"))
    for path, make in stand_ins.files.items():
        make(Path(path))
    return {
        "crossimage": crossimage,
        "torch": torch,
        **{name: value() for name, value in stand_ins.names.items()},
    }
