"""Write the reference pages that follow from the code: commands, keys of files, settings, API; and copy the notebooks.

``python docs/generate.py`` writes them to ``docs/generated``; the build does it by itself. Nothing here lists modules,
options or keys by hand: a page follows the code when that moves.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pkgutil
import re
import sys
import tomllib
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import typer
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from csmoifsa_energy.checks import MADE
from csmoifsa_energy.describe import attributes_of

ROOT = Path(__file__).parents[1]
MARKUP = re.compile(r"\[/?(?:bold|italic|dim|red|yellow)\]")  # of the terminal


def generate_all(folder: Path) -> None:
    """Write every generated page below ``folder``; a page that has not changed keeps its date."""
    pages = {
        "commands.md": commands_page(),
        "scenario-keys.md": scenario_page(),
        "aggregator-keys.md": aggregator_page(),
        "suite-keys.md": model_page("Keys of a suite", SUITE, find_class("csmoifsa_bench", "Suite")),
        "settings.md": settings_page(),
        **api_pages(),
        **{
            f"notebooks/{path.name}": path.read_text(encoding="utf-8")
            for path in sorted(ROOT.glob("notebooks/*.ipynb"))
        },
    }
    for name, text in pages.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
    for path in folder.rglob("*.*"):
        if path.is_file() and str(path.relative_to(folder).as_posix()) not in pages:
            path.unlink()


# ---------------------------------------------------------------------------------------------------------- finding
def packages() -> list[str]:
    """Return the names of this project's top packages: what the wheel holds."""
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]["targets"]
    return [Path(path).name for path in wheel["wheel"]["packages"]]


def modules(package: str) -> Iterator[types.ModuleType]:
    """Import and yield every module of a package, packages before what is in them."""
    top = importlib.import_module(package)
    yield top
    for info in pkgutil.walk_packages(top.__path__, f"{package}."):
        if not info.name.endswith("__main__"):
            yield importlib.import_module(info.name)


def find_class(package: str, name: str) -> type:
    """Return the class of that name that a package defines, wherever in it.

    Raises
    ------
    LookupError
        No module of the package defines it.
    """
    for module in modules(package):
        found = vars(module).get(name)
        if inspect.isclass(found) and found.__module__ == module.__name__:
            return found
    raise LookupError(f"{package} defines no class {name}; the reference page that describes it has to follow")


# --------------------------------------------------------------------------------------------------------- commands
def commands_page() -> str:
    """Return the page of the command line, from the typer application itself."""
    from csmoifsa.cli import app

    lines = [
        "# Commands",
        "",
        "Every command with its arguments, options and defaults, as `--help` shows them. Wrong input ends with one",
        "sentence and exit code 2; a run that found no feasible point ends with exit code 1.",
        "",
    ]
    root = typer.main.get_command(app)
    lines += command_section(root, "csmoifsa", None)
    return "\n".join(lines) + "\n"


def command_section(command: Any, path: str, parent: Any) -> list[str]:
    """Return the lines on one command and on the commands below it."""
    context = command.make_context(path, [], parent=parent, resilient_parsing=True)
    names = command.list_commands(context) if hasattr(command, "list_commands") else []
    lines = [f"{'#' * min(path.count(' ') + 2, 4)} {path}", ""]
    parameters = [p for p in command.params if p.name != "help"]
    if not names:
        wanted = [placeholder(p) for p in parameters if p.param_type_name == "argument"]
        lines += ["```text", " ".join([path, *wanted, "[OPTIONS]"]), "```", ""]
    lines += help_lines(command.help or "")
    if parameters:
        lines += ["| argument or option | default | meaning |", "|---|---|---|"]
        lines += [parameter_row(p) for p in parameters]
        lines += [""]
    for name in names:
        lines += command_section(command.get_command(context, name), f"{path} {name}", context)
    return lines


def help_lines(text: str) -> list[str]:
    """Return a help text as Markdown; lines that begin with "Example:" become blocks of code."""
    lines = []
    for paragraph in inspect.cleandoc(MARKUP.sub("", text)).replace("\b", "").split("\n\n"):
        example = re.match(r"Example:\s+(.*)", paragraph, re.DOTALL)
        lines += (
            ["Example:", "", "```sh", " ".join(example[1].split()), "```", ""] if example else [escape(paragraph), ""]
        )
    return lines


def parameter_row(parameter: Any) -> str:
    """Return one row of a command's table."""
    default = parameter.default
    shown = "required" if parameter.required else "" if default in (None, [], (), False, "") else f"`{default}`"
    if parameter.param_type_name == "argument":
        name = f"`{placeholder(parameter)}`"
    else:
        name = ", ".join(f"`{one}`" for one in [*parameter.opts, *parameter.secondary_opts])
        if isinstance(default, bool):
            shown = f"`{(parameter.opts if default else parameter.secondary_opts or [''])[0]}`".replace("``", "")
        elif not parameter.is_flag:
            name += f" `{placeholder(parameter)}`"
    return f"| {name} | {shown} | {escape(MARKUP.sub('', parameter.help or ''))} |"


