"""From fronts to tables, figures and the page: numbers by hand, LaTeX compiled, the page opened in a browser."""

import json
import re
import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from csmoifsa import load_problem, metrics
from csmoifsa.errors import InputError
from csmoifsa_bench import tables
from csmoifsa_bench.cells import grid
from csmoifsa_bench.digest import all_tables, digest, verdict
from csmoifsa_bench.execute import RunOutcome, environment
from csmoifsa_bench.figures import draw_all
from csmoifsa_bench.measure import best_possible_igd, code_states, evaluations_to, measure, read_results
from csmoifsa_bench.recorder import Snapshot
from csmoifsa_bench.report import write_report
from csmoifsa_bench.statistics import compare_with_first, performance_profile, rank_over_problems
from csmoifsa_bench.store import Store
from csmoifsa_bench.suite import check_suite

RUNS = 8
# how far above the true front each algorithm's front lies, by problem and stop; the last one finds nothing on zdt2
OFFSETS = {"good": (0.1, 0.0), "b_d & <c>%": (0.3, 0.05), "lost": (0.8, 0.4)}


def suite(**values):
    problems = [{"name": "zdt1"}, {"name": "zdt2"}, {"name": "zdt4"}]
    algorithms = [{"name": n, "label": a} for n, a in zip(("csmoifsa", "nsga2", "moafsa"), OFFSETS, strict=True)]
    base = {"name": "made", "budget": 1000, "snapshots": [500], "compare_at": [500, 1000], "runs": RUNS}
    everything = ["igd", "hypervolume", "igd_plus", "epsilon", "convergence", "uniformity", "error_ratio"]
    return check_suite({**base, "metrics": everything, "problems": problems, "algorithms": algorithms, **values})


def made_outcome(cell):
    """A front that is the true one, lifted: the larger the repetition the worse, so all medians are known."""
    front = load_problem(cell.problem_name).pareto_front(100)
    snapshots = []
    for stop, offset in zip(cell.stops, OFFSETS[cell.algorithm], strict=True):
        lost = cell.algorithm == "lost" and cell.problem == "zdt2" and cell.repetition > 2
        F = np.empty((0, 2)) if lost else front + np.array([0, offset + 0.001 * cell.repetition])
        snapshots.append(Snapshot(stop, stop, F))
    return RunOutcome(cell, snapshots, n_eval=1000, same_start=True, cpu_seconds=0.5, environment=environment())


@pytest.fixture(scope="module")
def results_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "r.sqlite"
    with Store(path) as store:
        store.put_suite(suite())
        for cell in grid(suite()):
            store.put(made_outcome(cell))
        store.put_speed("made", "good", "zdt1", 1000, [0.001, 0.003, 0.002], environment())
        store.put_speed("made", "lost", "zdt1", 1000, [0.01, 0.02, 0.03], environment())
        other = suite(name="second", title="Another one", problems=[{"name": "zdt1"}], runs=2)
        store.put_suite(other)
        for cell in grid(other):
            store.put(made_outcome(cell))
    return path


@pytest.fixture(scope="module")
def results(results_file):
    with Store(results_file, readonly=True) as store:
        return read_results(store, suite())


def test_metrics_are_those_of_the_reference_implementation(results):
    F = results.fronts["zdt1", "good", 3, 1000]
    front = load_problem("zdt1").pareto_front(1000)
    row = results.table.query("problem == 'zdt1' and algorithm == 'good' and repetition == 3 and stop == 1000").iloc[0]
    assert row.igd == metrics.igd(F, front)
    assert row.hypervolume == metrics.hypervolume(F, front)
    assert row.convergence == metrics.convergence(F, front)
    assert row.error_ratio == metrics.error_ratio(F, front, eps=0.01)
    nothing = measure(F[:0], front, suite())
    assert nothing == {
        **{"igd": np.inf, "hypervolume": 0.0, "igd_plus": np.inf, "epsilon": np.inf},
        **{"convergence": np.inf, "uniformity": np.inf, "error_ratio": 1.0},
    }


def test_summary_has_medians_quartiles_ranks_and_the_worst(results):
    frame = tables.summary_frame(results, "epsilon", 1000).set_index(["problem", "algorithm"])
    # the additive epsilon of a front lifted by d is d (scaled by an f2 range of 1), but for the 100 points' own gaps
    base = metrics.epsilon(load_problem("zdt1").pareto_front(100), load_problem("zdt1").pareto_front(1000))
    good = frame.loc[("zdt1", "good")]
    values = [
        metrics.epsilon(results.fronts["zdt1", "good", r, 1000], results.references["zdt1"]) for r in range(1, RUNS + 1)
    ]
    assert base <= min(values)
    assert good["median"] == pytest.approx(np.median(values), abs=0)
    assert (good.q1, good.q3, good.worst) == (np.quantile(values, 0.25), np.quantile(values, 0.75), max(values))
    assert good["rank"] == 1
    assert good.best
    lost = frame.loc[("zdt2", "lost")]
    assert np.isinf(lost["median"])
    assert lost["rank"] == 3
    assert not lost.best
    more = tables.summary_frame(results, "hypervolume", 1000).set_index(["problem", "algorithm"])
    assert more.loc[("zdt2", "lost"), "median"] == 0
    assert more.loc[("zdt1", "good"), "rank"] == 1


