"""The compile policy: cached where it can be, working where it cannot, announced, and renewed with every kernel."""

from __future__ import annotations

import sys
from importlib import import_module

import numpy as np
import pytest

from csmoifsa import jit


def square(x):
    return x * x


def adding(number: float):
    """Return a compiled function of no file, which cannot come from a cache."""
    names: dict = {}
    exec(f"def add(x):\n    return x + {number}", names)
    return jit.jit(names["add"])


def test_without_a_writable_cache_functions_still_compile(monkeypatch):
    def refuse(function, stamp):
        raise RuntimeError(f"cannot cache function {function.__name__!r}: no locator available")

    monkeypatch.setattr(jit, "KernelCache", refuse)
    compiled = jit.jit(square)
    assert compiled(3.0) == 9.0
    assert not compiled.stats.cache_path


def test_compilation_is_announced_once_and_only_if_it_happens():
    notices = []
    fresh, other = adding(1.0), adding(2.0)
    with jit.watch_compilation(lambda: notices.append(1)):
        fresh(1.0)
        other(1.0)
    assert notices == [1]
    with jit.watch_compilation(lambda: notices.append(2)):
        fresh(2.0)
    assert notices == [1]


KERNELS = {
    "dominance": ["rank_rows", "better_rows"],
    "fish": ["affinities_among", "find_neighbours", "concentrations"],
    "generation": ["plan_rows", "accept_rows", "run_generations"],
    "selection": ["environmental_selection"],
    "space": ["latin_hypercube", "place", "total_violation"],
}


def test_one_signature_a_kernel():
    """A second array type (order, dtype, read-only) would compile everything again."""
    from csmoifsa import CSMOIFSA, MOAFSA, load_problem
    from csmoifsa.runs import solve

    for algorithm in (CSMOIFSA(pop_size=20), CSMOIFSA(pop_size=20, paper=True), MOAFSA(pop_size=20)):
        for problem in ("zdt1", "bnh", "dtlz2"):
            solve(load_problem(problem), algorithm, n_eval=100)
    from_lists = CSMOIFSA(pop_size=20, sampling=np.asfortranarray(np.full((20, 30), 0.5, np.float32)))
    solve(load_problem("zdt1"), from_lists, n_eval=100)
    for module, names in KERNELS.items():
        for name in names:
            assert len(getattr(import_module(f"csmoifsa.kernels.{module}"), name).signatures) <= 1, name


# ---- the cache ----

CALLEE = "from csmoifsa.jit import jit\n\n@jit\ndef step(x):\n    return x + {}\n"
CALLER = (
    "from csmoifsa.jit import jit\nfrom changing.kernels.callee import step\n\n"
    "@jit\ndef loop(x):\n    for _ in range(3):\n        x = step(x)\n    return x\n"
)
RUN = "from changing.kernels.caller import loop; print(loop(1.0), sum(loop.stats.cache_hits.values()))"


def test_a_changed_callee_recompiles_the_loop(tmp_path, run_python):
    kernels = tmp_path / "changing" / "kernels"
    kernels.mkdir(parents=True)
    for folder in (kernels.parent, kernels):
        (folder / "__init__.py").touch()
    (kernels / "caller.py").write_text(CALLER)
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); {RUN}"
    printed = []
    for number in (1.0, 1.0, 10.0, 10.0):
        (kernels / "callee.py").write_text(CALLEE.format(number))
        done = run_python(code)
        assert done.code == 0, done.err
        printed.append(done.out.strip())
    assert printed == ["4.0 0", "4.0 1", "31.0 0", "31.0 1"]


def test_the_stamp_covers_all_kernels_that_can_take_part():
    from csmoifsa.kernels.generation import run_generations

    files = {path.name for path in jit.kernel_files(run_generations.py_func)}
    assert {"jit.py", "settings.py", "records.py", "random.py", "forage.py", "generation.py"} <= files
    evaluate = import_module("csmoifsa_zdt.kernels").evaluate
    assert {"jit.py", "random.py"} <= {path.name for path in jit.kernel_files(evaluate.py_func)}
    assert sys.modules["csmoifsa_zdt.kernels"].__file__ in map(str, jit.kernel_files(evaluate.py_func))


def test_a_kernel_of_another_package_counts_by_the_functions_it_lends():
    """A module of no package that uses a problem's kernels depends on all kernels of that package."""
    from csmoifsa_zdt import kernels

    def own(x):
        return x

    names = {"theirs": kernels.evaluate, "__name__": "own"}
    function = type(own)(own.__code__, names, "own")
    assert str(kernels.__file__) in map(str, jit.kernel_files(function))


# ---- types of records ----


def test_types_follow_the_annotations():
    from numba import typeof

    from csmoifsa.kernels import records

    task = records.Task(np.zeros(1, np.int64), np.zeros(2), np.ones(2), np.zeros(3, bool), 7)
    assert jit.record_type(records.Task) == typeof(task)
    memory = records.Memory(np.zeros(2), np.zeros(1), np.zeros(3))
    assert jit.record_type(records.Memory) == typeof(memory)
    assert [jit.record_type(kind) for kind in (int, float, bool)] == [typeof(1), typeof(1.0), typeof(True)]