def placeholder(parameter: Any) -> str:
    """Return the word that stands for a value, such as DIR."""
    return parameter.metavar or parameter.name.upper()


def escape(text: str) -> str:
    """Return text of a docstring or help as one line of a Markdown table; names in backticks stay code."""
    parts = re.split(r"(`[^`]*`)", " ".join(text.replace("``", "`").split()))
    return "".join(one if one.startswith("`") else re.sub(r"([|<>*_\[\]])", r"\\\1", one) for one in parts)


# ------------------------------------------------------------------------------------------------------ keys of files
SCENARIO = """\
A scenario is a TOML file that holds what differs from a bundled case; `csmoifsa ev init my.toml` writes one with
comments, and `csmoifsa ev check my.toml` names everything that is wrong with it. Beside the keys below,

* `base` at the top names the bundled case to build on (`paper-2022`, whose values are shown, `paper-2022-fitted`,
  `duke-2017` or `calgary-2022`), or another file, as a path that ends in `.toml` and starts at the folder of this one;
* `[tariff] file = "tariff.json"` and `day` take hours and prices in force from a tariff file, in place of the windows;
* `[response] set = "population-easy"` takes a bundled set of responses,
  [each number with its source](../explanation/evidence.md); keys beside it replace the set's;
* `vehicles = "types.csv"` in `[fleet]` reads the vehicle types from a table.

Relative paths start at the folder of the scenario file."""

SUITE = """\
A suite is a TOML file that says which algorithms meet on which problems, how often and at what cost;
[Compare algorithms](../how-to/compare-algorithms.md) shows a whole one."""


def model_page(title: str, introduction: str, model: type, values: dict[str, Any] | None = None) -> str:
    """Return the page of a file's keys, from the model that checks the file and the ``values`` of a bundled file."""
    return "\n".join([f"# {title}", "", introduction, "", *model_section(model, "", "At the top", values)]) + "\n"


def model_section(model: type, path: str, heading: str, values: dict[str, Any] | None = None) -> list[str]:
    """Return the lines on one table of a file and on the tables in it."""
    lines = [f"## {heading}", ""]
    lines += [escape(inspect.cleandoc(model.__doc__ or "").split("\n\n")[0]), ""]
    lines += ["| key | type | default | meaning |", "|---|---|---|---|"]
    told, below = {name: escape(text) for name, text in attributes_of(model).items()}, []
    texts = list(told.values())
    for name, annotation, default in fields_of(model):
        inner = next((kind for kind in leaves(annotation) if is_model(kind)), None)
        many = inner is not None and any(get_origin(a) in (tuple, list) for a in (annotation, *get_args(annotation)))
        place = f"{path}.{name}" if path else name
        meaning, value = told.get(name, ""), (values or {}).get(name)
        if inner is not None:
            bracket = f"[[{place}]]" if many else f"[{place}]"
            meaning = f"{meaning if texts.count(meaning) == 1 else ''} See `{bracket}`.".strip()
            value = value[0] if many and value else value
            below.append((inner, place, f"`{bracket}`", value if isinstance(value, dict) else None))
        if value is not None:
            default = "of the case" if isinstance(value, dict) or len(str(value)) >= 40 else shown_default(value, None)
        lines.append(f"| `{name}` | {kind_of(annotation)}{range_of(model, name)} | {default} | {meaning} |")
    lines.append("")
    for inner, place, title, inside in below:
        lines += model_section(inner, place, title, inside)
    return lines


def range_of(model: type, name: str) -> str:
    """Return the closed range that a field of a dataclass declares, such as ", 0 to 1"."""
    field = next((one for one in getattr(model, "__dataclass_fields__", {}).values() if one.name == name), None)
    if field is None or "range" not in field.metadata:
        return ""
    low, high = field.metadata["range"]
    return f", {low:,.12g} to {high:,.12g}"


def is_model(kind: Any) -> bool:
    """Return whether a type is one of our tables."""
    return inspect.isclass(kind) and (dataclasses.is_dataclass(kind) or issubclass(kind, BaseModel))


def fields_of(model: Any) -> Iterator[tuple[str, Any, str]]:
    """Yield name, type and default, as it is to be shown, of each key of a table."""
    if issubclass(model, BaseModel):
        for name, field in model.model_fields.items():
            yield name, field.annotation, shown_default(field.default, field.default_factory)
        return
    hints = get_type_hints(model)
    for field in dataclasses.fields(model):
        if field.init and field.metadata != MADE:
            default = PydanticUndefined if field.default is dataclasses.MISSING else field.default
            factory = None if field.default_factory is dataclasses.MISSING else field.default_factory
            yield field.name, hints[field.name], shown_default(default, factory)


