"""Training runs: from a recipe, data and a run folder to a trained model."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from crossimage.checkpoints.contents import check_entries
from crossimage.checkpoints.run_folder import newest_checkpoint
from crossimage.checkpoints.training_state import Checkpoints
from crossimage.config import EARLIER_DEFAULTS, build, read_yaml, to_dict, write_yaml
from crossimage.data.build import build_dataset, find_source
from crossimage.data.left_out import describe
from crossimage.data.samples.datasets import fingerprint_of
from crossimage.data.sources.domains.data_set import DataSet, read_data_set, recorded
from crossimage.data.sources.leaks import SECONDS as LEAK_SECONDS
from crossimage.data.sources.leaks import find_leaks
from crossimage.data.sources.summary import describe_splits
from crossimage.inference.targets import target_names
from crossimage.methods import find_method
from crossimage.methods.base import Method
from crossimage.recipes import resolve
from crossimage.training.accuracy import read_accuracies, write_accuracies
from crossimage.training.best.standing import BestSoFar, is_kept
from crossimage.training.best.validator import Validator
from crossimage.training.checks import (
    check_apart_from_data,
    check_config,
    check_continues,
    check_files,
    data_changes,
)
from crossimage.training.environment import environment
from crossimage.training.listener import Listener
from crossimage.training.processes.fabric import world_of
from crossimage.training.processes.threads import RunThreads
from crossimage.training.result import TrainingResult
from crossimage.training.run_names import PARENT, claim_folder
from crossimage.training.schedule.rehearsal import fit_to_time
from crossimage.training.schedule.request import Request, Requests
from crossimage.training.setup import RunSetup
from crossimage.training.step.skipping import SkippedSteps, count_of
from crossimage.training.stops import STOP_REQUESTED
from crossimage.training.warm_start import network_settings
from crossimage.utils.files import write_text
from crossimage.utils.machine.threads import computing_with
from crossimage.utils.rank import is_first_process
from crossimage.utils.texts.counts import counted


def run_training(
    recipe: str,
    data: DataSet,
    out: Path | None,
    overrides: Mapping[str, Any],
    *,
    init_from: Path | None = None,
    devices: int = 1,
    device: str = "auto",
    budget: str | None = None,
    finish: str | None = None,
    accept_data_change: bool = False,
    validator: Callable[[], Validator] | None = None,
    listener: Listener,
) -> TrainingResult:
    """Train a method, or continue the run in ``out`` from its newest checkpoint.

    Args:
        recipe: Name of a recipe or method, or a YAML file.
        data: A folder of images, paths by name or tables, see :func:`find_source`.
        out: The run's folder. None: ``runs/<data>-<method>-001``; an unfinished run for which the
            same was asked is continued, and otherwise the next number is taken.
        overrides: Settings that override the recipe's, nested.
        init_from: A run, model file or checkpoint, whose weights a new run starts from; its
            networks have the same settings unless recipe or overrides say otherwise.
        devices: Processes of this machine, each with its own device; ``torchrun`` sets their
            number itself.
        device: The kind of device, or one GPU such as ``cuda:1``.
        budget: Time for a new run, such as ``20m``.
        finish: Time within which a run already started ends.
        accept_data_change: Continue a run although its images have changed.
        validator: Makes what evaluates the run on its way, if its setting ``evaluate_every`` is not
            0.
        listener: Receives the progress and messages of the first process only.

    Raises:
        ValueError: Settings, data or run folder cannot be used, or the training diverged.
        FileNotFoundError: The recipe, a folder or a file does not exist.
    """
    request = Request.read(budget, finish, overrides)
    if request:
        request.check_begun(out)
    data = read_data_set(data)
    name, settings = resolve(recipe)
    method = find_method(name, recipe)
    networks = network_settings(init_from, method) if init_from else {}
    rules = _data_rules(out) if out else {}
    config = build(method.Config, networks, settings, rules, overrides, source=recipe)
    check_config(method, config, devices)
    if not (init_from or (out and newest_checkpoint(out))):  # these hold what was read before
        check_files(method, config)
    checks = validator() if validator and config.evaluate_every else None
    if checks:
        checks.check(method, config)
    elif config.evaluate_every:
        raise ValueError(
            f"evaluate_every={config.evaluate_every} needs something that evaluates the run, which "
            "`crossimage train` and crossimage.train have; leave it out here"
        )
    by_epochs = bool(config.epochs or config.decay_epochs)
    source = find_source(data, config, **method.data_needs(config, overrides))
    if out:
        check_apart_from_data(out, data, source.domains)
    config = config.complete(source.facts)
    if checks:
        checks.check_images(method, config, source.validation)
    dataset = build_dataset(source, config)
    asked = {
        "method": name, "config": to_dict(config), "data": recorded(data), "folder": os.getcwd(),
        "init": str(init_from), "budget": budget,
    }  # fmt: skip
    folder = out
    try:
        with (
            computing_with(torch.get_num_threads()),
            claim_folder(out, data, asked, world_of(devices)) as folder,
        ):
            if request and request.finish and out is None and not newest_checkpoint(folder):
                raise request.refuse_finish(PARENT)  # a name that was just made says nothing
            setup = RunSetup(
                recipe=recipe, name=name, method=method, data=data, dataset=dataset,
                validation=source.validation, validator=validator, out=folder,
                init_from=init_from, devices=devices, device=device,
                threads=RunThreads(listener), listener=listener,
            )  # fmt: skip
            return _Run(setup, source.notes, by_epochs, request, accept_data_change).train()
    except OSError as error:
        if error.errno is None:
            raise
        good = newest_checkpoint(folder) if folder else None
        raise ValueError(
            f"cannot write to {error.filename or folder}: {error.strerror or error}; "
            + (f"the newest checkpoint is {good}" if good else "there is no checkpoint yet")
            + "; the same command continues the run once that is fixed"
        ) from error


def _data_rules(run: Path) -> dict[str, Any]:
    """Return the rules by which a run that can be continued finds and reads its files."""
    if newest_checkpoint(run) is None:
        return {}
    try:
        saved = EARLIER_DEFAULTS | read_yaml(run / "config.yaml")
    except (FileNotFoundError, ValueError):
        return {}  # if the checkpoint differs from what is set, it says so
    return {key: saved[key] for key in EARLIER_DEFAULTS}


@dataclass(frozen=True)
class _Run:
    """A run whose settings and data have been checked.

    Attributes:
        setup: What it trains, and with what.
        notes: What the user should know about its domains.
        by_epochs: Whether its length is set in epochs.
        request: A time that the user requests.
        accept_data_change: Whether its images may differ from those before.
    """

    setup: RunSetup
    notes: tuple[str, ...]
    by_epochs: bool
    request: Request | None
    accept_data_change: bool

    def train(self) -> TrainingResult:
        """Train, or continue from the newest checkpoint."""
        setup, out, listener = self.setup, self.setup.out, self.setup.listener
        checkpoints = Checkpoints(out, setup.dataset.config.keep)
        first_step, state = checkpoints.load_newest(listener.warn) or (0, None)
        if state:
            check_entries(state, checkpoints.path_of(first_step))
        elif (out / "model.safetensors").exists():
            listener.warn(
                f"there is no checkpoint in {out / 'checkpoints'} to continue from; the run starts "
                f"from the beginning, and will replace {out / 'model.safetensors'}"
            )
        requests = Requests.of(state)
        changes = self._check_continues(state, requests) if state else []
        config = setup.dataset.config
        classifies = bool(setup.method.labelled)
        standing = self._standing_of(state)
        ended = first_step >= config.steps or bool(standing and standing.exhausted)
        complete = read_accuracies(out) or not classifies
        if ended and complete and (standing is None or is_kept(out, standing, first_step)):
            if self.request and not requests.holds(self.request):
                listener.warn(f"{self.request} changes nothing: {out} has ended already")
            method = setup.method(config, training=False)
            skipped = count_of(state or {})
            return self._result(method, first_step, first_step, skipped, requests, standing)

        chosen = self._choose_steps(checkpoints, changes, state, requests)
        requests = chosen or requests
        if chosen and state:  # the trial has made steps from it
            _, state = checkpoints.load_newest(listener.warn) or (0, None)
        trainer = setup.trainer(checkpoints, changes, state, requests)
        config = setup.dataset.config
        if state:
            listener.say(f"continuing {out} from step {first_step}")
            del state  # as large as the weights and the optimizers together
            if chosen:
                trainer.save()  # the request, or the same command would choose another end
        first = trainer.processes.first
        if first:
            write_text(out / "config.yaml", write_yaml(setup.settings))
            facts = environment(recorded(setup.data), trainer.fabric) | {
                "images": {d.name: fingerprint_of(d) for d in setup.dataset.domains},
                "data_changes": changes,
            }
            if listener.call:
                facts["call"] = str(listener.call.having(out=out))
            write_text(out / "environment.json", json.dumps(facts, indent=2))
        self._say_what_is_used()
        steps = counted(config.steps, "step")
        listener.say(f"training {setup.name} on {setup.images} for {steps} in {out}")
        stopped_by = trainer.fit()
        if classifies and not stopped_by and first:
            write_accuracies(trainer, out)
        if unreadable := trainer.tally.summary():
            listener.warn(unreadable)
        if sentence := trainer.skipped.summary(trainer.step):
            listener.warn(sentence)
        result = self._result(
            trainer.method, first_step, trainer.step, trainer.skipped, requests, trainer.standing,
            stopped_by,
        )  # fmt: skip
        trainer.recorder.ended(result)
        return result

    def _standing_of(self, state: Mapping[str, Any] | None) -> BestSoFar | None:
        """Return the best and the last figure of a checkpoint, with the patience set now."""
        config = self.setup.dataset.config
        if not state or not config.evaluate_every or "validation" not in state:
            return None
        return replace(BestSoFar.from_plain(state["validation"]), patience=config.patience)

    def _choose_steps(
        self,
        checkpoints: Checkpoints,
        changes: list[str],
        state: dict[str, Any] | None,
        requests: Requests,
    ) -> Requests | None:
        """Fit the run to the time that is requested; None if it is not, or has been fitted before.

        Raises:
            ValueError: The time does not apply to the run, or is too short.
        """
        request = self.request
        if request is None or requests.holds(request):
            return None
        setup, config, begun = self.setup, self.setup.dataset.config, state is not None
        if request.finish and not begun:
            raise request.refuse_finish(setup.out)
        if begun and not request.finish:
            raise requests.refuse_budget(setup.out, request, config.steps)
        setup.listener.say(f"{request}: timing some steps, which are then discarded ...")
        setup.dataset.config = fit_to_time(
            config,
            request,
            lambda: setup.trainer(checkpoints, changes, state, requests, Listener()),
            setup.listener.say,
        )
        return requests.with_request(request, config, state["step"] if state else 0)

    def _check_continues(self, state: Mapping[str, Any], requests: Requests) -> list[str]:
        """Check that the run can be continued, and return all changes of its data so far."""
        setup, dataset, earlier = self.setup, self.setup.dataset, state.get("data_changes", [])
        changes = data_changes(state, setup.fingerprint)
        if self.by_epochs and (changes or earlier):
            # keep the schedule of the images with which the run began
            saved = state["config"]
            dataset.config = replace(
                dataset.config, steps=saved["steps"], decay_steps=saved["decay_steps"]
            )
        if state["config"]["method"] == setup.name:
            dataset.config = requests.adopt(dataset.config, state["config"])
        refused = [] if self.accept_data_change else changes
        check_continues(
            setup.out, state, setup.method, setup.name, dataset.config, refused, setup.listener,
            setup.device,
        )  # fmt: skip
        new = [f"from step {state['step']}, {change}" for change in changes]
        for change in new:
            setup.listener.say(f"the data has changed: {change}")
        return [*earlier, *new]

    def _result(
        self,
        method: Method,
        first_step: int,
        step: int,
        skipped: SkippedSteps,
        requests: Requests,
        standing: BestSoFar | None,
        stopped_by: int = 0,
    ) -> TrainingResult:
        reason = None
        if stopped_by:
            requested = stopped_by == STOP_REQUESTED
            reason = "on_progress" if requested else signal.Signals(stopped_by).name
        return TrainingResult(
            run=self.setup.out,
            method=self.setup.name,
            config=self.setup.dataset.config,
            step=step,
            first_step=first_step,
            targets=target_names(method),
            accuracies={} if reason else read_accuracies(self.setup.out),
            stopped_by=reason,
            warnings=tuple(self.setup.listener.warnings),
            skipped_steps=skipped.total,
            few_shot=method.few_shot,
            fitted=bool(requests.entries),
            standing=standing,
        )

    def _say_what_is_used(self) -> None:
        """Say which images serve training, testing or both, which are left out, and the labels."""
        dataset, listener = self.setup.dataset, self.setup.listener
        domains = dataset.domains
        for line in (*self.notes, *describe_splits(domains)):
            listener.say(line)
        if left_out := describe(entry for domain in domains for entry in domain.left_out):
            listener.say(left_out)
        if is_first_process() and (leaks := find_leaks(domains, LEAK_SECONDS).sentence()):
            listener.warn(leaks)
        for line in dataset.describe_labels():
            listener.say(line)
