"""Loads the task, and teachers, that a config names: ``file.py:callable`` or ``package.module:callable``."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType

from torch import nn

from ..spaces.errors import ConfigError, TaskError
from ..spaces.messages import did_you_mean, kind, one_line
from ..spaces.task import Task


def load_task(spec: str, base: Path) -> Task:
    """Import what ``spec`` names, call it, and return the task it makes.

    Args:
        spec: ``"file.py:callable"``, the file relative to ``base``, or ``"package.module:callable"``. The folder of
            the file (``base`` for a module) is on ``sys.path`` meanwhile, so that the file may import its neighbours.
        base: the folder of the config.

    Raises:
        ConfigError: where ``spec`` names nothing.
        TaskError: where the user's code raises, or returns something else than a ``Task``.
    """
    made = _made_by(spec, base, Wanted("task", "a Task"))
    if not isinstance(made, Task):
        raise TaskError(f"task: {spec}() returned {kind(made)}, expected a parefront.Task")
    return made


def load_teacher(spec: str, base: Path) -> nn.Module:
    """As :func:`load_task`, of a further teacher; raises as it does, where there is no ``torch.nn.Module``, too."""
    made = _made_by(spec, base, Wanted("recover.teachers", "a torch.nn.Module"))
    if not isinstance(made, nn.Module):
        raise TaskError(f"recover.teachers: {spec}() returned {kind(made)}, expected a torch.nn.Module")
    return made.eval()


@dataclass(frozen=True)
class Wanted:
    """What is to be loaded.

    Attributes:
        key: of the config, that messages begin with.
        what: it is, with its article.
    """

    key: str
    what: str


def _made_by(spec: str, base: Path, wanted: Wanted) -> object:
    place, _, name = spec.rpartition(":")
    if not place or not name:
        raise ConfigError(f"{wanted.key}: expected 'file.py:callable' or 'package.module:callable', got {spec!r}")
    is_file = place.endswith(".py")
    path = (base / place).resolve()
    if is_file and not path.is_file():
        raise ConfigError(f"{wanted.key}: there is no file {path}")
    with _importable(path.parent if is_file else base.resolve()):
        module = _import_file(path, wanted) if is_file else _import_module(place, wanted)
        return _call(_find(module, name, place, wanted), f"{place}:{name}", wanted)


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))


def _import_file(path: Path, wanted: Wanted) -> ModuleType:
    name = f"parefront_task_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path, loader=_AsItStands(name, str(path)))
    if spec is None or spec.loader is None:
        raise ConfigError(f"{wanted.key}: {path} cannot be imported as Python")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickle look a class's module up there
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise TaskError(f"{wanted.key}: importing {path} failed: {_what(error)}") from error
    return module


class _AsItStands(SourceFileLoader):
    """Compiles the file anew.

    What Python keeps of it compiled (``__pycache__``) it takes for a file of the same size that was written within the
    same second, as by a script that changes a number in it: a search would go on with the task as it was before.
    """

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self.get_data(self.path), self.path)


def _import_module(name: str, wanted: Wanted) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(error.name + ".")):
            raise ConfigError(f"{wanted.key}: there is no module {name!r}; a file is named with its .py") from error
        raise TaskError(f"{wanted.key}: importing {name} failed: {one_line(error)}") from error
    except (Exception, SystemExit) as error:
        raise TaskError(f"{wanted.key}: importing {name} failed: {_what(error)}") from error


def _find(module: ModuleType, name: str, place: str, wanted: Wanted) -> Callable[[], object]:
    known = [other for other, value in vars(module).items() if callable(value) and not other.startswith("_")]
    found = vars(module).get(name)
    if found is None:
        raise ConfigError(f"{wanted.key}: {place} has no {name!r}" + did_you_mean(name, known))
    if not callable(found):
        raise ConfigError(
            f"{wanted.key}: {place}:{name} is of type {kind(found)}, expected a callable that returns {wanted.what}"
        )
    function: Callable[[], object] = found
    return function


def _call(function: Callable[[], object], name: str, wanted: Wanted) -> object:
    try:
        return function()
    except (ConfigError, TaskError):
        raise
    except (Exception, SystemExit) as error:
        raise TaskError(f"{wanted.key}: {name}() raised {_what(error)}") from error


def _what(error: BaseException) -> str:
    """The error in one line; a task that ends the process has made none."""
    if isinstance(error, SystemExit):
        return f"SystemExit({error.code!r}): sys.exit ends the process; return a parefront.Task, or raise an error"
    return one_line(error)
