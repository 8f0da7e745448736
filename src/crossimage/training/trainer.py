"""The training loop: takes a method's moves one at a time and owns everything around them.

A step is a pure function of (weights, seed, step number, process), so a run's position is one
integer and resuming is exact.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import replace
from types import FrameType
from typing import Any, NamedTuple, cast

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from crossimage.checkpoints.training_state import Checkpoints
from crossimage.config import Config
from crossimage.data.datasets import Images
from crossimage.data.loader import LoadedBatch, load_batches
from crossimage.data.sampler import rows
from crossimage.data.unreadable import UnreadableFiles
from crossimage.methods.base import Batch, Method, Noise
from crossimage.methods.optimizers import Adam, Optimizer, RMSprop
from crossimage.networks.layers.convolution import arrange
from crossimage.training import compile as compiling
from crossimage.training.game import check_gradient, check_update, explain_no_move
from crossimage.training.processes import Processes
from crossimage.training.recorder import Recorder
from crossimage.training.skipping import (
    SkippedMove,
    SkippedSteps,
    Snapshot,
    all_finite,
    count_of,
)
from crossimage.utils.contact_sheet import Panel
from crossimage.utils.seeds import seed_of
from crossimage.utils.signals import STOP_SIGNALS

STOP_REQUESTED = int(signal.NSIG)
"""What :meth:`Trainer.fit` returns when the recorder's listener asked to stop; no signal that it
listens for has this number."""


class _Descent(NamedTuple):
    """A move whose gradients are computed.

    Attributes:
        players: The players that move.
        losses: The raw loss terms, means over the micro-batches.
        total: The weighted sum that is descended; None where all its terms have weight 0.
    """

    players: tuple[str, ...]
    losses: dict[str, Tensor]
    total: Tensor | None


class Trainer:
    """Trains a method on one process of a run; :meth:`fit` does all of it.

    Args:
        method: The method to train; moved to the fabric's device.
        config: Its configuration, including the intervals of logs, samples and checkpoints.
        dataset: Source of the samples.
        fabric: Launched Fabric: device, precision, processes.
        checkpoints: Keeps the training state.
        recorder: Shows and writes the progress.
        identity: Metadata stored in every checkpoint, by which a run is recognised.
    """

    def __init__(
        self,
        method: Method,
        config: Config,
        dataset: Images,
        fabric: Fabric,
        checkpoints: Checkpoints,
        recorder: Recorder,
        identity: dict[str, Any],
    ) -> None:
        self.config, self.dataset, self.fabric = config, dataset, fabric
        self.processes = Processes(fabric)
        self.checkpoints, self.recorder, self.identity = checkpoints, recorder, identity
        self.method = _place(method, fabric).train()
        self.average = None
        if config.ema_decay:
            self.average = _place(type(method)(config, training=False), fabric).eval()
            self.average.load_state_dict(method.tensors(*method.inference_players, *method.fixed()))
        self.players = {name: list(net.parameters()) for name, net in method.players().items()}
        specs = method.optimizers()
        self.rates = {name: specs[name].learning_rate for name in self.players}
        self.optimizers = {
            name: cast(torch.optim.Optimizer, fabric.setup_optimizers(_build(specs[name], net)))
            for name, net in self.players.items()
        }
        # every process's batch norms see its own images; their running statistics are shared
        self.statistics = [
            statistic
            for player in method.players().values()
            for layer in player.modules()
            if isinstance(layer, nn.BatchNorm2d)
            for statistic in (layer.running_mean, layer.running_var)
            if statistic is not None
        ]
        self.step, self.seconds = 0, 0.0
        self.tally = UnreadableFiles({d.name: len(d.train) for d in dataset.domains})
        self.saved = -1
        self.skipped = SkippedSteps()
        self._snapshot = Snapshot(self.method)
        self._moving = set(self.players)
        self._to_compile = set(self.players) if config.compile else set()
        self._signal = 0
        self._moved = self._saving = False

    @property
    def _weights(self) -> object:
        """The weights of the loss terms at the current step."""
        return self.method.loss_weights(self.step)

    @property
    def translator(self) -> Method:
        """The weights that translate: the running average if there is one."""
        return self.average or self.method

    def fit(self) -> int:
        """Train from the current step to the last, or until a signal requests a stop.

        Returns:
            0 if all steps are done, else the number of the signal that stopped the run, or
            ``STOP_REQUESTED``.

        Raises:
            ValueError: The data can't be used, training diverged, or a file can't be written.
        """
        config, recorder = self.config, self.recorder
        batches = load_batches(
            self.dataset, config, start=self.step, rank=self.fabric.global_rank,
            world=self.fabric.world_size, pin=self.fabric.device.type == "cuda",
        )  # fmt: skip
        began = time.monotonic() - self.seconds
        with self._listening(), recorder.recording(self.step, self.seconds), self._saved_on_error():
            while self.step < config.steps:
                micro_batches, problem = self._next(batches)
                if self.processes.agree(problem is not None):
                    self._save_what_is_there()
                with self.processes.together():
                    if problem:
                        raise recorder.unusable(problem)
                if self.processes.agree(self._stop):
                    break
                if self._moving & self._to_compile:
                    self._compile(micro_batches)
                losses = self.train_step(micro_batches)
                self.step, self._moved = self.step + 1, False
                self.seconds = time.monotonic() - began
                self.processes.average(list(losses.values()))
                recorder.add(losses)
                self._record(last=self.step == config.steps)
                if self.skipped.in_a_row >= config.max_skipped_steps:
                    self._give_up()
            if self.saved != self.step:
                self.save()
            return self.processes.agree(self._stop) if self.step < config.steps else 0

    @contextmanager
    def _saved_on_error(self) -> Iterator[None]:
        """Save the run before an error ends it.

        With several processes, an error in a single one cannot be followed by a save on all.
        """
        try:
            yield
        except Exception:
            if self.processes.count == 1 and not self._saving:
                if self._moved:  # in an incomplete step, which cannot be repeated
                    self._snapshot.restore()
                    self.skipped.add(True)
                    self.step += 1
                self._save_what_is_there()
            raise

    def _save_what_is_there(self) -> None:
        """Save the run if it has made steps and its weights are finite."""
        if self.step == max(self.saved, 0):
            return
        with suppress(Exception):  # the error that ends the run is reported, not this one
            self.save(stopping=True)

    @property
    def _stop(self) -> int:
        """The reason to stop before the next step, as :meth:`fit` returns it; 0: continue."""
        return self._signal or STOP_REQUESTED * self.recorder.stop_requested

    def _record(self, last: bool) -> None:
        """Log, sample and save after a step, each at its interval."""
        config, recorder = self.config, self.recorder
        intervals = config.log_every, config.sample_every, config.save_every
        log, sample, save = (last or self.step % interval == 0 for interval in intervals)
        if log or sample:
            with self.processes.together():
                if log:
                    rate = self.learning_rate(self.step - 1)
                    recorder.log(self.step, self.seconds, rate, self.skipped.total)
                if sample:
                    recorder.sample(self.step, self._preview)
        if save:
            self.save()

    def train_step(self, micro_batches: list[LoadedBatch]) -> dict[str, Tensor]:
        """Make every move of the step once.

        A move whose loss or gradients are not finite is skipped: its players stay where they are,
        and the networks' buffers are restored.

        Returns:
            The raw loss terms of the moves that were made by ``player/term``, still on the device.
        """
        for name, optimizer in self.optimizers.items():
            optimizer.param_groups[0]["lr"] = self.learning_rate(self.step, self.rates[name])
        logs: dict[str, list[Tensor]] = {}
        skipped: set[str] = set()
        self._moving = set()
        self._snapshot.take()
        self._moved = False
        for descent in self._descents(micro_batches):
            self._moving.update(descent.players)
            if self._move(descent):
                for name, value in descent.losses.items():
                    logs.setdefault(f"{descent.players[0]}/{name}", []).append(value)
            else:
                self._report_skipped(descent, micro_batches)
                skipped.update(descent.players)
        if not logs and not skipped:
            raise explain_no_move(self.method, self._weights, self.step + 1)
        if skipped:
            self._snapshot.restore()
        else:
            self.processes.average(self.statistics)
        self.skipped.add(bool(skipped))
        if self.average is not None and not skipped & set(self.method.inference_players):
            # the first weights are random: a young average forgets them sooner
            young = (self.step + 1) / (self.step + 10)
            _follow(self.average, self.method, min(self.config.ema_decay, young))
        # the mean over several moves of a player in one step
        return {key: sum(values[1:], values[0]) / len(values) for key, values in logs.items()}

    def _descents(self, micro_batches: list[LoadedBatch]) -> Iterator[_Descent]:
        """Iterate over the step's moves, with the gradients of the players computed."""
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
            descended: Tensor | None = None
            for flow in flows:
                with fabric.autocast():
                    update = next(flow, None)
                if update is None:
                    return
                check_update(self.method, update, self._weights)
                weights = {name: getattr(self._weights, name) for name in update.losses}
                terms = [w * update.losses[name].float() for name, w in weights.items() if w]
                if terms:
                    total = torch.stack(terms).sum() / len(flows)
                    check_gradient(self.method, update, total)
                    inputs = [p for player in update.players for p in self.players[player]]
                    fabric.backward(total, inputs=inputs)
                    total = total.detach()
                    descended = total if descended is None else descended + total
                for name, value in update.losses.items():
                    part = value.detach().float() / len(flows)
                    logs[name] = logs[name] + part if name in logs else part
            assert update is not None
            yield _Descent(update.players, logs, descended)

    def _move(self, descent: _Descent) -> bool:
        """Step the players along their gradients, averaged over the processes.

        Returns:
            False if they must not, on all processes: the loss or a gradient is not finite on one.
        """
        gradients = {
            player: [p.grad for p in self.players[player] if p.grad is not None]
            for player in descent.players
        }
        flat = [gradient for own in gradients.values() for gradient in own]
        total = [] if descent.total is None else [descent.total]
        self.processes.average(flat + total)
        optimizers = [self.optimizers[player] for player, own in gradients.items() if own]
        # the loss scaler handles gradients that overflow in fp16
        finite = not total or all_finite(total if self._scaler else flat + total)
        self._moved |= finite
        if finite and self._scaler is None:
            for optimizer in optimizers:
                optimizer.step()
        elif finite and optimizers:  # they share one backward pass, and so its scale
            for optimizer in optimizers:
                self._scaler.step(cast(Any, optimizer).optimizer)
            self._scaler.update()
        for optimizer in optimizers:
            optimizer.zero_grad(set_to_none=True)
        return finite

    def _report_skipped(self, descent: _Descent, micro_batches: list[LoadedBatch]) -> None:
        """Report to the recorder which move was skipped, and the images of the step."""
        terms = [name for name, value in descent.losses.items() if not value.isfinite()]
        files = [file for loaded in micro_batches for file in loaded.files]
        seen = self.processes.gather((terms, files))
        move = SkippedMove.combine(self.step + 1, descent.players, seen)
        self.recorder.skip(move, self.skipped.total)

    def _give_up(self) -> None:
        """Save the run, and end it because too many steps in a row were skipped.

        Raises:
            ValueError: Always; the message says what to do.
        """
        if self.saved != self.step:
            self.save()
        with self.processes.together():
            raise self.recorder.stuck(self.skipped.in_a_row)

    def _compile(self, micro_batches: list[LoadedBatch]) -> None:
        """Compile the players that move in this step; players of later stages are left for then."""

        def gradients() -> Iterator[tuple[str, ...]]:
            yield from (descent.players for descent in self._descents(micro_batches))

        listener = self.recorder.listener
        compiling.compile_players(
            self.method, self._to_compile, gradients, self.processes, listener
        )

    def learning_rate(self, step: int, rate: float | None = None) -> float:
        """Return the learning rate after ``step`` steps.

        Args:
            step: Number of steps made.
            rate: A player's rate before any decay; by default the config's.
        """
        c = self.config
        rate = c.learning_rate if rate is None else rate
        decays = step // c.decay_every if c.decay_every else 0
        left = min(1.0, (c.steps - step) / c.decay_steps) if c.decay_steps else 1.0
        return float(rate * c.decay_factor**decays * left * self.method.rate_factor(step))

    def save(self, *, stopping: bool = False) -> None:
        """Write a checkpoint and the model file, on the first process.

        Args:
            stopping: Save although too many images are unreadable.

        Raises:
            ValueError: The weights are not finite, or a file can't be written.
        """
        self._saving = True
        with self.processes.together(), suppress(ValueError) if stopping else nullcontext():
            self._share_unreadable()
        memories = self.processes.gather({k: v.cpu() for k, v in self.method.memory().items()})
        with self.processes.together():
            self._check_weights()
            if self.processes.first:
                # The model comes first: a run with its last checkpoint is not continued.
                self.recorder.model(self.translator)
                self.checkpoints.save(self.step, self.state() | {"memories": memories})
        self.saved = self.step
        self._saving = False

    def _check_weights(self) -> None:
        finite = torch.stack([p.isfinite().all() for net in self.players.values() for p in net])
        if not finite.all():
            raise self.recorder.diverged(f"a weight is not finite at step {self.step}")

    def state(self) -> dict[str, Any]:
        """Return the state that a continued run needs, without that of single processes."""
        scaler = self._scaler
        return {
            "step": self.step,
            "seconds": self.seconds,
            "method": self.method.tensors(),
            "average": self.average.state_dict() if self.average else None,
            "optimizers": {name: o.state_dict() for name, o in self.optimizers.items()},
            "scaler": scaler.state_dict() if scaler else None,
            "unreadable": self.tally.state(),
            "skipped": self.skipped.state(),
            "recorder": self.recorder.state(),
            **self.identity,
        }

    def _share_unreadable(self) -> None:
        """Share with every process which images the others could not read."""
        for state in self.processes.gather(self.tally.state()):
            self.tally.merge(state)

    @property
    def _scaler(self) -> Any:
        """The loss scaler of fp16, or None."""
        return getattr(self.fabric.strategy.precision, "scaler", None)

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a checkpoint.

        With more processes than before, the memories of the new ones start empty.
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
        try:
            self.tally.merge(self.dataset.still_unreadable(state["unreadable"]))
        except ValueError as error:
            raise self.recorder.unusable(str(error)) from None
        self.skipped = count_of(state)
        self.recorder.restore(state["recorder"])

    def _next(self, batches: Iterator[LoadedBatch]) -> tuple[list[LoadedBatch], str | None]:
        """Return the step's micro-batches on the device, or why there are none."""
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
        images = {d: self.to_device(images) for d, images in batch.images.items()}
        labels = {d: labels.to(device, non_blocking=True) for d, labels in batch.labels.items()}
        return replace(batch, images=images, labels=labels)

    def to_device(self, images: Tensor) -> Tensor:
        """Move images (N, C, H, W) to the device, channels-last."""
        return images.to(self.fabric.device, memory_format=torch.channels_last, non_blocking=True)

    def _noise(self, micro: int) -> Noise:
        c, fabric = self.config, self.fabric
        part = rows(c.samples, c.accumulate, micro, fabric.global_rank, fabric.world_size)
        return Noise(seed_of(c.seed, "noise", self.step), c.samples, part, fabric.device)

    def _preview(self, inputs: LoadedBatch) -> list[Panel]:
        """Make the panels of the sample sheet for fixed inputs."""
        device = self.fabric.device
        count = next(iter(inputs.images.values())).shape[0]
        whole = slice(0, count)
        fixed = Noise(seed_of(self.config.seed, "fixed"), count, whole, device)
        fresh = Noise(seed_of(self.config.seed, "fresh", self.step), count, whole, device)
        given = self._on_device(inputs)
        with self.evaluating() as method:
            return method.preview(Batch(given.images, fixed, given.labels, self.step), fresh)

    @contextmanager
    def evaluating(self) -> Iterator[Method]:
        """Lend the weights that translate, in evaluation mode and without gradients."""
        method = self.translator
        # compiled code is only for the shapes of training
        eagerly = compiling.uncompiled() if self.config.compile else nullcontext()
        method.eval()
        with torch.no_grad(), self.fabric.autocast(), eagerly:
            yield method
        method.train(method is self.method)

    @contextmanager
    def _listening(self) -> Iterator[None]:
        """Make signals only set a flag during training, which the loop reads.

        A signal that was ignored at the start, as SIGHUP under ``nohup``, stays ignored.
        """

        def note(number: int, _: FrameType | None) -> None:
            self._signal = number

        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {s: signal.getsignal(s) for s in STOP_SIGNALS}
        # None: a handler that was not set from Python, and could not be set again
        before = {s: h for s, h in before.items() if h not in (signal.SIG_IGN, None)}
        for number in before:
            signal.signal(number, note)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _place(method: Method, fabric: Fabric) -> Method:
    method.to(fabric.device)
    arrange(method)
    return method


def _build(spec: Optimizer, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
    match spec:
        case Adam(rate, betas, weight_decay):
            return torch.optim.Adam(
                parameters, rate, betas=betas, weight_decay=weight_decay, fused=True
            )
        case RMSprop(rate, alpha, weight_decay):
            return torch.optim.RMSprop(parameters, rate, alpha, weight_decay=weight_decay)


def _match_memory(optimizer: torch.optim.Optimizer) -> None:
    """Give the moments the memory order of their weights, which fused Adam relies on."""
    for weight, moments in optimizer.state.items():
        for name, moment in moments.items():
            if moment.shape == weight.shape:
                moments[name] = torch.empty_like(weight).copy_(moment)


@torch.no_grad()
def _follow(average: Method, method: Method, decay: float) -> None:
    """Move the running average towards the method's weights."""
    current = method.tensors(*method.inference_players)
    mine = average.tensors(*method.inference_players)
    floats = [name for name in mine if mine[name].is_floating_point()]
    torch._foreach_lerp_([mine[n] for n in floats], [current[n] for n in floats], 1 - decay)
    for name in mine.keys() - floats:
        mine[name].copy_(current[name])
