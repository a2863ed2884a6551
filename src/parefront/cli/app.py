"""The commands of ``parefront`` and what they take; what one does is in the file of its name, imported when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .. import __version__
from .exit_codes import USAGE
from .starting import starting

app = typer.Typer(
    name="parefront",
    help="Pare a network down to its Pareto front: compressed versions, each measured as an ONNX file on the device.",
    invoke_without_command=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

ConfigFile = Annotated[
    Path, typer.Argument(metavar="CONFIG.yaml", help="The config of the search.", show_default=False)
]
ModelFile = Annotated[Path, typer.Argument(metavar="MODEL.onnx", help="The ONNX file.", show_default=False)]
RunnableFile = Annotated[Path, typer.Argument(metavar="MODEL", help="The file, .onnx or .tflite.", show_default=False)]
RunName = Annotated[str, typer.Argument(metavar="RUN", help="A name under runs/, or a path.", show_default=False)]
Root = Annotated[Path, typer.Option(metavar="DIR", help="The folder of the runs, where plain names are looked up.")]
Where = Annotated[
    list[str] | None,
    typer.Option(metavar="BUDGET", help='Only candidates within it, e.g. "latency <= 0.5x"; may be repeated.'),
]
Device = Annotated[
    list[str] | None,
    typer.Option(metavar="KEY=VALUE", help="E.g. threads=4, or a config file to take it from; may be repeated."),
]
Shape = Annotated[
    list[str] | None, typer.Option(metavar="NAME=1x3x224x224", help="Of an input with free axes; may be repeated.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Put over the config, e.g. search.seed=1; may be repeated."),
]


RUNS = Path("runs")


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"parefront {__version__}")
        raise typer.Exit


@app.callback()
def before_command(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_print_version)
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="With any command: show the traceback of an error.")] = False,
) -> None:
    """Options that stand before the command; ``main`` has taken ``--debug`` by then."""
    if context.invoked_subcommand is None:
        print(context.get_help())
        raise typer.Exit(USAGE)


@app.command(short_help="Search, or go on with, a run.")
def search(
    config: ConfigFile,
    run: Annotated[
        str | None, typer.Option(metavar="NAME", help="Name of the run; by default the config's folder.")
    ] = None,
    trials: Annotated[
        int | None, typer.Option(min=1, help="Policies to try, those of earlier sessions included.")
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(help="Of searching, in all sessions, after which no further trial begins.")
    ] = None,
    patience: Annotated[
        int | None, typer.Option(min=1, help="Trials without growth of the front after which the search ends.")
    ] = None,
    executor: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Where evaluations run: local, pool (processes here) or ray."),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Evaluations at a time, of a pool; more than one mean a pool.")
    ] = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Serve the page of the run meanwhile, on this machine alone.")
    ] = False,
    set_: Set = None,
    root: Root = RUNS,
) -> None:
    """Search compressed versions of the model that CONFIG.yaml names, into runs/NAME.

    Stopped or killed, the same command goes on from there. Ends with the front.
    """
    with starting():
        from .search import run_search
    limits = {"trials": trials, "minutes": None if minutes is None else f"{minutes:f}", "patience": patience}
    given = [f"search.{name}={value}" for name, value in limits.items() if value is not None]
    where = executor or ("pool" if workers is not None and workers > 1 else None)
    given += [f"executor.{key}={value}" for key, value in {"name": where, "workers": workers}.items() if value]
    code = run_search(config, run, [*(set_ or ()), *given], root, watch)
    raise typer.Exit(code)


@app.command(short_help="Show the front of a run.")
def front(run: RunName, where: Where = None, json: Json = False, root: Root = RUNS) -> None:
    """Show the front of a run, finished or not, as a table and a plot or as JSON."""
    from .front import show_front

    show_front(run, tuple(where or ()), json, root)


@app.command(short_help="Write the page of a run.")
def report(
    run: RunName,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="By default report.html in the run's folder."),
    ] = None,
    figure: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the front as a figure for a paper, too: .svg or .png.")
    ] = None,
    model_explorer: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Write node data of the front's files for Google's Model Explorer, too."),
    ] = None,
    beside: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE.onnx",
            help="Measure a smaller network of your own as a landmark of the run first; may be repeated.",
        ),
    ] = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Serve it on this machine instead, updated while the run goes on.")
    ] = False,
    root: Root = RUNS,
) -> None:
    """Write one HTML page of a run, finished or not: which model to ship, the front, what the numbers rest on."""
    if watch:
        from .watching import watch_run

        if output or figure or model_explorer or beside:
            raise typer.BadParameter(
                "--watch writes no file: leave out --output, --figure, --model-explorer and --beside"
            )
        watch_run(run, root)
        return
    if beside:
        from .beside import place_beside

        place_beside(run, beside, root)
    from .report import write_page

    write_page(run, output, figure, model_explorer, root)


@app.command(short_help="Compare the fronts of several runs.")
def compare(
    runs: Annotated[
        list[str], typer.Argument(metavar="RUN RUN …", help="Names under runs/, or paths.", show_default=False)
    ],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE.html", help="Write a page with their fronts, too.")
    ] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown, e.g. for a pull request.")] = False,
    json: Json = False,
    root: Root = RUNS,
) -> None:
    """Compare fronts with that of the first run: hypervolume, and the best quality within several costs."""
    from .compare import compare_runs

    if markdown and json:
        raise typer.BadParameter("give either --markdown or --json, not both")
    compare_runs(runs, output, markdown, json, root)


@app.command(short_help="Tell by an exit code whether a run meets budgets.")
def check(
    run: RunName,
    budget: Annotated[
        list[str] | None,
        typer.Option(metavar="BUDGET", help='E.g. "latency <= 0.5x"; may be repeated. By default those of the run.'),
    ] = None,
    json: Json = False,
    root: Root = RUNS,
) -> None:
    """Show the best model of a run within budgets. Exit code 0 where there is one, 4 where there is none."""
    from .check import check_run

    check_run(run, tuple(budget or ()), json, root)


@app.command("list", short_help="List the runs.")
def list_(json: Json = False, root: Root = RUNS) -> None:
    """List the runs: state, trials, the best within the budget, date and size."""
    from .list import show_list

    show_list(root, json)


@app.command(short_help="Copy one model out of a run.")
def export(
    run: RunName,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The ONNX file to write.")],
    where: Where = None,
    trial: Annotated[int | None, typer.Option(min=0, help="The candidate of this trial.")] = None,
    by: Annotated[
        str | None,
        typer.Option(
            metavar="METRIC",
            help="What the candidate is to be best in; by default the first objective that no budget bounds.",
            show_default=False,
        ),
    ] = None,
    plain: Annotated[
        bool, typer.Option("--plain", help="Weights as plain arrays, no functions: loads where packed ones do not.")
    ] = False,
    opset: Annotated[
        int | None, typer.Option(metavar="13…23", help="In the operators of that version of ONNX; plain, too.")
    ] = None,
    format: Annotated[str, typer.Option("--format", metavar="onnx|openvino|ncnn|tflite", help="Of the file.")] = "onnx",
    root: Root = RUNS,
) -> None:
    """Copy one candidate's ONNX file to FILE and write its policy beside it.

    Without --where it is the best within the run's own budgets: the most accurate within a latency, the fastest within
    an accuracy.
    """
    from .export import FORMATS, ONNX, Form, export_model

    if trial is not None and where:
        raise typer.BadParameter("give either --trial or --where, not both")
    if format not in FORMATS:
        raise typer.BadParameter(f"--format: expected {', '.join(FORMATS)}, got {format}")
    if format != ONNX and opset is not None:
        raise typer.BadParameter(f"--opset is of ONNX files, and --format {format} is none")
    export_model(run, output, tuple(where or ()), trial, by, root, Form(plain, opset, format))


@app.command(short_help="Measure a run's candidates on another device.")
def retarget(
    run: RunName,
    device: Device = None,
    name: Annotated[
        str | None, typer.Option("--run", metavar="NAME", help="Of the new run; by default named after the device.")
    ] = None,
    promising: Annotated[
        bool, typer.Option("--promising", help="Only those that a quarter less of their time would put on the front.")
    ] = False,
    root: Root = RUNS,
) -> None:
    """Measure the candidates of a run on another device; their accuracies are taken over, not measured again."""
    with starting():
        from .retarget import run_retarget
    code = run_retarget(run, list(device or ()), name, promising, root)
    raise typer.Exit(code)


@app.command(short_help="Train members of a run's front.")
def recover(
    run: RunName,
    minutes: Annotated[
        float | None, typer.Option(help="Of training, in all sessions; by default 10, where the config says nothing.")
    ] = None,
    steps: Annotated[int | None, typer.Option(min=0, help="Or so many steps for each member.")] = None,
    where: Where = None,
    set_: Set = None,
    root: Root = RUNS,
) -> None:
    """Train members of a run's front, with the uncompressed network as the teacher, and measure the front again.

    What is not better beyond noise is dropped. Stopped or killed, the same command goes on from there.
    """
    with starting():
        from .recover import run_recover
    code = run_recover(run, minutes, steps, list(where or ()), list(set_ or ()), root)
    raise typer.Exit(code)


@app.command(short_help="Follow a recipe of several stages.")
def follow(
    recipe: Annotated[
        str, typer.Argument(metavar="RECIPE", help="staged, integrated, or a YAML file.", show_default=False)
    ],
    config: ConfigFile,
    run: Annotated[
        str | None, typer.Option(metavar="NAME", help="Of the folder of its runs; by default by config and recipe.")
    ] = None,
    set_: Set = None,
    json: Json = False,
    root: Root = RUNS,
) -> None:
    """Prune, recover, quantise …: each stage of RECIPE starts from the network that the one before it has left.

    Every stage is a run of its own in runs/NAME, followed by a table. Stopped or killed, the same command goes on.
    """
    with starting():
        from .follow import run_follow
    code = run_follow(recipe, config, run, list(set_ or ()), json, root)
    raise typer.Exit(code)


@app.command(short_help="Show layers, groups and knobs of a model.")
def profile(config: ConfigFile, set_: Set = None, json: Json = False) -> None:
    """Show the model's layers, its coupled channels, the knobs, and what is excluded and why. Writes nothing."""
    with starting():
        from .profile import show_profile

    show_profile(config, list(set_ or ()), json)


