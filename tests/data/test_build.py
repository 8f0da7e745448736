from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from crossimage.config import Config, Facts, SuperResolutionConfig, build
from crossimage.data.build import build_dataset, find_source
from crossimage.data.samples.datasets import PairedImages, SingleImages
from crossimage.data.samples.labelled import LabelledImages
from crossimage.data.samples.super_resolution import SuperResolutionImages
from crossimage.data.samples.unpaired import UnpairedImages
from crossimage.labels import LabelledConfig
from crossimage.methods.munit import MUNITConfig
from crossimage.methods.stargan import StarGANConfig
from tests.conftest import small

PLAIN = Config(resize=0, crop=(8, 8))
LABELLED = LabelledConfig(channels=(3,), resize=0, crop=(8, 8))


def test_a_source_tells_names_and_the_images_of_the_largest_domain(folders: Path) -> None:
    assert find_source(str(folders), PLAIN).facts == Facts(domains=("a", "b"), epoch=7)
    named = replace(PLAIN, domains=("lines", "blobs"))
    assert find_source(str(folders), named).facts.domains == ("lines", "blobs")


def test_a_source_tells_classes_only_if_they_are_asked_for(classes: Path) -> None:
    assert find_source(str(classes), PLAIN).facts.classes == ()
    assert find_source(str(classes), PLAIN, class_letters="a").facts.classes == ("x", "y", "z")


def test_a_labelled_source_tells_its_labels_and_an_epoch_of_all_data_sets(
    faces: Path, animals: Path
) -> None:
    facts = find_source(f"{animals},{faces}", replace(LABELLED, attributes=("Male", "cat", "dog")),
                        "labelled").facts  # fmt: skip
    assert facts == Facts(
        domains=("cat", "dog", "Male"), epoch=14, label_sets=(2, 1), categorical=(True, False)
    )


def test_small_and_large_images_are_two_domains_of_the_same_files(folders: Path) -> None:
    config = SuperResolutionConfig(crop=(8, 8))
    source = find_source(str(folders / "trainA"), config, "super_resolution")
    low, high = source.domains
    assert source.facts == Facts(domains=("low", "high"), epoch=7)
    assert low.train == high.train and len(low.train) == 7


def test_every_layout_has_its_samples(folders: Path, pairs: Path, labelled: Path) -> None:
    single = replace(PLAIN, channels=(3,))
    for data, config, layout, kind in (
        (folders, PLAIN, "unpaired", UnpairedImages),
        (pairs, PLAIN, "paired", PairedImages),
        (folders / "trainA", single, "single", SingleImages),
        (folders / "trainA", SuperResolutionConfig(crop=(8, 8)), "super_resolution",
         SuperResolutionImages),
        (labelled, LABELLED, "labelled", LabelledImages),
    ):  # fmt: skip
        source = find_source(str(data), config, layout)  # type: ignore[arg-type]
        completed = config.complete(source.facts)
        images = build_dataset(source, completed)
        assert type(images) is kind
        assert images.config is completed
        assert images[0].error is None


def test_a_config_completed_by_a_run_is_completed_by_its_data_to_the_same(
    folders: Path, labelled: Path
) -> None:
    munit = build(MUNITConfig, small(epochs=2))
    stargan = build(StarGANConfig, small("stargan"))
    for data, config in ((folders, munit), (labelled, stargan)):
        layout = "labelled" if config is stargan else "unpaired"
        first = config.complete(find_source(str(data), config, layout).facts)  # type: ignore[arg-type]
        again = first.complete(find_source(str(data), first, layout).facts)  # type: ignore[arg-type]
        assert first == again != config


def test_without_resizing_and_cropping_a_sample_is_the_file(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    for folder in ("trainA", "trainB"):
        (tmp_path / folder).mkdir()
        Image.fromarray(pixels).save(tmp_path / folder / "1.png")
    config = replace(PLAIN, flip=False)
    source = find_source(str(tmp_path), config)
    image = build_dataset(source, config.complete(source.facts))[0].images["a"]
    assert image.add(1).mul(127.5).permute(1, 2, 0).numpy() == pytest.approx(pixels, abs=1e-3)