def test_who_failed_on_a_problem_comes_last_there_and_what_was_not_run_is_left_out(results):
    table = results.table
    without = table[~((table.problem == "zdt1") & (table.algorithm == "good"))]
    unknown = replace(results, table=without)
    failed = replace(results, table=without, failures={("zdt1", "good")})
    before = rank_over_problems(results, "igd", 1000)
    assert (before.n, before.names[0]) == (len(results.problems), "good")
    assert rank_over_problems(unknown, "igd", 1000).n == before.n - 1
    for metric in ("igd", "hypervolume"):
        after = rank_over_problems(failed, metric, 1000)
        mean = dict(zip(after.names, after.ranks, strict=True))
        ahead = dict(
            zip(*[getattr(rank_over_problems(unknown, metric, 1000), x) for x in ("names", "ranks")], strict=True)
        )
        n, k = before.n, len(after.names)
        assert after.n == n
        assert mean["good"] == pytest.approx((ahead["good"] * (n - 1) + k) / n)


def test_comparison_sees_what_is_there(results):
    frame = compare_with_first(results, "igd", 1000)
    assert len(frame) == 6
    assert set(frame.n) == {RUNS}
    # all eight pairs the same way: p = 2/256; Holm multiplies the smallest of six by six
    assert frame.p_signed_rank.to_numpy() == pytest.approx(np.full(6, 2 / 256))
    assert frame.holm.to_numpy() == pytest.approx(np.full(6, 12 / 256))
    assert (frame.a12 == 1.0).all()
    assert (frame.verdict == "+").all()
    assert "good better/level/worse than b_d & <c>% 3/0/0, lost 3/0/0" in verdict(results, 1000)
    ranking = rank_over_problems(results, "igd", 1000)
    assert ranking.names == ["good", "b_d & <c>%", "lost"]
    assert list(ranking.ranks) == [1, 2, 3]
    assert ranking.n == 3


def test_few_runs_are_said_to_prove_nothing(tmp_path):
    wanted = suite(runs=3)
    with Store(tmp_path / "r.sqlite") as store:
        store.put_suite(wanted)
        for cell in grid(wanted):
            store.put(made_outcome(cell))
        found = read_results(store, wanted)
    # three pairs: p = 2/8 at best, and six comparisons
    assert "3 pairs cannot go below p = 0.25, too much for 6 comparisons" in verdict(found, 1000)
    assert "best mean ranks over 3 problems: good 1.00" in verdict(found, 1000)
    # three problems won of three: p = 2/8, times two rivals
    assert verdict(found, 1000).endswith(" on 3 and worse on 0 problems, signed-rank p = 0.500")
    assert "all are level" in tables.comparison_table(found, "igd", 1000).note


def test_performance_profile_by_hand(results):
    shares = performance_profile(results, "igd", 1000, np.array([1.0, 1e9]))
    assert list(shares["good"]) == [1.0, 1.0]
    assert list(shares["lost"]) == [0.0, pytest.approx(2 / 3)]  # on zdt2 it found nothing at any factor


def test_nobody_is_best_where_nobody_found_anything(tmp_path):
    wanted = suite(problems=[{"name": "zdt1"}], runs=2)
    with Store(tmp_path / "r.sqlite") as store:
        store.put_suite(wanted)
        for cell in grid(wanted):
            far = np.array([[5.0, 6.0], [6.0, 5.0]])
            store.put(replace(made_outcome(cell), snapshots=[Snapshot(stop, stop, far) for stop in cell.stops]))
        found = read_results(store, wanted)
    table = tables.summary_table(found, "hypervolume", 1000)
    assert not any(row == 0 for row, _ in table.bold)
    assert list(performance_profile(found, "hypervolume", 1000, np.array([10.0]))["good"]) == [0.0]


def test_best_possible_igd_agrees_with_what_is_known():
    # 100 points spread evenly over a line of length sqrt(2): the mean distance is a quarter of a gap
    x = np.linspace(0, 1, 10_001)
    line = np.column_stack([x, 1 - x])[::5]
    assert best_possible_igd(line, 100) == pytest.approx(np.sqrt(2) / 400, rel=0.01)
    for name, known in {"zdt1": 0.0037, "zdt2": 0.0037}.items():  # in the literature to two digits
        assert best_possible_igd(load_problem(name).pareto_front(1000), 100) == pytest.approx(known, abs=1e-4)
    assert best_possible_igd(line[:50], 100) == 0.0