@app.command(short_help="Measure the latency of a file.")
def measure(
    model: RunnableFile,
    against: Annotated[
        Path | None, typer.Option(metavar="OTHER", help="By default the model itself: that shows the noise.")
    ] = None,
    device: Device = None,
    runtime: Annotated[
        str | None, typer.Option(metavar="NAME", help="Short for --device runtime=NAME, e.g. openvino.")
    ] = None,
    shape: Shape = None,
    batch: Annotated[int, typer.Option(min=1, help="What a free first axis becomes.")] = 1,
    json: Json = False,
) -> None:
    """Measure the latency of a file, interleaved with another one, with 95 % intervals."""
    from .measure import show_latency

    show_latency(
        model,
        against or model,
        [*(device or ()), *([f"runtime={runtime}"] if runtime else [])],
        list(shape or ()),
        batch,
        json,
    )


@app.command(short_help="Show why an ONNX file is, or is not, faster.")
def explain(
    model: ModelFile,
    against: Annotated[Path, typer.Option(metavar="BASE.onnx", help="What it was made from.", show_default=False)],
    device: Device = None,
    shape: Shape = None,
    json: Json = False,
) -> None:
    """Profile an ONNX file and its original, layer by layer, and say what costs time and what would mend it."""
    from .explain import show_explanation

    show_explanation(model, against, list(device or ()), list(shape or ()), json)


