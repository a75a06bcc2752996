"""The README's recipes work as they are printed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

README = Path(__file__).parents[1] / "README.md"


def block(language: str) -> str:
    """Return the first code block of a language."""
    found = re.search(rf"```{language}\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert found, f"the README has no {language} block"
    return found[1]


def test_the_tariff_recipe(run_cli, tmp_path):
    (tmp_path / "my.toml").write_text(block("toml"))
    done = run_cli("ev", "price", tmp_path / "my.toml", "--n-eval", 300, "--no-figures", "--out", tmp_path / "study")
    assert done.code == 0, done.err
    for name in ("pareto.csv", "tariff.csv", "extremes.csv", "load.csv", "summary.json"):
        assert (tmp_path / "study" / name).exists()


def test_the_problem_recipe(run_cli, tmp_path):
    code = block("python").replace("10_000", "500")
    (tmp_path / "beam.py").write_text(code.split("\n\nresult =")[0] + "\n")
    names: dict = {"__name__": "readme"}
    exec(compile(code, "README", "exec"), names)
    assert len(names["result"].F) > 1
    done = run_cli("solve", f"{tmp_path / 'beam.py'}:Beam", "--n-eval", 300, "--out", tmp_path / "beam")
    assert done.code == 0, done.err
    assert (tmp_path / "beam" / "front.csv").exists()


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\((?!http)([^)]+)\)", README.read_text(encoding="utf-8")))))
def test_links_lead_somewhere(link):
    assert (README.parent / link).exists()
