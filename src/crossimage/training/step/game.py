"""Checks that a method keeps the rules of the game: complete players, and well-formed moves."""

from __future__ import annotations

from torch import Tensor, nn

from crossimage.methods.base import Method, Update
from crossimage.utils.names import did_you_mean
from crossimage.utils.seeds import OwnRandomNumbers


def check_players(method: Method) -> None:
    """Check that a method that was built for training loses nothing that it learns.

    Call it before :meth:`Method.build_fixed_networks`: until then all that a method holds belongs
    to its players or to its memory.

    Raises:
        ValueError: A player is not built, parameters or buffers belong to no player, or
            ``inference_players`` are not the players that are built without training.
    """
    kind, players = type(method).__name__, method.players()
    for player in method.player_order:
        if not isinstance(players.get(player), nn.Module):
            raise ValueError(
                f"{kind}: player_order names {player}, which is not a module of the method; "
                f"build it in __init__ as self.{player}, or remove the name"
            )
        if not any(True for _ in players[player].parameters()):
            raise ValueError(f"{kind}: the player {player} has no parameters, so it cannot move")
    kept = method.tensors().keys() | method.memory().keys()
    for name, tensor in method.state_dict(keep_vars=True).items():
        if name not in kept:
            raise ValueError(_stray(kind, name, isinstance(tensor, nn.Parameter)))
    with OwnRandomNumbers(0):
        built = set(type(method)(method.config, training=False).players())
    for player in method.inference_players:
        if player not in built:
            raise ValueError(
                f"{kind}: {player} is in inference_players, but is not built with training=False; "
                "build it always"
            )
    for player in method.player_order:
        if player in built and player not in method.inference_players:
            raise ValueError(
                f"{kind}: {player} is built with training=False, but model files would lack it; "
                "add it to inference_players, or build it only if training is true"
            )


def _stray(kind: str, name: str, learned: bool) -> str:
    """Return a sentence about a parameter or buffer that belongs to no player."""
    owner, inside, _ = name.partition(".")
    what = "parameters" if learned else "buffers"
    if not inside:
        advice = "return it from memory()" if not learned else "move it into a module that does"
        return f"{kind}: {owner} belongs to no player; {advice}"
    fixed = "or build it in build_fixed_networks if it is fixed"
    return f"{kind}: {owner} has {what} but belongs to no player; add it to player_order, {fixed}"


def check_update(method: Method, update: Update, weights: object) -> None:
    """Check that a move names players of a method, and terms that can be summed.

    Args:
        method: The method.
        update: What its training step yielded.
        weights: The weights of the terms, by name.

    Raises:
        ValueError: A player is unknown, or a term has no weight or is not a scalar.
    """
    kind = type(method).__name__
    if not isinstance(update, Update):
        raise ValueError(
            f"{kind}: training_step yielded a {type(update).__name__}; expected an Update"
        )
    for player in update.players:
        if player not in method.player_order:
            hint = did_you_mean(player, method.player_order) or ";"
            players = ", ".join(method.player_order)
            raise ValueError(
                f"{kind}: an Update names the unknown player '{player}'{hint} "
                f"the players are {players}"
            )
    for name, value in update.losses.items():
        term = f"{kind}: the term '{name}' of {update.player}"
        if not hasattr(weights, name):
            raise ValueError(f"{term} has no weight; add {name} to the config's weights")
        if not isinstance(value, Tensor) or value.dim():
            found = f"shape {tuple(value.shape)}" if isinstance(value, Tensor) else repr(value)
            raise ValueError(f"{term} has {found}; expected a scalar tensor, such as its mean")


def check_gradient(method: Method, update: Update, total: Tensor) -> None:
    """Check that the weighted sum of a move's terms depends on any parameters.

    Raises:
        ValueError: It does not, for instance because all terms are detached.
    """
    if not total.requires_grad:
        raise ValueError(
            f"{type(method).__name__}: no term of {update.player} depends on parameters, of "
            f"{', '.join(update.losses)}; compute one from the players' outputs, not detached"
        )


def explain_no_move(method: Method, weights: object, step: int) -> ValueError:
    """Return the error of a step in which no player moved.

    Args:
        method: The method.
        weights: The weights of its terms.
        step: Number of the step, from 1.
    """
    if not any(vars(weights).values()):
        return ValueError("all weights are 0, so there is nothing to train; set some")
    return ValueError(
        f"{type(method).__name__}: step {step} made no move; training_step must yield an Update "
        "with at least one loss term, whose weight in the config is above 0"
    )


def explain_no_scores(method: Method) -> ValueError:
    """Return the error of a method whose augmentation cannot be adapted."""
    return ValueError(
        f"augment=adaptive follows the scores of real images, and {type(method).__name__} computes "
        "its loss of the discriminators without them; use crossimage.losses.discriminator_loss, or "
        "pass them to crossimage.networks.augmentation.discriminators.note_real in that move, or "
        "choose augmentations that are always made, such as augment=color,translation,cutout"
    )
