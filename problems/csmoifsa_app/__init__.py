"""The application in the browser, ``csmoifsa app``; needs the extra ``app``.

It shows and runs what the packages below compute: a study is a folder with an input file that the command line reads,
and results that its commands write. Modules, each knowing only those before it: `guard` (who may ask), `fields` (keys
as a form), `base_folder`, `following` (values that follow from the load), `folder` and `case_folder` (one study: a
tariff's, an aggregator's), `sources` (data files of a tariff's study), `studies` (all of them), `recognised` (what was
read from data files), `what_if` (one tariff at a time), `case_work`, `worker` and `jobs` (work in processes of their
own), `pages`, `data_page`, `actions`, `beside_page` (studies side by side), `campaigns` and
`campaign_pages` (results files watched), `server` (addresses).
"""

from __future__ import annotations

from importlib.util import find_spec

from csmoifsa.errors import InputError

__all__ = ["COMMANDS"]

_NEEDED = {"starlette": "starlette", "uvicorn": "uvicorn", "python_multipart": "python-multipart", "tomlkit": "tomlkit"}
_MISSING = [package for module, package in _NEEDED.items() if find_spec(module) is None]

COMMANDS: dict[str, object] = {
    "app": InputError(f"command 'app' needs {', '.join(_MISSING)}; install with: pip install 'csmoifsa[app]'")
    if _MISSING
    else "csmoifsa_app.cli:app"
}
"""Names of commands, each with what is imported when it is called."""
