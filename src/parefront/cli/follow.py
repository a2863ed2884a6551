"""``parefront follow``: the stages of a recipe, one run after the other, with a table after each."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from rich.console import Console
from rich.text import Text

from ..config.schema import load_config
from ..evaluators.results.metric import Metric
from ..recipes.following import Following
from ..recipes.row import Row
from ..recipes.shipped import load_recipe, path_of
from ..recipes.table import stage_table
from ..session import default_run, run_folder
from ..terminal.progress import ascii_only, view_for
from .exit_codes import INTERRUPTED
from .quiet import quiet


def run_follow(recipe: str, path: Path, name: str | None, overrides: list[str], as_json: bool, root: Path) -> int:
    """Follow a recipe, or go on with it; returns the exit code.

    Raises:
        ConfigError: where recipe or config cannot be, or a stage was begun with other settings.
        NoCandidate: where nobody meets a stage's budget.
    """
    quiet()
    console = Console(highlight=False, stderr=as_json)
    stages, config = load_recipe(recipe), load_config(path, overrides)
    default = default_run(path, root)
    folder = run_folder(name, root) if name else default.with_name(f"{default.name}-{path_of(recipe).stem}")
    following = Following.from_file(stages, config, path, folder, root)

    def show(rows: Sequence[Row], quality: Metric) -> None:
        console.print(stage_table(rows, quality, console.width, ascii_only=ascii_only(console)))

    try:
        followed = following.follow(lambda stage: view_for(console, f"{folder.name}/{stage}"), show)
    except KeyboardInterrupt:
        with suppress(OSError):  # of a terminal that is gone
            print("interrupted; the same command goes on from there", file=sys.stderr)
        return INTERRUPTED
    if as_json:
        print(json.dumps(followed.to_json(), indent=2, allow_nan=False))
        return 0
    last = followed.runs[-1].path
    console.print(Text(f"the last stage's file: {followed.final.artifact}"), soft_wrap=True)
    again = f"parefront export {shlex.quote(str(last))} --trial {followed.final.trial} -o model.onnx"
    console.print(Text(f"next: {again}", style="dim"), soft_wrap=True)
    return 0