@pytest.mark.parametrize("index", range(3))
def test_a_choice_calls_the_behaviour_with_that_number(index):
    from csmoifsa.kernels.behaviours import choice

    choose = choice([fill_with(number) for number in (5.0, 6.0, 7.0)])
    table = np.zeros(2)
    choose(index, np.arange(2), table, 0, 0, 0, 0, 0)
    assert table.tolist() == [5.0 + index] * 2


def fill_with(number: float):
    """Return a compiled behaviour that writes a number into the given rows of its second argument."""
    names: dict = {}
    code = f"    for q in rows:\n        table[q] = {number}"
    exec(f"def fill(rows, table, population, parents, memory, settings, offspring):\n{code}", names)
    return jit.jit(names["fill"])


def borrowing_functions():
    """Return (file and name, function) of each kernel marked ``borrows=True``."""
    import ast
    from pathlib import Path

    for file in sorted((Path(jit.__file__).parent / "kernels").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and any("borrows=True" in ast.unparse(d) for d in node.decorator_list):
                yield (
                    f"{file.stem}.{node.name}",
                    ast.unparse(node.returns) if node.returns else "None",
                    ast.unparse(node),
                )


BORROWING = list(borrowing_functions())


@pytest.mark.parametrize(("name", "returns", "source"), BORROWING, ids=[name for name, *_ in BORROWING])
def test_kernels_that_count_no_references_hand_out_no_array(name, returns, source):
    """A returned array would be freed while its owner still uses it; a new one would never be freed."""
    assert returns in {"None", "int", "float", "bool", "np.uint64"}, f"{name} returns {returns}"
    for maker in ("np.empty", "np.zeros", "np.arange", ".copy("):
        assert maker not in source, f"{name} makes an array with {maker}"


def test_machine_code_from_the_cache_needs_no_rules_of_compilation(tmp_path):
    """A short run must not import what only a compilation reads; a later compilation must still find it."""
    import os
    import subprocess

    program = (
        "import sys\n"
        "from numba import njit\n"
        "from csmoifsa import CSMOIFSA, load_problem\n"
        "from csmoifsa.runs import solve\n"
        "F = solve(load_problem('zdt1'), CSMOIFSA(pop_size=20), n_eval=200, seed=1).F\n"
        "print('numba.np.linalg' in sys.modules, F.tobytes().hex())\n"
        "print(njit(lambda x: x + 1.0)(F[0, 0]) == F[0, 0] + 1.0)\n"
    )
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    first, second = (
        subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
        for _ in range(2)
    )
    assert first.stdout.split()[0] == "True"
    assert second.stdout.split()[0] == "False"
    assert first.stdout.split()[1:] == second.stdout.split()[1:]
    assert second.stdout.split()[-1] == "True"


def in_processes(program: str, folder, n: int) -> list[str]:
    """Return what ``n`` processes print, one after another, that share a cache in ``folder``."""
    import os
    import subprocess

    environment = {**os.environ, "NUMBA_CACHE_DIR": str(folder / "cache"), "PYTHONPATH": str(folder)}
    run = [sys.executable, "-c", program]
    return [subprocess.run(run, env=environment, capture_output=True, text=True, check=True).stdout for _ in range(n)]


def test_machine_code_from_the_cache_is_whole(tmp_path):
    """It returns arrays, raises errors with texts, and can be called by other compiled functions."""
    (tmp_path / "some_kernels.py").write_text(
        "import numpy as np\n"
        "from numba import njit\n"
        "from csmoifsa.jit import jit\n"
        "@jit\n"
        "def halves(x):\n"
        "    if x.size == 0:\n"
        "        raise ValueError('no values')\n"
        "    return x / 2.0, 'halves'\n"
        "@njit\n"
        "def told(x):\n"
        "    print(x.size)\n"
        "    return halves(x)\n"
        "@jit\n"
        "def calling(x):\n"
        "    return told(x)\n"
    )
    program = (
        "import numpy as np\n"
        "from numba import njit\n"
        "from some_kernels import calling, halves\n"
        "print(calling(np.arange(3.0)))\n"
        "try:\n"
        "    calling(np.empty(0))\n"
        "except ValueError as error:\n"
        "    print(error)\n"
        "print(calling.stats.cache_hits.total(), njit(lambda x: halves(x)[0].sum())(np.arange(3.0)))\n"
    )
    first, second = in_processes(program, tmp_path, 2)
    assert first == "3\n(array([0. , 0.5, 1. ]), 'halves')\n0\nno values\n0 1.5\n"
    assert second == first.replace("0 1.5", "1 1.5")


def test_a_file_that_changes_before_its_first_compile_is_compiled_anew(tmp_path):
    """Machine code of the old text must not be found under the new one."""
    file = tmp_path / "some_kernels.py"
    old = "from csmoifsa.jit import jit\n@jit\ndef more(x):\n    return x + 1.0\n"
    file.write_text(old)
    change = f"import pathlib, some_kernels; pathlib.Path({str(file)!r}).write_text({old.replace('1.0', '2.0')!r}); "
    assert in_processes(change + "print(some_kernels.more(0.0))", tmp_path, 1) == ["1.0\n"]
    assert in_processes("import some_kernels; print(some_kernels.more(0.0))", tmp_path, 1) == ["2.0\n"]
