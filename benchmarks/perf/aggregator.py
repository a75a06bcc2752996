"""How fast and how firm the aggregator is: solver, search, rolling step, growth with size, grid, customers, reserve.

    python benchmarks/perf/aggregator.py solver strict curve search step scale fleet grid customers reserve
    python benchmarks/perf/aggregator.py solver --game my_game.json

Each part prints one Markdown table. Times are of one thread, after compiling.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from csmoifsa.plugins import load_algorithm
from csmoifsa.runs import solve
from csmoifsa_aggregator.dispatch.dispatch import DispatchPlan, RollingDispatcher
from csmoifsa_aggregator.inputs.case import load_case
from csmoifsa_aggregator.inputs.games import game_from_dict
from csmoifsa_aggregator.inputs.reserve import load_products
from csmoifsa_aggregator.model.battery import Batteries
from csmoifsa_aggregator.model.customers import Customers
from csmoifsa_aggregator.model.game import Game
from csmoifsa_aggregator.model.generate import day_ahead, random_game
from csmoifsa_aggregator.model.many import Cars, classes_of, draw_cars, profit_on_all, respond_cars
from csmoifsa_aggregator.problem.problem import AggregatorPricing
from csmoifsa_aggregator.solve.alternation import verify
from csmoifsa_aggregator.solve.customers import mean_paid, solve_customers
from csmoifsa_aggregator.solve.fleet import tune, upper_bound
from csmoifsa_aggregator.solve.stackelberg import Solution, solve_game
from csmoifsa_aggregator.study.grid import grid_rows
from csmoifsa_aggregator.study.study import run_day

PARTS = ("solver", "strict", "curve", "search", "step", "scale", "fleet", "grid", "customers", "reserve")


def row(*cells: object) -> None:
    print("| " + " | ".join(str(cell) for cell in cells) + " |", flush=True)


def head(*cells: str) -> None:
    row(*cells)
    row(*("---" for _ in cells))


def games(files: list[Path]) -> list[Game]:
    if files:
        return [game_from_dict(json.loads(path.read_text())) for path in files]
    wei = load_case("wei-2015").game
    return [
        wei,
        *(replace(wei, mean=mean, name=f"wei-2015, mean {mean}") for mean in (0.45, 0.48, 0.52, 0.55)),
        load_case("wei-storage").game,
        random_game(24, 3, 1),
        random_game(24, 10, 1),
        random_game(96, 10, 1),
        *(random_game(96, 50, seed) for seed in (1, 2, 3, 4)),
    ]


def solver(files: list[Path], time_limit: float) -> None:
    head("game", "margin", "status", "by", "profit", "upper bound", "if ties go against us", "binaries", "seconds")
    for game in games(files):
        for margin in (0.0, 1e-3):
            s = solve_game(game, margin=margin, time_limit=time_limit)
            status = s.status if s.status == "proven" else f"gap {100 * s.gap:.2g} %"
            profit, bound = f"{s.objective:.6f}", f"{s.upper_bound:.6f}"
            row(
                game.name,
                margin,
                status,
                s.method,
                profit,
                bound,
                f"{s.guaranteed:.2f}",
                s.binaries,
                f"{s.seconds:.2f}",
            )


def prove(games: list[Game], time_limit: float) -> None:
    """Print what is proven of the best price with a strict margin of 0.001, and the CPU seconds it took."""
    head("game", "status", "profit", "upper bound", "binaries", "seconds", "CPU seconds")
    for game in games:
        begin = time.process_time()
        s = solve_game(game, margin=1e-3, time_limit=time_limit)
        cpu = time.process_time() - begin
        status = s.status if s.status == "proven" else f"gap {100 * s.gap:.2g} %"
        row(
            game.name,
            status,
            f"{s.objective:.6f}",
            f"{s.upper_bound:.6f}",
            s.binaries,
            f"{s.seconds:.2f}",
            f"{cpu:.2f}",
        )


def strict(time_limit: float) -> None:
    """Prove the price with a strict margin on 96 steps."""
    sizes = [(10, seed) for seed in (1, 2, 3, 4)] + [(50, seed) for seed in (1, 2, 3, 4)] + [(100, 1)]
    prove([random_game(96, classes, seed) for classes, seed in sizes], time_limit)


def curve() -> None:
    """Prove the price with a strict margin and a supply curve of blocks of a quarter of the greatest load, in 30 s."""
    curved = []
    for seed in (1, 2, 3, 4, 5):
        game = random_game(24, 10, seed)
        width = 0.25 * game.max_load_kw.max()
        blocks = {"block_kw": np.array([width, width, np.inf]), "block_premium": np.array([0.0, 0.02, 0.05])}
        curved.append(replace(game, **blocks))
    prove(curved, 30.0)


def search(files: list[Path], n_eval: int = 50_000, seeds: int = 7) -> None:
    head("game", "algorithm", "proven profit", "best found, median", "below the optimum: median", "worst", "seconds")
    for game in games(files) if files else [random_game(24, 3, 1), random_game(24, 10, 1)]:
        proven = solve_game(game, margin=0.0)
        for name in ("csmoifsa", "nsga2"):
            best, begin = [], time.perf_counter()
            for seed in range(1, seeds + 1):
                problem = AggregatorPricing(game)
                method = load_algorithm(name, problem=problem, pop_size=100)
                best.append(-float(solve(problem, method, n_eval=n_eval, seed=seed).F[:, 0].min()))
            below = np.round(100 * (1 - np.array(best) / proven.objective), 4) + 0.0  # no -0
            seconds = (time.perf_counter() - begin) / seeds
            row(
                game.name,
                name,
                f"{proven.objective:.3f}",
                f"{np.median(best):.3f}",
                f"{np.median(below):.2f} %",
                f"{below.max():.2f} %",
                f"{seconds:.2f}",
            )


def step() -> None:
    rng = np.random.default_rng(0)
    classes, steps = 50, 96
    start = rng.integers(0, 48, classes)
    group = Batteries(
        names=tuple(f"class {k}" for k in range(classes)),
        count=rng.integers(5, 50, classes).astype(float),
        charge_kw=np.full(classes, 7.0),
        discharge_kw=np.full(classes, 7.0),
        capacity_kwh=np.full(classes, 60.0),
        floor_kwh=np.full(classes, 6.0),
        arrival_kwh=np.full(classes, 24.0),
        departure_kwh=np.full(classes, 48.0),
        efficiency=np.full(classes, 0.95),
        wear=np.full(classes, 0.03),
        start=start,
        length=np.minimum(rng.integers(28, 46, classes), steps - start),
        n_steps=steps,
        dt_h=0.25,
    )
    p = day_ahead(steps)
    past = 0.1 * np.cumsum(rng.normal(size=(20, steps)), axis=1) * 0.1
    begin = time.perf_counter()
    dispatcher = RollingDispatcher(DispatchPlan(cars=group, day_ahead=p, past=past))
    build, times = time.perf_counter() - begin, []
    real = p * (1 + 0.3 * rng.normal(size=steps))
    for now in range(steps):
        begin = time.perf_counter()
        dispatcher.step(now, float(real[now]))
        times.append(1e3 * (time.perf_counter() - begin))
    head("V2G classes", "steps", "columns", "build and first solve", "step, median", "step, longest")
    columns = 3 * group.places[0].size + classes
    row(classes, steps, columns, f"{1e3 * build:.0f} ms", f"{np.median(times):.1f} ms", f"{max(times):.1f} ms")


def scale(n_ev: int) -> None:
    head("EVs", "steps", "answer of all EVs to one price")
    for n in (3_000, 30_000, 300_000, n_ev):
        for steps in (24, 96):
            cars, p = draw_cars(n, steps), day_ahead(steps)
            times = []
            for _ in range(4):
                begin = time.perf_counter()
                respond_cars(cars, p)
                times.append(time.perf_counter() - begin)
            row(f"{n:,}", steps, f"{min(times[1:]):.3f} s")
    print()
    head(
        "EVs",
        "steps",
        "classes",
        "leader",
        "promised by classes",
        "earned on every EV",
        "tuned on every EV: promised and earned",
        "below the upper bound",
        "peak, MW",
        "seconds",
        "tuning",
    )
    for steps, classes in ((24, 50), (96, 50), (96, 200), (96, 500), (96, 2000)):
        cars = draw_cars(n_ev, steps)
        game, _ = classes_of(cars, classes)
        alone = solve_game(game, margin=0.0, integers=False, tries=3000)
        grow(cars, game, alone, "price taker")
        if classes <= 500:
            peak = alone.load_kw(game).sum(axis=0).max()
            width = 0.25 * peak
            blocks = {"block_kw": np.array([width, width, width, np.inf])}
            curved = replace(game, **blocks, block_premium=np.array([0.0, 0.02, 0.05, 0.1]))
            grow(cars, curved, solve_game(curved, margin=0.0, integers=False, tries=3000), "supply curve")
            limited = replace(game, import_limit_kw=np.full(steps, 0.6 * peak))
            solution = solve_game(limited, margin=0.0, integers=False, tries=3000)
            grow(cars, limited, solution, "import limit: 60 % of the peak")


def grow(cars: Cars, game: Game, s: Solution, leader: str) -> None:
    target_kw = None if game.separable else s.response.load_kw(game)
    on_all = profit_on_all(cars, game, s.price, target_kw)
    begin = time.perf_counter()
    price, tuned = tune(cars, game, s.price)
    seconds = time.perf_counter() - begin
    bounded = game.import_limit_kw is None
    below = 100 * (1 - tuned.profit / upper_bound(cars, game, price)) if bounded else np.nan
    row(
        f"{len(cars):,}",
        game.n_steps,
        game.n_classes,
        leader,
        f"{s.objective:,.0f}",
        f"{on_all.profit:,.0f}",
        f"{tuned.profit:,.0f}",
        f"{below:.1f} %" if bounded else "",
        f"{on_all.load_kw.max() / 1e3:,.0f}, tuned {tuned.load_kw.max() / 1e3:,.0f}",
        f"{s.seconds:.1f}",
        f"{seconds:.1f}",
    )


def fleet(n_ev: int) -> None:
    """Tune on every car from the day-ahead price, and state the ceiling of the profit of any price."""
    head("EVs", "steps", "leader", "tuned", "upper bound", "below it", "bills", "peak, MW", "tuning", "bound")
    for steps in (24, 96):
        cars = draw_cars(n_ev, steps)
        game, _ = classes_of(cars, 5)
        width = 0.0
        for leader in ("price taker", "supply curve"):
            if width:
                blocks = {"block_kw": np.array([width, width, width, np.inf])}
                game = replace(game, **blocks, block_premium=np.array([0.0, 0.02, 0.05, 0.1]))
            begin = time.perf_counter()
            price, tuned = tune(cars, game, game.day_ahead)
            middle = time.perf_counter()
            bound = upper_bound(cars, game, price)
            end = time.perf_counter()
            width = 0.25 * tuned.load_kw.max()
            row(
                f"{n_ev:,}",
                steps,
                leader,
                f"{tuned.profit:,.0f}",
                f"{bound:,.0f}",
                f"{100 * (1 - tuned.profit / bound):.2g} %",
                f"{tuned.bills:,.0f}",
                f"{tuned.load_kw.max() / 1e3:,.0f}",
                f"{middle - begin:.1f}",
                f"{end - middle:.1f}",
            )


def grid() -> None:
    """Show disorderly against orderly charging beside a base load, with and without a price or a limit of the peak."""
    case = load_case("portfolio-grid")
    game = case.game
    base = game.base_load_kw
    head("terms", "way to run the day", "profit", "drivers pay", "peak", "valley", "difference", "ramp, kW/h", "factor")
    for terms, changes, margin in (
        ("price of energy alone", {}, None),
        ("peak at 0.1 $/kW and day", {"demand_charge": 0.1}, None),
        ("peak at 0.3 $/kW and day", {"demand_charge": 0.3}, None),
        ("peak at 0.3 $/kW and day, margin 0", {"demand_charge": 0.3}, 0.0),
        ("peak of 12,500 kW at most, margin 0", {"import_limit_kw": 12_500.0 - base}, 0.0),
    ):
        day = run_day(replace(case, game=replace(game, **changes)), margin=margin)
        money = {one.name: (f"{one.profit:,.0f}", f"{one.driver_cost:,.0f}") for one in day.accounts}
        for one in grid_rows(day.accounts, base, game.dt_h):
            kw = [f"{one[key]:,.0f}" for key in ("peak_kw", "valley_kw", "peak_valley_kw", "ramp_kw_h")]
            factor = "" if one["load_factor"] is None else f"{one['load_factor']:.2f}"
            if not changes or one["plan"] in ("stage one", "with V2G"):
                status = f" ({day.solution.status})" if one["plan"] == "stage one" else ""
                row(terms, one["plan"] + status, *money.get(one["plan"], ("", "")), *kw, factor)


def reserve(time_limit: float) -> None:
    """Show reserve products beside V2G: surplus, bids, payment, and what calls cost as planned and as simulated."""
    names = ("products", "surplus gained", "gap", "hours bid", "greatest bid, MW", "payment", "calls, planned")
    head(*names, "calls, simulated", "penalties", "not delivered")
    case = load_case("portfolio-reserve")
    regulation, fcr = "pjm-regulation", "fcr-germany"
    for chosen in (
        {regulation: {"capacity_price": 10.0}},
        {regulation: {"capacity_price": 30.0}},
        {regulation: {"capacity_price": 45.0}},
        {regulation: {"capacity_price": 30.0, "injection_allowed": True}},
        {fcr: {"capacity_price": 10.0}},
        {fcr: {"capacity_price": 20.0}},
        {"fcr-d-up": {"capacity_price": 57.19}},
        {fcr: {"capacity_price": 20.0}, regulation: {"capacity_price": 30.0}},
    ):
        keys = [
            replace(one, currency="$", **changes) for name, changes in chosen.items() for one in load_products([name])
        ]
        day = run_day(case.with_reserve(keys), time_limit=time_limit)
        assert day.second is not None
        assert day.alone is not None
        assert day.calls is not None
        offered, calls = day.second.reserve, day.calls
        row(
            " and ".join(
                f"{name} at {changes['capacity_price']:g}" + (", may inject" if "injection_allowed" in changes else "")
                for name, changes in chosen.items()
            ),
            f"{day.second.surplus - day.alone.surplus:,.2f}",
            f"{day.second.reserve_gap:.2f}",
            " and ".join(f"{float((one.bid_kw > 0).sum()) * one.product.block_h:g}" for one in offered),
            " and ".join(f"{one.bid_kw.max() / 1000:.1f}" for one in offered),
            f"{sum(float(one.payment.sum()) for one in offered):,.2f}",
            f"{sum(float(one.call_cost.sum()) for one in offered):,.2f}",
            f"{calls.cost.mean():,.2f}",
            f"{calls.penalty.mean():,.2f}",
            f"{100 * calls.missed_kwh.sum() / max(calls.called_kwh.sum(), 1e-9):.2f} %",
        )


def customers(time_limit: float) -> None:
    """Price against a competitor at 0.8 of the mean day-ahead price, beside a price that forgets those who leave."""
    names = (
        "game",
        "customers",
        "kept",
        "profit",
        "upper bound",
        "status",
        "mean paid over p",
        "price that forgets it",
    )
    head(*names, "seconds")
    portfolio = load_case("portfolio").game
    width = 0.25 * portfolio.max_load_kw.max()
    curve = {"block_kw": np.array([width, width, np.inf]), "block_premium": np.array([0.0, 0.005, 0.02])}
    free = {"lower": 0.5 * portfolio.day_ahead, "upper": 3.0 * portfolio.day_ahead, "mean_sense": "<=", "mean": 9.0}
    for game in (
        load_case("wei-2015").game,
        portfolio,
        replace(portfolio, **free, name="portfolio, free mean, up to 3 p"),
        replace(portfolio, **free, **curve, name="the same, supply curve"),
        random_game(24, 10, 1),
    ):
        mean = float(game.day_ahead.mean())
        forgetful = solve_game(game, time_limit=time_limit)
        for who in (
            Customers(competitor=0.8 * mean, share_at_equal=0.8, sensitivity=4.0 / mean),
            Customers(competitor=0.8 * mean, share_at_equal=0.8, sensitivity=20.0 / mean),
            Customers(competitor=0.8 * mean, share_at_equal=0.9, sensitivity=1.0 / mean, model="linear"),
        ):
            kept = solve_customers(game, who, time_limit=time_limit)
            s, share = kept.solution, who.share(mean_paid(game, forgetful.price))
            forgets = verify(game.scaled(share), forgetful.price).profit if share > 0 else 0.0
            row(
                game.name,
                f"{who.model}, {who.sensitivity * mean:g}/p",
                f"{100 * kept.share:.1f} %",
                f"{s.objective:.4f}",
                f"{s.upper_bound:.4f}",
                s.status if s.status == "proven" else f"gap {100 * s.gap:.2g} %",
                f"{mean_paid(game, s.price) / mean:.3f}",
                f"{forgets:.4f} with {100 * share:.1f} %",
                f"{s.seconds:.2f}",
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", default=list(PARTS))
    parser.add_argument("--game", type=Path, action="append", default=[])
    parser.add_argument("--time-limit", type=float, default=120.0)
    parser.add_argument("--n-ev", type=int, default=3_000_000)
    options = parser.parse_args()
    for part in options.parts:
        print(f"\n### {part}\n")
        if part == "solver":
            solver(options.game, options.time_limit)
        elif part == "strict":
            strict(options.time_limit)
        elif part == "curve":
            curve()
        elif part == "search":
            search(options.game)
        elif part == "step":
            step()
        elif part == "scale":
            scale(options.n_ev)
        elif part == "fleet":
            fleet(options.n_ev)
        elif part == "grid":
            grid()
        elif part == "reserve":
            reserve(options.time_limit)
        elif part == "customers":
            customers(options.time_limit)
        else:
            parser.error(f"there is no part {part!r}; there are {', '.join(PARTS)}")


if __name__ == "__main__":
    main()
