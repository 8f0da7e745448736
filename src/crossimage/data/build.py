"""The images that a method learns from, whatever their layout."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from crossimage.config import Config, Layout
from crossimage.data.datasets import Images, PairedImages, SingleImages, UnpairedImages
from crossimage.data.labelled import LabelledImages
from crossimage.data.sources.folders import find_images, scan_domains
from crossimage.data.sources.labelled import find_labelled
from crossimage.data.super_resolution import EnlargingImages


def build_dataset(
    data: str, config: Config, layout: Layout = "unpaired", labelled: Collection[str] = ()
) -> Images:
    """Open a data set for training.

    Args:
        data: A folder, list files or tables; what, depends on the layout.
        config: The settings of the run.
        layout: What the method learns from.
        labelled: Letters of the domains whose images need classes.

    Returns:
        The samples. Their ``config`` is the given one completed by what the data tells: the
        domains' names, classes or labels, and epochs as steps.

    Raises:
        FileNotFoundError: A folder or a listed file is missing.
        ValueError: The data is not of that layout, or can't be used.
    """
    images: Images
    match layout:
        case "unpaired":
            images = UnpairedImages(scan_domains(data, config.domains), config, labelled)
        case "paired":
            images = PairedImages(scan_domains(data, config.domains), config)
        case "single":
            images = SingleImages(find_images(data, config.domains), config)
        case "super_resolution":
            images = EnlargingImages(find_images(data), config)
        case "labelled":
            chosen = getattr(config, "attributes", ())
            images = LabelledImages(find_labelled(data, chosen), config)
            if config.domains not in ((), images.found["domains"]):
                raise ValueError(
                    f"domains={','.join(config.domains)} are not the labels of the data "
                    f"({', '.join(images.found['domains'])}); choose among them with attributes"
                )
    told = {key: value for key, value in images.found.items() if hasattr(config, key)}
    images.config = replace(config, **told).in_steps(images.epoch)
    return images
