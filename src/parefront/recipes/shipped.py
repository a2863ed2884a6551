"""Finds a recipe: one of those that are shipped by its name, or any YAML file by its path."""

from __future__ import annotations

from pathlib import Path

from ..config.recipe import RecipeConfig, parse_recipe
from ..config.yaml_mapping import read_yaml_mapping
from ..spaces.errors import ConfigError
from ..spaces.messages import did_you_mean

FOLDER = Path(__file__).parent


def shipped() -> list[str]:
    """The names of the recipes that are shipped."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def load_recipe(name: str | Path) -> RecipeConfig:
    """A recipe by its name or by its path.

    Raises:
        ConfigError: where there is none, naming those that are shipped; and for one that cannot be, in one line.
    """
    path = path_of(name)
    return parse_recipe(read_yaml_mapping(path), path.name)


def path_of(name: str | Path) -> Path:
    """The file of a recipe; a path has a suffix or several parts."""
    given = Path(name)
    if given.suffix or len(given.parts) > 1:
        return given
    if str(name) not in shipped():
        raise ConfigError(f"no recipe {str(name)!r}{did_you_mean(str(name), shipped())}; or the path of a YAML file")
    return FOLDER / f"{name}.yaml"
