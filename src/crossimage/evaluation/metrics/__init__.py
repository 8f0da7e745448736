"""Metrics of image translation, listed by the names that ``--metrics`` takes.

This is the only list of them. It names classes instead of importing them, so that the command line
can print its help without loading PyTorch.
"""

from collections.abc import Iterable

from crossimage.utils.names import did_you_mean

METRICS = {
    "fid": "distribution.FID",
    "kid": "distribution.KID",
    "is": "distribution.InceptionScore",
    "psnr": "paired.PSNR",
    "ssim": "paired.SSIM",
    "l1": "paired.L1",
    "lpips_paired": "paired.PairedLPIPS",
    "accuracy": "classification.Accuracy",
    "error": "classification.Error",
    "identity": "identity.Identity",
    "edges": "edges.Edges",
    "fcn": "segmentation.FCNScore",
    "translation_accuracy": "few_shot.TranslationAccuracy",
    "unseen_accuracy": "few_shot.UnseenAccuracy",
    "dipd": "few_shot.ContentKept",
    "flicker": "flicker.Flicker",
    "lpips_pairs": "diversity.PairwiseLPIPS",
    "lpips": "diversity.LPIPSDiversity",
    "cis": "diversity.ConditionalInceptionScore",
}
"""Module and class of every metric by its name, in the order of the report."""


def check_names(names: Iterable[str]) -> None:
    """Refuse unknown metrics.

    Raises:
        ValueError: A name is not in the list; the nearest one is suggested.
    """
    for name in names:
        if name not in METRICS:
            hint = did_you_mean(name, METRICS)
            raise ValueError(f"unknown metric '{name}', expected one of {', '.join(METRICS)}{hint}")
