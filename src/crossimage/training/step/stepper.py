"""One training step: takes a method's moves one at a time and steps the players' optimizers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import torch
from torch import Tensor, nn

from crossimage.config import Config
from crossimage.data.loader import LoadedBatch
from crossimage.data.sampler import rows
from crossimage.methods.base import Batch, Method, Noise
from crossimage.networks.layers.convolution import arrange
from crossimage.networks.layers.saving import forget_matrices
from crossimage.training.processes.communication import Processes
from crossimage.training.recorder import Recorder
from crossimage.training.schedule.learning_rate import decayed_learning_rate
from crossimage.training.step import compile as compiling
from crossimage.training.step.augmentation import StepAugmentation
from crossimage.training.step.game import check_gradient, check_update, explain_no_move
from crossimage.training.step.optimizers import build_optimizer, match_memory
from crossimage.training.step.skipping import (
    SkippedMove,
    SkippedSteps,
    Snapshot,
    all_finite,
    count_of,
)
from crossimage.utils.seeds import seed_of

if TYPE_CHECKING:
    from lightning_fabric import Fabric


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


class Stepper:
    """Owns a method's weights, their running average and the optimizers, and makes steps.

    A step is a pure function of (weights, seed, step number, process).

    Args:
        method: The method to train; moved to the fabric's device.
        config: Its configuration.
        fabric: Launched Fabric: device, precision.
        processes: The run's processes.
        recorder: Receives moves that are skipped and messages.

    Attributes:
        step: Number of completed steps.
        players: Parameters by player.
        optimizers: By player.
        average: The running average of the generators; None if there is none.
        skipped: Counts of the steps with a skipped move.
    """

    def __init__(
        self,
        method: Method,
        config: Config,
        fabric: Fabric,
        processes: Processes,
        recorder: Recorder,
    ) -> None:
        self.config, self.fabric = config, fabric
        self.processes, self.recorder = processes, recorder
        self.method = _place(method, fabric).train()
        self.average = None
        if config.ema_decay:
            self.average = _place(type(method)(config, training=False), fabric).eval()
            self.average.load_state_dict(method.tensors(*method.inference_players, *method.fixed()))
            self._following = _Following(self.average, self.method)
        self.players = {name: list(net.parameters()) for name, net in method.players().items()}
        specs = method.optimizers()
        self.rates = {name: specs[name].learning_rate for name in self.players}
        self.optimizers = {
            name: cast(
                torch.optim.Optimizer, fabric.setup_optimizers(build_optimizer(specs[name], net))
            )
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
        self.augmentation = StepAugmentation(method, config, processes, fabric.device)
        self.step = 0
        self.skipped = SkippedSteps()
        self._snapshot = Snapshot(self.method)
        self._moving = set(self.players)
        self._to_compile = set(self.players) if config.compile else set()
        self._moved = False

    @property
    def _weights(self) -> object:
        """The weights of the loss terms at the current step."""
        return self.method.loss_weights(self.step)

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
            self._following.move(min(self.config.ema_decay, young))
        strength = self.augmentation.end_step("discriminators" in self._moving, bool(skipped))
        self.step, self._moved = self.step + 1, False
        # the mean over several moves of a player in one step
        means = {key: sum(values[1:], values[0]) / len(values) for key, values in logs.items()}
        return means | strength

    def abandon(self) -> None:
        """Leave a step in which an error occurred, and which cannot be repeated if a player moved.

        Such a step counts as one that was skipped.
        """
        if self._moved:
            self._snapshot.restore()
            self.skipped.add(True)
            self.step, self._moved = self.step + 1, False

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
        self.augmentation.begin_step()
        for move in count():
            logs: dict[str, Tensor] = {}
            descended: Tensor | None = None
            for micro, flow in enumerate(flows):
                numbers = self._noise(micro, "augment", move)
                with fabric.autocast(), self.augmentation.of_move(numbers):
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

    def _noise(self, micro: int, purpose: str = "noise", *number: int) -> Noise:
        c, fabric = self.config, self.fabric
        part = rows(c.samples, c.accumulate, micro, fabric.global_rank, fabric.world_size)
        seed = seed_of(c.seed, purpose, self.step, *number)
        return Noise(seed, c.samples, part, fabric.device)

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
        forget_matrices()
        return finite

    def _report_skipped(self, descent: _Descent, micro_batches: list[LoadedBatch]) -> None:
        """Report to the recorder which move was skipped, and the images of the step."""
        terms = [name for name, value in descent.losses.items() if not value.isfinite()]
        files = [file for loaded in micro_batches for file in loaded.files]
        seen = self.processes.gather((terms, files))
        move = SkippedMove.combine(self.step + 1, descent.players, seen)
        self.recorder.skip(move, self.skipped.total)

    def compile(self, micro_batches: list[LoadedBatch]) -> None:
        """Compile the players that move and are not compiled; later stages' are left for then."""
        if not self._moving & self._to_compile:
            return

        def gradients() -> Iterator[tuple[str, ...]]:
            yield from (descent.players for descent in self._descents(micro_batches))

        compiling.compile_players(
            self.method, self._to_compile, gradients, self.processes, self.recorder.listener
        )

    def uncompiled(self) -> AbstractContextManager[None]:
        """Return a context for images of other shapes than those of training."""
        return compiling.uncompiled() if self.config.compile else nullcontext()

    def learning_rate(self, step: int, rate: float | None = None) -> float:
        """Return the learning rate after ``step`` steps.

        Args:
            step: Number of steps made.
            rate: A player's rate before any decay; by default the config's.
        """
        rate = self.config.learning_rate if rate is None else rate
        return float(decayed_learning_rate(rate, self.config, step) * self.method.rate_factor(step))

    def all_finite(self) -> bool:
        """Return whether all weights are finite."""
        finite = [p.isfinite().all() for weights in self.players.values() for p in weights]
        return bool(torch.stack(finite).all())

    def state(self) -> dict[str, Any]:
        """Return the state of weights, optimizers and counts, without the method's memory."""
        scaler = self._scaler
        return {
            "step": self.step,
            "method": self.method.tensors(),
            "average": self.average.state_dict() if self.average else None,
            "optimizers": {name: o.state_dict() for name, o in self.optimizers.items()},
            "scaler": scaler.state_dict() if scaler else None,
            "skipped": self.skipped.state(),
            "augmentation": self.augmentation.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a checkpoint.

        With more processes than before, the memories of the new ones start empty.
        """
        self.step = state["step"]
        self.method.load_state_dict(state["method"], strict=False)
        for memory in state["memories"][self.fabric.global_rank :][:1]:
            self.method.load_state_dict(memory, strict=False)
        if self.average is not None:
            self.average.load_state_dict(state["average"])
        for name, optimizer in self.optimizers.items():
            optimizer.load_state_dict(state["optimizers"][name])
            match_memory(optimizer)
        if self._scaler is not None:
            self._scaler.load_state_dict(state["scaler"])
        self.skipped = count_of(state)
        self.augmentation.restore(state.get("augmentation"))

    @property
    def _scaler(self) -> Any:
        """The loss scaler of fp16, or None."""
        return getattr(self.fabric.strategy.precision, "scaler", None)


def _place(method: Method, fabric: Fabric) -> Method:
    method.to(fabric.device)
    arrange(method)
    return method


class _Following:
    """Moves a running average towards a method's weights, all of which stay where they are."""

    def __init__(self, average: Method, method: Method) -> None:
        mine = average.tensors(*method.inference_players)
        current = method.tensors(*method.inference_players)
        self._floats = [name for name in mine if mine[name].is_floating_point()]
        self._others = [(mine[name], current[name]) for name in mine.keys() - self._floats]
        self._mine, self._current = ([t[n] for n in self._floats] for t in (mine, current))

    @torch.no_grad()
    def move(self, decay: float) -> None:
        """Keep a fraction of the average."""
        torch._foreach_lerp_(self._mine, self._current, 1 - decay)
        for mine, current in self._others:
            mine.copy_(current)