@app.command(short_help="Show what a file is and where it comes from.")
def show(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="MODEL.onnx, MODEL.tflite or MODEL.pfz.", show_default=False)
    ],
    json: Json = False,
) -> None:
    """Show inputs, outputs, operators and opsets of a file; of an exported one also its run and measurements."""
    with starting():
        from .show import show_file

    show_file(file, json)


@app.command(short_help="Make an ONNX file smaller to keep or send.")
def pack(
    model: ModelFile,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="MODEL.pfz", help="The file to write.")],
) -> None:
    """Entropy-code an ONNX file. It has to be unpacked to be run, to the same bytes."""
    with starting():
        from .pack import pack_model

    pack_model(model, output)


@app.command(short_help="Restore a packed ONNX file.")
def unpack(
    packed: Annotated[Path, typer.Argument(metavar="MODEL.pfz", help="The packed file.", show_default=False)],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="MODEL.onnx", help="The ONNX file to write.")],
) -> None:
    """Restore the ONNX file that was packed, byte for byte; Python reads it with parefront.load_packed."""
    with starting():
        from .pack import unpack_model

    unpack_model(packed, output)


@app.command(short_help="Show every key of the config, with its meaning.")
def options(
    sections: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[SECTION …]",
            help="config, device, search, recover, recipe …, the name of a compressor or of a sampler; by default all.",
            show_default=False,
        ),
    ] = None,
    json: Json = False,
    json_schema: Annotated[
        bool, typer.Option("--json-schema", help="Print the JSON Schema of the config, or of one section.")
    ] = False,
) -> None:
    """Show the keys that a config may hold, with type, default and meaning; those of installed plug-ins, too."""
    with starting():
        from .options import show_options

    show_options(tuple(sections or ()), json, json_schema)


@app.command(short_help="Show what this machine has.")
def doctor(json: Json = False) -> None:
    """Show what this machine has, what is missing, and how to get it."""
    from .doctor import show_doctor

    show_doctor(json)