def test_evaluations_to_a_target(results):
    frame = evaluations_to(results, 30.0).set_index(["problem", "algorithm", "repetition"])
    target = 30 * best_possible_igd(results.references["zdt1"], 100)
    assert frame.target["zdt1"].unique() == pytest.approx([target])
    for repetition in range(1, RUNS + 1):
        part = results.table.query(f"problem == 'zdt1' and repetition == {repetition}").set_index(["algorithm", "stop"])
        for name in OFFSETS:
            reached = [stop for stop in (500, 1000) if part.igd[name, stop] <= target]
            assert frame.n_eval["zdt1", name, repetition] == (min(reached) if reached else np.inf)


def test_tables_in_every_format(results, tmp_path):
    made = list(all_tables(results))
    assert len({table.name for table in made}) == len(made)
    table = tables.summary_table(results, "igd", 1000)
    assert [row[0] for row in table.rows] == ["zdt1", "zdt2", "zdt4", "mean rank"]
    assert table.bold == {(0, 1), (1, 1), (2, 1), (3, 1)}
    text = tables.to_markdown(table)
    assert "| zdt1 | **" in text
    assert "inf" in text
    tables.write_table(table, tmp_path)
    back = pd.read_csv(tmp_path / "igd_1000.csv")
    assert back["median"].tolist() == tables.summary_frame(results, "igd", 1000)["median"].tolist()
    latex = (tmp_path / "igd_1000.tex").read_text()
    assert r"b\_d \& $<$c$>$\%" in latex
    assert r"\textbf{" in latex
    assert latex.count("{") == latex.count("}")
    speed = tables.speed_table(results)
    assert [row[:3] for row in speed.rows] == [["good", "2.0", "1.00"], ["lost", "20.0", "10.00"]]


def test_latex_compiles(results, tmp_path):
    if shutil.which("pdflatex") is None:
        pytest.skip("pdflatex is not installed (Debian: texlive-latex-base)")
    names = []
    for table in all_tables(results):
        tables.write_table(table, tmp_path)
        names.append(table.name)
    lines = [r"\documentclass{article}", r"\usepackage{graphicx}", r"\begin{document}"]
    for i, name in enumerate(names):
        lines += [f"\\input{{{name}.tex}}", *([r"\clearpage"] if i % 4 == 3 else [])]
    (tmp_path / "all.tex").write_text("\n".join([*lines, r"\end{document}"]))
    command = ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", "all.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout[-2000:]
    assert (tmp_path / "all.pdf").stat().st_size > 10_000


def test_digest_says_how_to_make_it_again(results):
    text = digest(results, list(all_tables(results)))
    assert "csmoifsa bench run made --runs 8" in text
    assert re.search(r"Python 3\.\d+\.\d+, csmoifsa \d", text)
    assert "Incomplete" not in text
    assert "inf [" in text


def test_every_figure_is_drawn(results):
    names = [name for name, figure in draw_all(results) if figure.axes]
    assert len(names) == len(set(names))
    for wanted in ("convergence_igd", "boxes_igd_1000", "critical_difference_igd_1000", "profile_igd_500",
                   "fronts_1000", "error_curve", "eaf_zdt1_good_lost"):  # fmt: skip
        assert wanted in names


def test_three_objectives_and_unknown_fronts_are_reported(tmp_path):
    from csmoifsa_bench.campaign import run_campaign

    wanted = suite(
        **{"name": "other", "budget": 60, "snapshots": [], "compare_at": [60], "pop_size": 20, "runs": 2},
        metrics=["igd"],
        problems=[{"name": "dtlz2", "params": {"n_obj": 3, "n_var": 7}}, {"name": "ctp1"}],
        algorithms=[{"name": "csmoifsa"}, {"name": "nsga2"}, {"name": "gde3"}],
    )
    run_campaign(wanted, tmp_path / "r.sqlite", jobs=1)
    with Store(tmp_path / "r.sqlite", readonly=True) as store:
        found = read_results(store, wanted)
    assert found.references["dtlz2"].shape[1] == 3
    written = write_report(tmp_path / "r.sqlite", tmp_path / "report")
    assert written["figures"] > 5
    assert (tmp_path / "report" / "other" / "fronts_60.png").stat().st_size > 10_000


