"""What PyTorch's pickles describe, found out without building any of it.

A pickle is a program for a small machine. Here its steps are followed, but a tensor is only noted
down and no class or function is called, so that nothing in a file costs more than its own bytes.
"""

from __future__ import annotations

import io
import pickletools
from collections.abc import Callable
from typing import Any, NamedTuple

from crossimage.utils.texts.shown import cut, shown

MAX_WORK = 700_000
"""Work that the steps of a pickle may be; a tensor takes about 70."""
_MAX_DEPTH = 32
_MAX_VALUES = 1_500_000
_MARK = object()


class GlobalName(NamedTuple):
    """A class or function that a pickle names."""

    name: str


class Storage(NamedTuple):
    """The memory of tensors.

    Attributes:
        key: Its name in the file.
        kind: The name of its class, such as ``FloatStorage``.
        size: Number of its elements.
    """

    key: str
    kind: str
    size: int


class PickledTensor(NamedTuple):
    """A tensor in a pickle.

    Attributes:
        storage: Its memory.
        offset: Index of its first element there.
        shape: Its shape.
        strides: Distances between neighbours along each dimension, in elements.
    """

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class Other:
    """An object that is not built."""


_HOLDERS = {dict, list, tuple, set}


_TENSORS = ("torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2",
            "torch._utils._rebuild_tensor_v3")  # fmt: skip
_PARAMETERS = ("torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state")
_TYPED = ("torch._tensor._rebuild_from_type_v2", "torch._tensor._rebuild_from_type")
_COLLECTIONS = ("builtins.set", "__builtin__.set", "builtins.frozenset", "builtins.bytearray",
                "__builtin__.bytearray", "torch.Size", "collections.Counter")  # fmt: skip


def follow(content: io.BytesIO, most: int = MAX_WORK) -> Any:
    """Return what one pickle describes, and leave ``content`` behind it.

    Args:
        content: The bytes that it begins.
        most: How much work its steps may be, in that of pushing a number.

    Returns:
        Plain values; :class:`PickledTensor` for tensors and :class:`Other` for other objects.

    Raises:
        ValueError: It is not a pickle, or not one of plain data and tensors.
    """
    machine, work, name = _Machine(), 0, ""
    try:
        for opcode, argument, _ in pickletools.genops(content):
            name = opcode.name
            work += _WORK.get(name, 2)
            if work > most:
                raise ValueError(
                    "its pickle has more steps than the networks of any checkpoint need; save "
                    "their state_dict() alone"
                )
            machine.step(name, argument)
    except (IndexError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"its pickle is damaged at {name} ({cut(error)})") from None
    return machine.result


def total(content: Any, number: Callable[[PickledTensor], int]) -> int:
    """Return the sum of a number over all tensors in a pickle's value.

    What is referred to several times is looked at once, and counts each time.

    Args:
        content: The value, as :func:`follow` returns it.
        number: The number of a tensor.

    Raises:
        ValueError: Its values are nested too deeply or in themselves, or are too many.
    """
    known: dict[int, tuple[int, int, int]] = {}

    def measure(value: Any, depth: int) -> tuple[int, int, int]:
        """Return the sum, the number of values and the levels below this one."""
        kind = type(value)
        if kind is PickledTensor:
            return number(value), 1, 0
        if kind not in _HOLDERS:
            return 0, 1, 0
        if depth >= _MAX_DEPTH:
            raise _too_deep()
        seen = known.get(id(value))
        if seen is None:
            sum_, count, levels = 0, 1, 1
            for item in value.values() if kind is dict else value:
                more, values, below = measure(item, depth + 1)
                sum_, count = sum_ + more, count + values
                if below >= levels:
                    levels = below + 1
                if count > _MAX_VALUES:
                    raise ValueError(f"it holds more than {_MAX_VALUES:,} values")
            known[id(value)] = seen = sum_, count, levels
        if depth + seen[2] > _MAX_DEPTH:
            raise _too_deep()
        return seen

    return measure(content, 0)[0]


