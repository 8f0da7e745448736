"""The training loop: it takes a method's moves one at a time and owns everything around them.

A step is a pure function of (weights, seed, step number, process), so a run's position is one
integer and resuming is exact.
"""

from __future__ import annotations

import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from types import FrameType
from typing import Any, cast

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from crossimage.checkpoints.training_state import Checkpoints
from crossimage.config import Config
from crossimage.data.datasets import Images
from crossimage.data.loader import LoadedBatch, loader
from crossimage.data.sampler import rows
from crossimage.data.unreadable import Unreadable, UnreadableTally
from crossimage.methods.base import Batch, Method, Noise
from crossimage.networks.convolution import arrange
from crossimage.training import compile as compiling
from crossimage.training.processes import Processes
from crossimage.training.recorder import Recorder
from crossimage.utils.contact_sheet import Panel
from crossimage.utils.seeds import seed_of

STOP_REQUESTED = 1
"""What :meth:`Trainer.fit` returns when the recorder's listener asked to stop; no signal that it
listens for has this number."""


class Trainer:
    """Trains a method on one process of a run; :meth:`fit` does all of it.

    Args:
        method: What is trained; moved to the fabric's device.
        config: Its configuration, with the run's rhythm.
        dataset: Where the samples come from.
        fabric: Launched engine room: device, precision, processes.
        checkpoints: Where the state is kept.
        recorder: Who shows the progress.
        labels: Stored in every checkpoint beside the state, to recognise the run by.
    """

    def __init__(
        self,
        method: Method,
        config: Config,
        dataset: Images,
        fabric: Fabric,
        checkpoints: Checkpoints,
        recorder: Recorder,
        labels: dict[str, Any],
    ) -> None:
        self.config, self.dataset, self.fabric = config, dataset, fabric
        self.processes = Processes(fabric)
        self.checkpoints, self.recorder, self.labels = checkpoints, recorder, labels
        self.method = _place(method, fabric)
        self.average = None
        if config.ema_decay:
            self.average = _place(type(method)(config, training=False), fabric).eval()
            self.average.load_state_dict(method.tensors(*method.inference_players))
        self.players = {name: list(net.parameters()) for name, net in method.players().items()}
        self.optimizers = {name: self._adam(net) for name, net in self.players.items()}
        # every process's batch norms see its own images; what they remember is shared
        self.statistics = [
            statistic
            for layer in self.method.modules()
            if isinstance(layer, nn.BatchNorm2d)
            for statistic in (layer.running_mean, layer.running_var)
            if statistic is not None
        ]
        self.step, self.seconds = 0, 0.0
        self.tally = UnreadableTally({d.name: len(d.train) for d in dataset.domains})
        self.saved = -1
        self._to_compile = set(self.players) if config.compile else set()
        self._signal = 0

    def _adam(self, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
        c = self.config
        adam = torch.optim.Adam(
            parameters, c.learning_rate, betas=c.betas, weight_decay=c.weight_decay, fused=True
        )
        return cast(torch.optim.Optimizer, self.fabric.setup_optimizers(adam))

    @property
    def translator(self) -> Method:
        """The weights that translate: the running average where there is one."""
        return self.average or self.method

    def fit(self) -> int:
        """Train from the current step to the last, or until a signal asks to stop.

        Returns:
            0 when all steps are done, else the number of the signal that stopped the run, or
            ``STOP_REQUESTED``.

        Raises:
            ValueError: The data can't be used, the training diverged, or a file can't be written.
        """
        config, recorder = self.config, self.recorder
        batches = loader(
            self.dataset, config, start=self.step, rank=self.fabric.global_rank,
            world=self.fabric.world_size, pin=self.fabric.device.type == "cuda",
        )  # fmt: skip
        began = time.monotonic() - self.seconds
        moving = set(self.players)
        with self._listening(), recorder.recording(self.step, self.seconds):
            while self.step < config.steps:
                micro_batches, problem = self._next(batches)
                with self.processes.together():
                    if problem:
                        raise ValueError(problem)
                if self.processes.agree(self._stop):
                    break
                if moving & self._to_compile:
                    self._compile(micro_batches)
                losses = self.train_step(micro_batches)
                moving = {term.partition("/")[0] for term in losses}
                self.step += 1
                self.seconds = time.monotonic() - began
                self.processes.average(list(losses.values()))
                recorder.add(losses)
                self._record(last=self.step == config.steps)
            if self.saved != self.step:
                self.save()
            return self.processes.agree(self._stop) if self.step < config.steps else 0

    @property
    def _stop(self) -> int:
        """Why to stop before the next step, as :meth:`fit` returns it; 0: go on."""
        return self._signal or STOP_REQUESTED * self.recorder.stop_requested

    def _record(self, last: bool) -> None:
        """Do what is due after a step."""
        config, recorder = self.config, self.recorder
        intervals = config.log_every, config.sample_every, config.save_every
        log, sample, save = (last or self.step % interval == 0 for interval in intervals)
        if log or sample:
            with self.processes.together():
                if log:
                    recorder.log(self.step, self.seconds, self.learning_rate(self.step - 1))
                if sample:
                    recorder.sample(self.step, self._preview)
        if save:
            self.save()

    def train_step(self, micro_batches: list[LoadedBatch]) -> dict[str, Tensor]:
        """Make every move of the step once; returns the raw loss terms, still on the device."""
        for optimizer in self.optimizers.values():
            optimizer.param_groups[0]["lr"] = self.learning_rate(self.step)
        logs: dict[str, Tensor] = {}
        moves: Counter[str] = Counter()
        for player, losses in self._descents(micro_batches):
            for name, value in losses.items():
                key = f"{player}/{name}"
                logs[key] = logs[key] + value if key in logs else value
                moves[key] += 1
            weights = [p for p in self.players[player] if p.grad is not None]
            if weights:
                self.processes.average([cast(Tensor, p.grad) for p in weights])
                self.optimizers[player].step()
                self.optimizers[player].zero_grad(set_to_none=True)
        if not logs:
            raise ValueError("all weights are 0, so that there is nothing to train; set some")
        self.processes.average(self.statistics)
        if self.average is not None:
            # the first weights are random: a young average forgets them sooner
            young = (self.step + 1) / (self.step + 10)
            _follow(self.average, self.method, min(self.config.ema_decay, young))
        # of several moves of a player in one step, the mean
        return {key: value / moves[key] for key, value in logs.items()}

    def _descents(
        self, micro_batches: list[LoadedBatch]
    ) -> Iterator[tuple[str, dict[str, Tensor]]]:
        """The step's moves, each with its player's gradients in place.

        Yields:
            The player, and its raw loss terms, means over the micro-batches.
        """
        fabric, config = self.fabric, self.config
        torch.manual_seed(seed_of(config.seed, "process", self.step, fabric.global_rank))
        flows = [
            self.method.training_step(
                Batch(loaded.images, self._noise(micro), loaded.labels, self.step)
            )
            for micro, loaded in enumerate(micro_batches)
        ]
        while True:
            logs: dict[str, Tensor] = {}
            for flow in flows:
                with fabric.autocast():
                    update = next(flow, None)
                if update is None:
                    return
                weights = {name: getattr(config.weights, name) for name in update.losses}  # type: ignore[attr-defined]
                terms = [w * update.losses[name].float() for name, w in weights.items() if w]
                if terms:
                    total = torch.stack(terms).sum() / len(flows)
                    fabric.backward(total, inputs=self.players[update.player])
                for name, value in update.losses.items():
                    part = value.detach().float() / len(flows)
                    logs[name] = logs[name] + part if name in logs else part
            assert update is not None
            yield update.player, logs

    def _compile(self, micro_batches: list[LoadedBatch]) -> None:
        """Compile the networks of one player after the other; those that can't be stay as they are.

        Players that do not move in this step, since their stage has not come, are left for later.

        Args:
            micro_batches: The step's images, for rehearsals: PyTorch compiles what it meets, and
                some of what it makes fails only when it runs.
        """
        listener, players = self.recorder.listener, self.method.players()
        moving, _ = self._rehearse(micro_batches)
        for name in [name for name in players if name in moving & self._to_compile]:
            listener.say(f"compiling the {name} ...")
            _, problem = self._rehearse(micro_batches, players[name])
            if self.processes.agree(problem is not None):
                compiling.undo(players[name])
                problem = problem or "another process could not do it"
                listener.warn(f"the {name} are not compiled: {problem}")
            self._to_compile.remove(name)

    def _rehearse(
        self, micro_batches: list[LoadedBatch], to_compile: nn.Module | None = None
    ) -> tuple[set[str], str | None]:
        """Make the gradients of a step and forget them.

        Args:
            micro_batches: The step's images.
            to_compile: Networks to compile before.

        Returns:
            The players that moved, and what went wrong, if anything.
        """
        before = {name: buffer.clone() for name, buffer in self.method.named_buffers()}
        moving, problem = set(), None
        try:
            if to_compile is not None:
                compiling.compile_networks(to_compile)
            for player, _ in self._descents(micro_batches):
                moving.add(player)
                self.optimizers[player].zero_grad(set_to_none=True)
        except Exception as error:  # compilers, and what they make, raise of all kinds
            reason, *_ = str(error).strip().splitlines() or [""]
            problem = f"{type(error).__name__}: {reason}"
        for optimizer in self.optimizers.values():
            optimizer.zero_grad(set_to_none=True)
        with torch.no_grad():
            for name, buffer in self.method.named_buffers():
                buffer.copy_(before[name])
        return moving, problem

    def learning_rate(self, step: int) -> float:
        """Adam's step size after ``step`` steps."""
        c = self.config
        decays = step // c.decay_every if c.decay_every else 0
        left = min(1.0, (c.steps - step) / c.decay_steps) if c.decay_steps else 1.0
        return float(c.learning_rate * c.decay_factor**decays * left)

    def save(self) -> None:
        """Write a checkpoint and the model file, on the first process.

        Raises:
            ValueError: The weights are not finite, or a file can't be written.
        """
        with self.processes.together():
            self._share_unreadable()
        memories = self.processes.gather({k: v.cpu() for k, v in self.method.memory().items()})
        with self.processes.together():
            self._check_weights()
            if self.processes.first:
                # The model goes first: a run whose last checkpoint stands is not continued.
                self.recorder.model(self.translator)
                self.checkpoints.save(self.step, self.state() | {"memories": memories})
        self.saved = self.step

    def _check_weights(self) -> None:
        finite = torch.stack([p.isfinite().all() for net in self.players.values() for p in net])
        if not finite.all():
            self.recorder.check(self.step)
            raise self.recorder.diverged(self.step, "a weight", "not finite")

    def state(self) -> dict[str, Any]:
        """Everything a continued run needs but the processes' memories."""
        scaler = self._scaler
        return {
            "step": self.step,
            "seconds": self.seconds,
            "method": self.method.tensors(),
            "average": self.average.state_dict() if self.average else None,
            "optimizers": {name: o.state_dict() for name, o in self.optimizers.items()},
            "scaler": scaler.state_dict() if scaler else None,
            "unreadable": self.tally.state(),
            "recorder": self.recorder.state(),
            **self.labels,
        }

    def _share_unreadable(self) -> None:
        """Let every process know the images that the others could not read."""
        for state in self.processes.gather(self.tally.state()):
            self.tally.merge(state)

    @property
    def _scaler(self) -> Any:
        """The loss scaler of fp16, or None."""
        return getattr(self.fabric.strategy.precision, "scaler", None)

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a checkpoint.

        With more processes than before the new ones' memories start empty.
        """
        self.step, self.seconds, self.saved = state["step"], state["seconds"], state["step"]
        self.method.load_state_dict(state["method"], strict=False)
        for memory in state["memories"][self.fabric.global_rank :][:1]:
            self.method.load_state_dict(memory, strict=False)
        if self.average is not None:
            self.average.load_state_dict(state["average"])
        for name, optimizer in self.optimizers.items():
            optimizer.load_state_dict(state["optimizers"][name])
            _match_memory(optimizer)
        if self._scaler is not None:
            self._scaler.load_state_dict(state["scaler"])
        self.tally.merge(state["unreadable"])
        self.recorder.restore(state["recorder"])

    def _next(self, batches: Iterator[LoadedBatch]) -> tuple[list[LoadedBatch], str | None]:
        """The step's micro-batches on the device, or why there are none."""
        micro_batches = []
        for _ in range(self.config.accumulate):
            batch = next(batches)
            if batch.error:
                return [], batch.error
            try:
                self.tally.add(batch.unreadable)
            except ValueError as error:
                return [], str(error)
            micro_batches.append(self._on_device(batch))
        return micro_batches, None

    def _on_device(self, batch: LoadedBatch) -> LoadedBatch:
        device = self.fabric.device
        images = {d: self._to_device(images) for d, images in batch.images.items()}
        labels = {d: labels.to(device, non_blocking=True) for d, labels in batch.labels.items()}
        return replace(batch, images=images, labels=labels)

    def _to_device(self, images: Tensor) -> Tensor:
        return images.to(self.fabric.device, memory_format=torch.channels_last, non_blocking=True)

    def _noise(self, micro: int) -> Noise:
        c, fabric = self.config, self.fabric
        part = rows(c.samples, c.accumulate, micro, fabric.global_rank, fabric.world_size)
        return Noise(seed_of(c.seed, "noise", self.step), c.samples, part, fabric.device)

    def accuracies(self) -> dict[str, float]:
        """Share of the test images that the method classifies rightly, by domain.

        All labelled test images of all domains are used, and by this report alone: nothing in a
        run is chosen by them.
        """
        device, shares = self.fabric.device, {}
        self.translator.eval()
        for letter, domain in zip(self.method.letters, self.dataset.domains, strict=True):
            right, count = torch.zeros((), device=device), 0
            unreadable: list[Unreadable] = []
            for images, labels in self.dataset.tests(letter, 256, unreadable):
                with torch.no_grad(), self.fabric.autocast(), self._eagerly():
                    classes = self.translator.classify(self._to_device(images), letter).argmax(1)
                right += (classes == labels.to(device)).sum()
                count += len(labels)
            for _, _, reason in unreadable:
                self.recorder.listener.warn(f"left out of the accuracy: {reason}")
            if count:
                shares[domain.name] = float(right / count)
        self.translator.train(self.average is None)
        return shares

    def _preview(self, inputs: LoadedBatch) -> list[Panel]:
        """Panels of the sample sheet for fixed inputs."""
        method, device = self.translator, self.fabric.device
        count = next(iter(inputs.images.values())).shape[0]
        whole = slice(0, count)
        fixed = Noise(seed_of(self.config.seed, "fixed"), count, whole, device)
        fresh = Noise(seed_of(self.config.seed, "fresh", self.step), count, whole, device)
        given = self._on_device(inputs)
        method.eval()
        with torch.no_grad(), self.fabric.autocast(), self._eagerly():
            panels = method.preview(Batch(given.images, fixed, given.labels, self.step), fresh)
        method.train(method is self.method)
        return panels

    def _eagerly(self) -> AbstractContextManager[None]:
        """Compiled networks know images of training alone."""
        return compiling.uncompiled() if self.config.compile else nullcontext()

    @contextmanager
    def _listening(self) -> Iterator[None]:
        """While training, SIGTERM and Ctrl-C only leave a note; the loop reads it."""

        def note(number: int, _: FrameType | None) -> None:
            self._signal = number

        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {s: signal.signal(s, note) for s in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _place(method: Method, fabric: Fabric) -> Method:
    method.to(fabric.device)
    arrange(method)
    return method


def _match_memory(optimizer: torch.optim.Optimizer) -> None:
    """Give Adam's moments the weights' order in memory, which its fused form relies on."""
    for weight, moments in optimizer.state.items():
        for name, moment in moments.items():
            if moment.shape == weight.shape:
                moments[name] = torch.empty_like(weight).copy_(moment)


@torch.no_grad()
def _follow(average: Method, method: Method, decay: float) -> None:
    """Move the running average towards the method's weights."""
    current = method.tensors(*method.inference_players)
    mine = average.state_dict()
    floats = [name for name in mine if mine[name].is_floating_point()]
    torch._foreach_lerp_([mine[n] for n in floats], [current[n] for n in floats], 1 - decay)
    for name in mine.keys() - floats:
        mine[name].copy_(current[name])