def shown_default(default: Any, factory: Any) -> str:
    """Return how a default is shown: "required" where there is none, empty where leaving out means "not there"."""
    if factory is not None:
        default = factory()
    if default is PydanticUndefined:
        return "required"
    if default is None or default in ("", (), {}, []) or is_model(type(default)):
        return ""
    if isinstance(default, tuple | list):
        return ", ".join(f"`{one}`" for one in default)
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def leaves(annotation: Any) -> list[Any]:
    """Return the plain types that a type is made of."""
    inner = get_args(annotation)
    if not inner or get_origin(annotation) is Literal:
        return [annotation]
    return [leaf for one in inner for leaf in leaves(one)]


KINDS = {str: "text", float: "number", int: "whole number", bool: "true or false", Any: "anything"}


def kind_of(annotation: Any) -> str:
    """Return a type in a user's words."""
    origin, inner = get_origin(annotation), [a for a in get_args(annotation) if a not in (type(None), Ellipsis)]
    if origin is Literal:
        return " or ".join(f"`{value}`" for value in get_args(annotation))
    if origin in (Union, types.UnionType):
        return " or ".join(kind_of(one) for one in inner)
    if origin is tuple and Ellipsis not in get_args(annotation):
        return f"{len(inner)} x {kind_of(inner[0])}"
    if origin in (tuple, list):
        return f"list of {kind_of(inner[0])}" if inner else "list"
    if origin is dict or annotation is dict:
        return "table"
    if is_model(annotation):
        return "table"
    return KINDS.get(annotation, getattr(annotation, "__name__", str(annotation)))


def scenario_page() -> str:
    """Return the page of a scenario's keys, with the values of the bundled case."""
    case = next(ROOT.glob("problems/csmoifsa_ev/**/paper-2022.toml"))
    values = tomllib.loads(case.read_text(encoding="utf-8"))
    return model_page("Keys of a pricing scenario", SCENARIO, find_class("csmoifsa_ev", "Scenario"), values)


AGGREGATOR = """\
A case is a TOML file that holds what differs from another (or a JSON file, see
[Price an aggregator's day](../how-to/aggregator.md)). Beside the keys below,

* `base` at the top names the bundled case to build on (`wei-2015`, `wei-storage`, `wei-v2g`, `portfolio`,
  `portfolio-grid`, `portfolio-customers` or `portfolio-reserve`), or another file, as a path that ends in `.toml` and
  starts at the folder of this one.

Tables are laid over those of the base key by key; lists, `[[classes]]` among them, are replaced whole. Where a number
or a list is asked for, the number holds for all steps. `[roll]` names price files, whose settings are those of
[market prices](../reference/input-files.md#market-prices); `[load]` may name a file in the same way."""


def aggregator_page() -> str:
    """Return the page of the keys of an aggregator's case."""
    return model_page("Keys of an aggregator's case", AGGREGATOR, find_class("csmoifsa_aggregator", "CaseKeys"))


def settings_page() -> str:
    """Return the page of the algorithms' settings, from the classes that hold them."""
    lines = ["# Settings of the algorithms", ""]
    lines += [
        "Given as `--set NAME=VALUE`, as `settings = { ... }` in a suite, or to the class: `CSMOIFSA(pop_size=200)`."
    ]
    lines += ["[The algorithm](../explanation/algorithm.md) shows where each enters.", ""]
    titles = {"Settings": "`csmoifsa`, the default", "SwarmSettings": "`moafsa`, and `csmoifsa` with `paper=true`"}
    for name, title in titles.items():
        lines += model_section(find_class("csmoifsa", name), "", title)
    return "\n".join(lines) + "\n"


# --------------------------------------------------------------------------------------------------------------- API
def api_pages() -> dict[str, str]:
    """Return a page for each package and folder of modules, and one that lists them: file name -> text."""
    folders: dict[str, list[types.ModuleType]] = {}
    for package in packages():
        for module in modules(package):
            name = module.__name__
            folders.setdefault(name if hasattr(module, "__path__") else name.rpartition(".")[0], []).append(module)
    pages = {f"api/{folder}.rst": api_page(folder, found) for folder, found in folders.items()}
    entries = "\n".join(f"   {folder}" for folder in folders)
    pages["api/index.rst"] = (
        "API\n===\n\nEvery package and module, from its docstrings. Names of a package's ``__all__`` are its public\n"
        f"interface; all else may change between versions.\n\n.. toctree::\n   :maxdepth: 1\n\n{entries}\n"
    )
    return pages


def api_page(folder: str, found: list[types.ModuleType]) -> str:
    """Return the page of one package: what it offers, then its modules."""
    lines = [folder, "=" * len(folder), ""]
    for module in found:
        name = module.__name__
        if name != folder:
            lines += [name, "-" * len(name), ""]
        lines += [f".. automodule:: {name}", "   :members:", "   :show-inheritance:", ""]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    generate_all(Path(__file__).parent / "generated")
