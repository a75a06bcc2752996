"""What the documents print works: programs run, commands run or parse, files validate, and links lead somewhere."""

from __future__ import annotations

import importlib.util
import inspect
import re
import shlex
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "README.zh.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]
PAGES = [page for page in PAGES if page.exists() and DOCS / "generated" not in page.parents]
TRANSLATED = ROOT / "README.zh.md"

PARSED_ONLY = re.compile(  # a cluster, hours of work, or a server that runs until it is stopped
    r"^app\b|10\.0\.0\.5|\bzdt\b|zdt\.sqlite|peers|run (constrained|many|bbob-biobj-\d+)\b|^coco "
)
NOT_SOLVED_HERE = re.compile(r"\b(truss|my_problem|beam|my_bridges/bridge)\.py:|solve bridge\b")  # a reader's own file
SHORTER = {  # options that make a command short; of an option given twice the last one counts
    "solve": "--n-eval 300 --no-figures",
    "ev price": "--n-eval 200 --no-figures --no-report",
    "ev compare": "--n-eval 16",
    "ev calibrate": "--samples 20",
    "ev aggregate": "--no-figures --no-report",
    "ev roll": "--no-figures --no-report",
    "bench run": "--jobs 1 --runs 2",
}


def blocks(page: Path, language: str) -> list[str]:
    """Return a page's blocks of code in a language."""
    return re.findall(rf"^ *```{language}\n(.*?)^ *```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def commands(page: Path) -> list[list[str]]:
    """Return the arguments of each csmoifsa command in a page's shell blocks, comments left out."""
    lines = [part for block in blocks(page, "sh") for line in block.splitlines() for part in line.split("&&")]
    words = [shlex.split(line, comments=True) for line in lines]
    return [one[1:] for one in words if one and one[0] == "csmoifsa"]


TESTED_ELSEWHERE = {ROOT / "README.md", DOCS / "how-to" / "own-behaviour.md"}  # their programs, step by step


def with_blocks(language: str) -> list[Path]:
    return [page for page in PAGES if blocks(page, language) and page != TRANSLATED]


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return a folder with the files that the pages name, and work there."""
    monkeypatch.chdir(tmp_path)
    suite = next(
        block for block in blocks(DOCS / "how-to" / "compare-algorithms.md", "toml") if "[[algorithms]]" in block
    )
    (tmp_path / "mine.toml").write_text(suite)
    (tmp_path / "my.toml").write_text('base = "duke-2017"\n[fleet]\nn_ev = 20_000\n')
    rows = [
        f"peak_valley,{d},{s}" for d, s in zip((1, 5, 10, 15, 22, 30), (0.0, 0.05, 0.2, 0.3, 0.5, 0.6), strict=True)
    ]
    (tmp_path / "observations.csv").write_text("\n".join(["pair,incentive,share", *rows]))
    hours = pd.date_range("2024-07-10", periods=24, freq="h")
    pd.DataFrame({"timestamp": hours, "load_mw": np.arange(24.0) + 1000}).to_excel(tmp_path / "load.xlsx", index=False)
    stamps = pd.date_range("2025-05-01", periods=24 * 24, freq="h")
    ahead = 40 + 15 * np.sin(np.arange(stamps.size) * 2 * np.pi / 24)
    for name, noise in (("da.csv", 0.0), ("rt.csv", 5.0)):
        price = ahead + noise * np.random.default_rng(1).normal(size=stamps.size)
        table = {"datetime_beginning_ept": stamps, "pnode_name": "WESTERN HUB"}
        key = "total_lmp_da" if name == "da.csv" else "total_lmp_rt"
        pd.DataFrame({**table, key: price}).to_csv(tmp_path / name, index=False, date_format="%m/%d/%Y %I:%M:%S %p")
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("page", [p for p in with_blocks("python") if p not in TESTED_ELSEWHERE], ids=name_of)
def test_programs_run(page, folder, capsys):
    names: dict = {"__name__": "page"}
    for code in blocks(page, "python"):
        code = code.replace("10_000", "500").replace("100_000", "10_000")
        exec(compile(code, str(page), "exec"), names)


@pytest.mark.slow
@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, marks=[pytest.mark.long] if page.stem == "price-a-tariff" else [], id=name_of(page))
        for page in with_blocks("sh")
        if commands(page)
    ],
)
def test_commands_run(page, folder, run_cli):
    if page.stem == "price-a-tariff":
        (folder / "my.toml").unlink()  # its reader writes the file with `ev init`
    if page.stem == "input-files":  # the page shows files whose dates begin with the day
        stamps = pd.date_range("2025-05-01", periods=24 * 24, freq="h")
        table = pd.DataFrame({"time": stamps, "price": 40 + 15 * np.sin(np.arange(stamps.size) / 4)})
        table.to_csv("da.csv", index=False, date_format="%d/%m/%Y %H:%M")
        nodes = [table.assign(node=node) for node in ("NORTH", "SOUTH")]
        pd.concat(nodes).to_csv("rt.csv", index=False, date_format="%d/%m/%Y %H:%M")
    for words in commands(page):
        line = " ".join(words)
        again = page.name == "README.md" and "smoke" in line  # the same as on the page of comparisons
        if PARSED_ONLY.search(line) or NOT_SOLVED_HERE.search(line) or again:
            continue
        group = " ".join(words[: 2 if words[0] in ("ev", "bench") else 1])
        done = run_cli(*words, *shlex.split(SHORTER.get(group, "")))
        assert done.code == 0, f"{line}: {done.err}"


def test_the_translated_readme_shows_the_same_code():
    for language in ("sh", "toml", "python"):
        assert blocks(TRANSLATED, language) == blocks(ROOT / "README.md", language)
    readme, translated = (page.read_text(encoding="utf-8") for page in (ROOT / "README.md", TRANSLATED))
    assert readme.count("\n## ") == translated.count("\n## ")
    for number in re.findall(r"\*\*[\d.]+\*\*|p = \.\d+", readme):
        assert number in translated, number


def parse(words: list[str]) -> None:
    """Let the command line take arguments without doing anything."""
    import typer

    from csmoifsa.cli import app

    command = typer.main.get_command(app)
    context = command.make_context("csmoifsa", [], resilient_parsing=True)
    while hasattr(command, "get_command"):
        name, *words = words
        command = command.get_command(context, name)  # type: ignore[union-attr]
        assert command is not None, f"there is no command {name}"
        context = command.make_context(
            name,
            words if not hasattr(command, "get_command") else [],
            resilient_parsing=hasattr(command, "get_command"),
        )


@pytest.mark.parametrize("page", [page for page in PAGES if commands(page)], ids=name_of)
def test_commands_parse(page):
    for words in commands(page):
        parse(words)


def test_a_wrong_option_does_not_parse():
    with pytest.raises(Exception, match="no-such-option"):
        parse(["ev", "price", "--no-such-option"])


@pytest.mark.parametrize("page", with_blocks("toml"), ids=name_of)
def test_files_validate(page, tmp_path):
    from csmoifsa_aggregator.inputs.case import case_names, load_case
    from csmoifsa_aggregator.inputs.market import FILES, market_files
    from csmoifsa_bench.suite import load_suite
    from csmoifsa_ev.inputs.scenario import load_scenario

    for block in blocks(page, "toml"):
        keys = tomllib.loads(block)
        path = tmp_path / "file.toml"
        path.write_text(block)
        if "algorithms" in keys:
            load_suite(str(path))
        elif keys.get("base") in case_names():
            case = load_case(path)
            if "roll" in keys:
                market_files(case.roll, dict.fromkeys(FILES), {}, {name: {} for name in FILES})
        elif "project" not in keys:
            load_scenario(path)


def module(name: str):
    spec = importlib.util.spec_from_file_location(f"docs_{name}", DOCS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


def test_every_example_of_the_help_parses(tmp_path):
    page = tmp_path / "commands.md"
    page.write_text(module("generate").commands_page())
    found = commands(page)
    assert len(found) > 12
    for words in found:
        parse(words)


def test_every_key_of_a_scenario_is_described():
    text = module("generate").scenario_page()
    for key in ("n_ev", "values_mw", "dead_zone", "day_ahead", "habit_weight", "pnode_name"):
        assert (f"| `{key}` |" in text) == (key != "pnode_name")
    assert "[[fleet.vehicles]]" in text


def test_every_key_of_an_aggregators_case_is_described():
    import dataclasses

    from csmoifsa_aggregator.inputs import keys

    text = module("generate").aggregator_page()
    rows = re.findall(r"^\| `(\w+)` \|[^|]*\|[^|]*\| (.*) \|$", text, re.MULTILINE)
    assert all(meaning for _, meaning in rows), rows
    for table in (kind for kind in vars(keys).values() if inspect.isclass(kind) and kind.__module__ == keys.__name__):
        assert {field.name for field in dataclasses.fields(table)} <= {name for name, _ in rows}
    assert "`[[classes]]`" in text


def test_the_algorithm_page_names_every_setting():
    from csmoifsa.settings import Settings

    page = (DOCS / "explanation" / "algorithm.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| [^|]+ \| `(\w+)` \| ([\d.]+) \|$", page, re.MULTILINE))
    numbers = {name: value for name, value in vars(Settings()).items() if type(value) in (int, float)}
    assert {name: float(value) for name, value in rows.items()} == numbers


def test_a_page_that_asks_other_hosts_or_leads_nowhere_is_seen(tmp_path):
    check = module("check")
    (tmp_path / "a.html").write_text('<a id="here" href="b.html#there">b</a><a href="https://example.org">out</a>')
    (tmp_path / "b.html").write_text('<p id="there"><img src="a.html"></p><style>p { color: red }</style>')
    assert check.check_site(tmp_path) == []
    for text, wanted in (
        ('<script src="https://cdn.example.org/x.js"></script>', "another host"),
        ('<link rel="stylesheet" href="//cdn.example.org/x.css">', "another host"),
        ("<style>@import 'https://example.org/x.css'</style>", "another host"),
        ('<p style="background: url(https://example.org/x.png)"></p>', "another host"),
        ('<img src="gone.png">', "not there"),
        ('<a href="a.html#gone">a</a>', "no such place"),
    ):
        (tmp_path / "b.html").write_text(f'<p id="there">{text}</p>')
        found = check.check_site(tmp_path)
        assert len(found) == 1, text
        assert wanted in found[0]
    (tmp_path / "b.html").write_text('<p id="there"></p>')
    (tmp_path / "x.css").write_text("@font-face { src: url('https://example.org/x.woff2') }")
    assert len(check.check_site(tmp_path)) == 1


@pytest.mark.parametrize("page", [page for page in PAGES if page.parent == ROOT], ids=name_of)
def test_links_of_pages_outside_the_site_lead_somewhere(page):
    for link in re.findall(r"\]\((?!http|#)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / link).exists(), link


@pytest.mark.parametrize("target", ["price-a-tariff", "own-behaviour", "own-problem", "control-room"])
def test_a_reader_of_the_readme_is_there_in_three_clicks(target):
    reached, wanted = {ROOT / "README.md"}, DOCS / "how-to" / f"{target}.md"
    for _ in range(3):
        links = {
            (page.parent / link).resolve()
            for page in reached
            for link in re.findall(r"\]\((?!http|#)([^)#]+\.md)", page.read_text(encoding="utf-8"))
        }
        reached |= {link for link in links if link.exists()}
    assert wanted in reached


SITE = ROOT / "out" / "docs"


@pytest.mark.slow
@pytest.mark.skipif(not (SITE / "index.html").exists(), reason="the site is not built; see make docs")
def test_built_pages_open_without_errors_or_requests_and_formulas_fit(tmp_path):
    from ev.browser import Browser, find_chromium

    if not find_chromium():
        pytest.skip("no chromium here")
    browser = Browser(tmp_path / "profile")
    try:
        for page in ("index", "explanation/algorithm", "explanation/pricing-model", "explanation/aggregator-model"):
            browser.open(SITE / f"{page}.html", "document.readyState === 'complete'")
            if page != "index":
                browser.wait("document.querySelectorAll('.katex-display').length > 8")
                wide = (
                    "[...document.querySelectorAll('div.math')].filter(d => d.scrollWidth > d.clientWidth + 1).length"
                )
                assert browser.run(wide) == 0, page
                assert browser.run("document.querySelectorAll('.katex-error').length") == 0, page
        assert browser.errors == []
        assert [address for address in browser.requests if address.startswith(("http", "ws"))] == []
    finally:
        browser.close()
