"""Accuracy of a trained method's classifier on labelled test images."""

from __future__ import annotations

import json
from pathlib import Path

import torch

from crossimage.data.unreadable import Unreadable
from crossimage.training.resume import read_facts
from crossimage.training.trainer import Trainer
from crossimage.utils.files import write_text

_FILE = "accuracy.json"


def accuracies(trainer: Trainer) -> dict[str, float]:
    """Return the share of the test images that a method classifies correctly, by domain.

    All labelled test images of all domains are used, but only for this report: nothing in a run is
    chosen by them.
    """
    device, shares = trainer.fabric.device, {}
    with trainer.evaluating() as method:
        for letter, domain in zip(method.letters, trainer.dataset.domains, strict=True):
            correct, count = torch.zeros((), device=device), 0
            unreadable: list[Unreadable] = []
            for images, labels in trainer.dataset.tests(letter, 256, unreadable):
                logits = method.classify(trainer.to_device(images), letter)
                correct += (logits.argmax(1) == labels.to(device)).sum()
                count += len(labels)
            for _, _, reason in unreadable:
                trainer.recorder.listener.warn(f"left out of the accuracy: {reason}")
            if count:
                shares[domain.name] = float(correct / count)
    return shares


def write_accuracies(trainer: Trainer, run: Path) -> None:
    """Write the accuracies of the final weights to ``accuracy.json`` and the run's page."""
    recorder, shares = trainer.recorder, accuracies(trainer)
    write_text(run / _FILE, json.dumps(shares, indent=2))
    for domain, share in shares.items():
        recorder.facts[f"accuracy on the test images of {domain}"] = f"{share:.2%}"
        recorder.listener.say(f"accuracy on the test images of {domain}: {share:.2%}")
    recorder.page()


def read_accuracies(run: Path) -> dict[str, float]:
    """Read the accuracies of a finished run; empty if there are none."""
    path = run / _FILE
    return read_facts(path)