def _too_deep() -> ValueError:
    return ValueError(f"its values are nested more than {_MAX_DEPTH} deep, or in themselves")


class _Machine:
    """Follows the steps of a pickle."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self.result: Any = None

    def step(self, name: str, argument: Any) -> None:
        """Follow one step."""
        if name in _PLAIN:
            self.stack.append(argument)
        elif name in _MADE:
            self.stack.append(_MADE[name]())
        elif handler := _STEPS.get(name):
            handler(self, argument)
        else:
            raise ValueError(f"its pickle holds the step {name}, expected plain data")

    def _nothing(self, _: Any) -> None:
        pass

    def _put(self, place: int) -> None:
        self.memo[place] = self.stack[-1]

    def _memoize(self, _: Any) -> None:
        self.memo[len(self.memo)] = self.stack[-1]

    def _get(self, place: int) -> None:
        self.stack.append(self.memo[place])

    def _marked(self) -> list[Any]:
        """Take the values behind the last mark."""
        place = len(self.stack) - 1
        while self.stack[place] is not _MARK:
            place -= 1
            if place < 0:
                raise IndexError("no mark")
        values = self.stack[place + 1 :]
        del self.stack[place:]
        return values

    def _mark(self, _: Any) -> None:
        self.stack.append(_MARK)

    def _stop(self, _: Any) -> None:
        self.result = self.stack.pop()

    def _pop(self, _: Any) -> None:
        self.stack.pop()

    def _pop_mark(self, _: Any) -> None:
        self._marked()

    def _dup(self, _: Any) -> None:
        self.stack.append(self.stack[-1])

    def _tuple(self, _: Any) -> None:
        self.stack.append(tuple(self._marked()))

    def _list(self, _: Any) -> None:
        self.stack.append(self._marked())

    def _first(self, count: int) -> None:
        values = self.stack[-count:]
        del self.stack[-count:]
        self.stack.append(tuple(values))

    def _tuple1(self, _: Any) -> None:
        self._first(1)

    def _tuple2(self, _: Any) -> None:
        self._first(2)

    def _tuple3(self, _: Any) -> None:
        self._first(3)

    def _append(self, _: Any) -> None:
        value = self.stack.pop()
        self._extend([value])

    def _appends(self, _: Any) -> None:
        self._extend(self._marked())

    def _extend(self, values: list[Any]) -> None:
        if isinstance(self.stack[-1], list):
            self.stack[-1].extend(values)
        elif not isinstance(self.stack[-1], Other):
            raise TypeError("not a list")

    def _dict(self, _: Any) -> None:
        values = self._marked()
        self.stack.append({})
        self._set(values)

    def _setitem(self, _: Any) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self._set([key, value])

    def _setitems(self, _: Any) -> None:
        self._set(self._marked())

    def _set(self, values: list[Any]) -> None:
        target = self.stack[-1]
        if isinstance(target, dict):
            target |= {_key(key): value for key, value in zip(*[iter(values)] * 2, strict=True)}
        elif not isinstance(target, Other):
            raise TypeError("not a dictionary")

    def _additems(self, _: Any) -> None:
        self.stack[-1] |= {_key(value) for value in self._marked()}

    def _frozenset(self, _: Any) -> None:
        self.stack.append({_key(value) for value in self._marked()})

    def _global(self, argument: str) -> None:
        self.stack.append(GlobalName(argument.replace(" ", ".", 1)))

    def _stack_global(self, _: Any) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        self.stack.append(GlobalName(f"{module}.{name}"))

    def _reduce(self, _: Any) -> None:
        arguments, function = self.stack.pop(), self.stack.pop()
        self.stack.append(_called(function, arguments))

    def _newobj_ex(self, _: Any) -> None:
        self.stack.pop()
        self._reduce(None)

    def _inst(self, argument: str) -> None:
        module, _, name = argument.partition(" ")
        self.stack.append(_called(GlobalName(f"{module}.{name}"), tuple(self._marked())))

    def _obj(self, _: Any) -> None:
        function, *arguments = self._marked()
        self.stack.append(_called(function, tuple(arguments)))

    def _build(self, _: Any) -> None:
        self.stack.pop()  # attributes, of which none matters
        if isinstance(self.stack[-1], PickledTensor | Storage):
            raise ValueError("it holds a tensor with attributes, which is not read")

    def _binpersid(self, _: Any) -> None:
        marker, kind, key, _location, size, *_view = self.stack.pop()
        if marker != "storage" or not isinstance(kind, GlobalName) or not _is_count(size):
            raise ValueError("it refers to something other than the memory of tensors")
        self.stack.append(Storage(str(key), kind.name.rpartition(".")[2], size))


def _called(function: Any, arguments: Any) -> Any:
    """Return what calling a function would make, as far as it is a tensor or plain data."""
    name = function.name if isinstance(function, GlobalName) else ""
    if name in _TENSORS:
        storage, offset, shape, strides = arguments[:4]
        numbers = [offset, *shape, *strides]
        if not isinstance(storage, Storage) or len(shape) != len(strides):
            raise ValueError("it holds a tensor without memory")
        if not all(map(_is_count, numbers)):
            raise ValueError(f"it holds a tensor of the shape {shown(shape)}")
        return PickledTensor(storage, offset, tuple(shape), tuple(strides))
    if name in _PARAMETERS:
        return arguments[0]
    if name in _TYPED:
        return _called(arguments[0], arguments[2])
    if name == "collections.OrderedDict":
        return {_key(key): value for key, value in (arguments[0] if arguments else ())}
    if name in _COLLECTIONS:
        if any(not isinstance(value, list | tuple | set | dict | bytes) for value in arguments):
            raise ValueError(f"it holds a {name} made of {shown(arguments)}")
        return list(*arguments)
    last = name.rpartition(".")[2]
    if name.startswith("torch.") and (last.startswith("_rebuild") or last in _NOT_READ):
        raise ValueError(f"it holds a tensor of a kind that is not read ({cut(name)})")
    return Other()


_NOT_READ = ("Tensor", "Parameter", "Buffer", "UninitializedParameter")


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**62


def _key(value: Any) -> Any:
    """Return a key of a dictionary; keys that cannot be hashed safely are refused."""
    if isinstance(value, str | int | float | bytes | None | GlobalName | Other):
        return value
    if type(value) is tuple and all(isinstance(v, str | int | float | None) for v in value):
        return value
    raise ValueError(f"it holds a dictionary with the key {shown(value)}")


_PLAIN = {
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "STRING", "BINSTRING",
    "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BINBYTES",
    "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8", "FLOAT", "BINFLOAT",
}  # fmt: skip
_MADE: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None, "NEWTRUE": lambda: True, "NEWFALSE": lambda: False,
    "EMPTY_LIST": list, "EMPTY_DICT": dict, "EMPTY_TUPLE": tuple, "EMPTY_SET": set,
}  # fmt: skip
_ALIASES = {
    "PROTO": "nothing", "FRAME": "nothing", "BINPUT": "put", "LONG_BINPUT": "put",
    "BINGET": "get", "LONG_BINGET": "get", "NEWOBJ": "reduce",
}  # fmt: skip
_STEPS: dict[str, Callable[[_Machine, Any], None]] = {
    opcode.name: getattr(_Machine, f"_{_ALIASES.get(opcode.name, opcode.name.lower())}")
    for opcode in pickletools.opcodes
    if hasattr(_Machine, f"_{_ALIASES.get(opcode.name, opcode.name.lower())}")
}
_WORK = dict.fromkeys(_PLAIN | {"NONE", "NEWTRUE", "NEWFALSE"}, 1) | {
    "GLOBAL": 500, "STACK_GLOBAL": 500, "INST": 500, "REDUCE": 6, "NEWOBJ": 6, "OBJ": 6,
}  # fmt: skip
"""The work of a step, in that of pushing a number; that of all others is 2. PyTorch takes long to
look up a name or to build an object."""
