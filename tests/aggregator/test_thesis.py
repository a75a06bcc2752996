"""The table of the thesis' claims: every row names a command that exists, or a section that does."""

import importlib.util
import json
import re
import shlex
from pathlib import Path

import pytest

from csmoifsa_aggregator.inputs.case import case_names
from test_docs import parse

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "results" / "thesis.md"


def rows() -> list[list[str]]:
    """Cells of each row of the page's table."""
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines][1:]


def check(command: str) -> None:
    """Fail unless a command, its options, its file and its named case or part exist."""
    words = shlex.split(command)
    if words[0] == "csmoifsa":
        parse(words[1:])
        assert words[1:3] in (["ev", "aggregate"], ["ev", "roll"])
        assert words[3] in case_names(), f"there is no case {words[3]}"
        return
    assert words[0] == "python", command
    script = ROOT / words[1]
    assert script.exists(), f"there is no file {words[1]}"
    if words[1] == "benchmarks/perf/aggregator.py":
        spec = importlib.util.spec_from_file_location("perf_aggregator", script)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        assert set(words[2:]) <= set(module.PARTS), command
    else:
        options = {word for word in words[2:] if word.startswith("--")}
        assert all(f'"{word}"' in script.read_text(encoding="utf-8") for word in options), command


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[0][:40])
def test_every_claim_names_a_command_that_exists(row):
    claim, verdict, shown, how = row
    assert claim
    assert shown
    assert verdict.split(" ")[0] in ("true", "refuted", "in")
    found = re.findall(r"`((?:csmoifsa|python) [^`]+)`", how)
    for command in found:
        check(command)
    if not found:
        page, anchor = re.search(r"\]\((.+?)#(.+?)\)", how).groups()
        text = (PAGE.parent / page).read_text(encoding="utf-8")
        titles = [title.lower().replace(" ", "-") for title in re.findall(r"^## (.+)$", text, re.MULTILINE)]
        assert anchor in titles


def test_a_command_that_does_not_exist_is_seen():
    for wrong, error in (
        ("csmoifsa ev aggregate no-such-case", AssertionError),
        ("csmoifsa ev aggregate portfolio --no-such-option", Exception),
        ("python benchmarks/perf/aggregator.py no-such-part", AssertionError),
        ("python benchmarks/perf/no_such_file.py", AssertionError),
        ("python tests/tools/compare_stage_one.py --no-such-option 3", AssertionError),
        ("rm -r out", AssertionError),
    ):
        with pytest.raises(error):
            check(wrong)


def test_figures_of_the_table_are_those_of_the_commands(run_cli):
    text = PAGE.read_text(encoding="utf-8")
    for case, keys in (
        ("portfolio", (("gain", "aggregator"), ("gain", "drivers"), ("contracts", "surplus"))),
        ("wei-v2g", (("contracts", "v2g_cost"), ("contracts", "smart_cost"))),
    ):
        summary = json.loads(run_cli("ev", "aggregate", case, "--json").out)
        for group, key in keys:
            places = 6 if case == "wei-v2g" else 2
            assert f"{summary[group][key]:.{places}f}" in text, (case, key, summary[group][key])
    offered = json.loads(run_cli("ev", "aggregate", "portfolio-reserve", "--json").out)
    before = offered["contracts"]["surplus"] - offered["reserve"]["surplus_gain"]
    assert f"from {before:.2f} to {offered['contracts']['surplus']:.2f} $ a day" in text
    assert f"about {100 * offered['reserve']['simulated']['missed_share']:.0f} % of the energy called is not" in text
    kept = json.loads(run_cli("ev", "aggregate", "portfolio-customers", "--json").out)["customers"]["share"]
    assert f"keeps {100 * kept:.0f} % of the cars" in text
    rules = json.loads(run_cli("ev", "aggregate", "portfolio", "--json").out)["price_rules"]
    assert f"in {rules['hours_above_real_time']:.0f} of {rules['hours_used']:.0f} hours used" in text