def test_no_true_front_means_all_runs_together(tmp_path, monkeypatch):
    monkeypatch.setattr("csmoifsa_bench.measure.true_front", lambda problem: None)
    wanted = suite(problems=[{"name": "zdt1"}], runs=2)
    with Store(tmp_path / "r.sqlite") as store:
        store.put_suite(wanted)
        for cell in grid(wanted):
            store.put(made_outcome(cell))
        found = read_results(store, wanted)
    assert found.estimated == {"zdt1"}
    best = load_problem("zdt1").pareto_front(100) + np.array([0, 0.001])  # 'good', repetition 1, at 1000
    assert np.allclose(found.references["zdt1"], best)
    assert tables.target_table(found) is None
    assert "not known" in tables.summary_table(found, "igd", 1000).note


def test_mixed_code_and_gaps_are_reported(tmp_path):
    wanted = suite(runs=2)
    cells = list(grid(wanted))
    with Store(tmp_path / "r.sqlite") as store:
        store.put_suite(wanted)
        for i, cell in enumerate(cells[:-1]):
            made = made_outcome(cell)
            # the second: of another library's algorithm, which names no state of ours and mixes with any
            facts = {**made.environment, "code": ["another state", "", made.environment["code"]][min(i, 2)]}
            store.put(RunOutcome(cell, made.snapshots, n_eval=9, environment=facts))
        found = read_results(store, wanted)
    text = digest(found, [])
    assert "more than one state of the code" in text
    assert len(code_states(found.environments)) == 2
    assert "1 runs are missing" in text


@pytest.fixture(scope="module")
def report(results_file, tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    return write_report(results_file, folder, figures=False), folder / "report.html"


def test_the_page_is_one_file_that_needs_no_network(report):
    written, page = report
    assert written["suites"] == ["made", "second"]
    text = page.read_text(encoding="utf-8")
    own = re.sub(r"<script>.*?</script>", "", text, flags=re.DOTALL)  # without plotly's own source
    assert not re.search(r"""(src|href)\s*=|@import|url\(""", own)
    assert "<c>" not in own  # the label is escaped in tables and in data
    data = json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)[1])
    first = data["suites"][0]
    assert [m["key"] for m in first["metrics"]] == list(suite().metrics)
    assert first["budgets"] == [1000, 500]
    assert first["algorithms"][1]["label"] == "b_d & <c>%"
    assert len(first["more_tables"]) == 3


@pytest.mark.parametrize("kept", [["good on zdt1"], ["good on zdt1", "lost on zdt4"]])
def test_a_campaign_in_which_nothing_can_be_compared_yet_is_reported(tmp_path, kept):
    """One algorithm alone; or two, of which no problem has both."""
    wanted = suite()
    with Store(tmp_path / "r.sqlite") as store:
        store.put_suite(wanted)
        for cell in grid(wanted):
            if f"{cell.algorithm} on {cell.problem}" in kept:
                store.put(made_outcome(cell))
    assert write_report(tmp_path / "r.sqlite", tmp_path / "page", figures=False)["suites"] == ["made"]


def browse(page, folder, query=""):
    """Return the page as a browser leaves it after its scripts ran."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no chromium is installed to open the page with")
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
    command += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    command += ["--host-resolver-rules=MAP * ~NOTFOUND", f"--user-data-dir={folder}", "--virtual-time-budget=20000"]
    command += ["--enable-logging=stderr", "--dump-dom", f"file://{page}{query}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert "CONSOLE" not in done.stderr, done.stderr
    return re.sub(r"<script>.*?</script>", "", done.stdout, flags=re.DOTALL)


@pytest.mark.slow
def test_the_page_in_a_browser(report, tmp_path):
    dom = browse(report[1], tmp_path)
    assert 'data-shown="made|igd|1000|"' in dom
    assert dom.count("js-plotly-plot") >= 2 + 4 * 3  # ranks, profile, four panels a problem
    assert dom.count('<td class="best">') >= 4
    assert "made, IGD at 1,000 evaluations" in dom
    chosen = browse(report[1], tmp_path, "#suite=made&metric=hypervolume&budget=500&problem=zdt4")
    assert 'data-shown="made|hypervolume|500|zdt4"' in chosen
    assert "made, hypervolume at 500 evaluations: good better/level/worse than" in chosen
    assert 2 + 4 <= chosen.count('class="panel js-plotly-plot"') + 2 < 2 + 4 * 3
    other = browse(report[1], tmp_path, "#suite=second")
    assert 'data-shown="second|igd|1000|"' in other


def test_what_cannot_be_reported_is_told(tmp_path, results_file):
    with pytest.raises(InputError, match="there is no results file"):
        write_report(tmp_path / "none.sqlite", tmp_path)
    with pytest.raises(InputError, match=r"has no suite 'zdt'; it has made, second"):
        write_report(results_file, tmp_path, suites=["zdt"])
    with Store(tmp_path / "empty.sqlite") as store:
        store.put_suite(suite())
    with pytest.raises(InputError, match="no finished runs yet"):
        write_report(tmp_path / "empty.sqlite", tmp_path)
