"""The setup of a run, and the trainer that is built from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from crossimage.checkpoints.contents import check_weights
from crossimage.checkpoints.training_state import Checkpoints
from crossimage.config import to_dict
from crossimage.data.samples.datasets import ImageDataset
from crossimage.data.sources.domains.data_set import DataSet, shown
from crossimage.data.sources.folders import Domain, Split
from crossimage.inference.targets import target_names
from crossimage.methods.base import Method
from crossimage.training.advice.use import UsageHint
from crossimage.training.best.evaluations import Evaluations
from crossimage.training.best.validator import Validator
from crossimage.training.checks import restoring
from crossimage.training.listener import Listener
from crossimage.training.processes.communication import Processes
from crossimage.training.processes.fabric import arithmetic, open_fabric, world_of
from crossimage.training.processes.threads import RunThreads, threads_of
from crossimage.training.recorder import Recorder
from crossimage.training.schedule.forecast import Forecast, forecast, shorter
from crossimage.training.schedule.request import Requests
from crossimage.training.step.game import check_players
from crossimage.training.trainer import Trainer
from crossimage.training.warm_start import load_fixed, warm_start
from crossimage.utils.devices import find_device
from crossimage.utils.machine.threads import computing_with
from crossimage.utils.rank import is_first_process
from crossimage.utils.seeds import seed_of

if TYPE_CHECKING:
    from lightning_fabric import Fabric


@dataclass(frozen=True, kw_only=True)
class RunSetup:
    """What a run trains, and where and with what it computes.

    Attributes:
        recipe: The recipe, as users name it.
        name: The method's name.
        method: Its class.
        data: The data set, as users name it.
        dataset: Its samples, with the run's settings.
        validation: Its domains, with the validation images in place of test images.
        validator: Makes what evaluates the run on its way.
        out: The run's folder.
        init_from: A model whose weights a new run starts from.
        devices: Processes of this machine.
        device: The kind of device, or one GPU.
        threads: The threads that it computes with.
        listener: Receives progress and messages.
    """

    recipe: str
    name: str
    method: type[Method]
    data: DataSet
    dataset: ImageDataset
    validation: tuple[Domain, ...]
    validator: Callable[[], Validator] | None
    out: Path
    init_from: Path | None
    devices: int
    device: str
    threads: RunThreads
    listener: Listener

    @cached_property
    def fingerprint(self) -> dict[str, str]:
        """Digests of the training images, by domain."""
        return self.dataset.fingerprint()

    @cached_property
    def fabric(self) -> Fabric:
        """Device, precision and processes, launched on first use."""
        return open_fabric(self.dataset.config.precision, self.devices, self.device)

    @property
    def images(self) -> str:
        """The numbers of training images, in words."""
        domains = self.dataset.domains
        return " and ".join(f"{len(domain.train)} images of {domain.name}" for domain in domains)

    @property
    def settings(self) -> dict[str, Any]:
        """The run's settings, with the name of its method, as plain data."""
        return {"method": self.name, **to_dict(self.dataset.config)}

    def trainer(
        self,
        checkpoints: Checkpoints,
        changes: list[str],
        state: dict[str, Any] | None,
        requests: Requests,
        listener: Listener | None = None,
    ) -> Trainer:
        """Build a trainer of the current config, at the step of a checkpoint if there is one."""
        config, dataset = self.dataset.config, self.dataset
        listener = listener or self.listener
        torch.manual_seed(seed_of(config.seed, "initialisation"))
        with computing_with(1):  # first weights do not depend on the number of threads
            method = self.method(config)
        check_players(method)
        if is_first_process():
            before, device = threads_of(state, self.out), find_device(self.device)
            self.threads.choose(config, method, before, world_of(self.devices), device)
        fabric = self.fabric
        self.threads.share(Processes(fabric))
        if state:
            method.loaded = tuple(method.fixed())
        elif self.init_from:
            load_fixed(method, self.init_from)
        method.build_fixed_networks()
        if self.init_from and not state:
            listener.say(warm_start(method, self.init_from, listener.warn))
        # methods that generate from noise have no inputs, and would show the same samples twice
        tested = method.targets and dataset.has_tests
        splits: tuple[Split, ...] = ("train", "test") if tested else ("train",)
        recorder = Recorder(
            self.out,
            listener,
            config.steps,
            config.page_every,
            {"method": self.name, "data": shown(self.data), "images": self.images}
            | ({"changes of the data": "; ".join(changes)} if changes else {}),
            {split: dataset.fixed(split, config.sample_count) for split in splits},
            fabric.is_global_zero,
            checkpoints.newest_path,
            None if state or requests.entries else self._forecast(),
            UsageHint(self.out, target_names(method), method.few_shot),
        )
        labels: dict[str, Any] = {
            "config": self.settings,
            "data": self.fingerprint,
            "data_changes": changes,
            "arithmetic": arithmetic(config.precision, self.device),
            **({"threads": self.threads.count} if self.threads.count else {}),
            **({"plan": requests.plain()} if requests.entries else {}),
        }
        evaluations = None
        if config.evaluate_every and self.validator:
            evaluations = Evaluations(self.validator(), self.validation, config, self.out, listener)
        trainer = Trainer(
            method, config, dataset, fabric, checkpoints, recorder, labels, evaluations
        )
        if state:
            path = checkpoints.path_of(state["step"])
            with restoring(path):
                check_weights(state, trainer.method.tensors(), path)
                trainer.restore(state)
        return trainer

    def _forecast(self) -> Forecast:
        """Return sentences on how long the run will take, and on what takes less."""
        if self.fabric.device.type != "cpu":
            count = self.fabric.world_size
            return forecast(f"these {count} GPUs" if count > 1 else "this GPU", None)
        return forecast("this CPU", shorter(self.recipe, self.name))
