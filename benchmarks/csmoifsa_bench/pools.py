"""Make runs one by one, in processes of this machine, or on an existing Dask or Ray cluster.

joblib runs processes and Dask; its backend for Ray returns results only when all runs ended, so Ray is called
directly. Workers return outcomes and do not open the results file.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any, cast

from csmoifsa.errors import InputError, did_you_mean
from csmoifsa_bench.cells import Cell
from csmoifsa_bench.execute import RunOutcome, execute

BACKENDS = ("loky", "dask", "ray")
_IDLE_SECONDS = 30  # after which a worker whose coordinator was killed ends by itself

Map = Callable[[Iterable[Cell], bool], Iterator[RunOutcome]]


@contextmanager
def open_pool(backend: str = "loky", jobs: int | None = None, address: str | None = None) -> Iterator[Map]:
    """Open a pool: yield a function ``map(cells, one_at_a_time)`` that yields each outcome when its run ends.

    With ``one_at_a_time`` the pool has one run at a time, so that the run that ends its worker is known.

    Parameters
    ----------
    backend : str
        ``loky`` (processes on this machine; with one job, this process), ``dask`` or ``ray``.
    jobs : int, optional
        Number of runs at a time; by default the number of processors of the machine or the cluster.
    address : str, optional
        Address of the cluster's scheduler.

    Raises
    ------
    InputError
        An unknown backend, a cluster that cannot be reached, or a package that is missing.
    """
    if backend not in BACKENDS:
        raise InputError(
            f"--backend must be {', '.join(BACKENDS)}, not {backend!r}." + did_you_mean(backend, [*BACKENDS])
        )
    if jobs is not None and jobs < 1:
        raise InputError(f"--jobs must be at least 1, got {jobs}")
    if backend == "loky" and address is not None:
        raise InputError("--address is for --backend dask or ray")
    if backend == "loky":
        yield from _local(jobs or os.cpu_count() or 1)
    elif backend == "dask":
        yield from _dask(jobs, address)
    else:
        yield from _ray(jobs, address)


def _local(jobs: int) -> Iterator[Map]:
    if jobs == 1:
        yield lambda cells, one_at_a_time: map(execute, cells)
        return
    from joblib.externals.loky import get_reusable_executor

    try:
        yield _mapper("loky", jobs, idle_worker_timeout=_IDLE_SECONDS)
    finally:
        get_reusable_executor().shutdown(wait=True, kill_workers=True)


def _dask(jobs: int | None, address: str | None) -> Iterator[Map]:
    try:
        from distributed import Client
    except ImportError as error:
        raise InputError("--backend dask needs the package distributed: pip install 'csmoifsa[cluster]'") from error
    if address is None:
        raise InputError("--backend dask needs --address, e.g. tcp://127.0.0.1:8786 as 'dask scheduler' prints it")
    try:
        client = Client(address, timeout=5)
    except (OSError, ValueError) as error:
        raise InputError(f"there is no Dask scheduler at {address}: {error or type(error).__name__}") from error
    with client:
        yield _mapper("dask", jobs or -1)


def _ray(jobs: int | None, address: str | None) -> Iterator[Map]:
    try:
        ray = import_module("ray")
    except ImportError as error:
        raise InputError("--backend ray needs the package ray: pip install 'csmoifsa[cluster]'") from error
    mine = not ray.is_initialized()
    if mine:
        try:
            ray.init(address=address or "auto", log_to_driver=False, logging_level=logging.ERROR)
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise InputError(f"there is no Ray cluster at {address or 'this machine'}: {error}") from error
    try:
        remote = ray.remote(execute).options(max_retries=0)
        ahead = 2 * (jobs or int(ray.cluster_resources().get("CPU", 1)))

        def run(cells: Iterable[Cell], one_at_a_time: bool) -> Iterator[RunOutcome]:
            pending: list[object] = []
            for cell in cells:
                pending.append(remote.remote(cell))
                while len(pending) >= (1 if one_at_a_time else ahead):
                    done, pending = ray.wait(pending)
                    yield ray.get(done[0])
            while pending:
                done, pending = ray.wait(pending)
                yield ray.get(done[0])

        yield run
    finally:
        if mine:
            ray.shutdown()


def _mapper(backend: str, jobs: int, **options: object) -> Map:
    from joblib import Parallel, delayed, parallel_config

    def run(cells: Iterable[Cell], one_at_a_time: bool) -> Iterator[RunOutcome]:
        # in joblib, one job would mean this very process: one_at_a_time is two workers and one task
        how: dict[str, Any] = {"batch_size": 1, "pre_dispatch": 1 if one_at_a_time else "2 * n_jobs"}
        with parallel_config(backend, n_jobs=max(jobs, 2) if jobs > 0 else jobs, **options):
            parallel = Parallel(return_as="generator_unordered", **how)
            return cast("Iterator[RunOutcome]", parallel(delayed(execute)(cell) for cell in cells))

    return run
