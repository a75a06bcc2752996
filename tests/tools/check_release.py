"""Check a release: the wheel holds the packages whole and nothing else, and every file states the same version.

``python tests/tools/check_release.py out/release`` prints what is wrong and ends with exit code 1 if anything is.
"""

from __future__ import annotations

import re
import sys
import tarfile
import tomllib
import zipfile
from email.parser import HeaderParser
from pathlib import Path

ROOT = Path(__file__).parents[2]
IGNORED = ("__pycache__", ".pyc")


def wanted_in_wheel(packages: list[str]) -> set[str]:
    """Return the files of the packages as the wheel names them."""
    files = (path for package in packages for path in (ROOT / package).rglob("*") if path.is_file())
    parents = {ROOT / package: (ROOT / package).parent for package in packages}
    parent = {path: next(up for package, up in parents.items() if package in path.parents) for path in list(files)}
    names = {path.relative_to(up).as_posix() for path, up in parent.items()}
    return {name for name in names if not any(part in name for part in IGNORED)}


def check(folder: Path) -> list[str]:
    """Return what is wrong with the release in a folder, one sentence each."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    packages = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    (wheel,), (sdist,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    wrong = []
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
        metadata = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        message = HeaderParser().parsestr(archive.read(metadata).decode("utf-8"))
        if not any(name.endswith("licenses/LICENSE") for name in archive.namelist()):
            wrong.append("the wheel holds no LICENSE")
    wanted = wanted_in_wheel(packages)
    wrong += [f"the wheel lacks {name}" for name in sorted(wanted - names)]
    wrong += [f"the wheel holds {name}, which is in no package" for name in sorted(names - wanted)]
    if len(message.get_payload()) < 2000 or message["Description-Content-Type"] != "text/markdown":
        wrong.append("the long description is not the README")
    version = project["project"]["version"]
    for name, pattern in (
        ("csmoifsa/__init__.py", r'__version__ = "([^"]+)"'),
        ("CITATION.cff", r"(?m)^version: (\S+)$"),
        ("CHANGELOG.md", r"(?m)^## \[([^]]+)\]"),
    ):
        found = re.search(pattern, (ROOT / name).read_text(encoding="utf-8"))
        if found is None or found[1] != version:
            wrong.append(f"{name} does not say version {version}")
    with tarfile.open(sdist) as archive:
        inside = {name.partition("/")[2] for name in archive.getnames()}
    wrong += [
        f"the source distribution lacks {name}"
        for name in (
            "pyproject.toml",
            "README.md",
            "LICENSE",
            "CITATION.cff",
            "Makefile",
            "docs/conf.py",
            "tests/conftest.py",
        )
        if name not in inside
    ]
    wrong += [f"the source distribution holds {name}" for name in sorted(inside) if "docs/generated" in name]
    return wrong


if __name__ == "__main__":
    found = check(Path(sys.argv[1]))
    print("\n".join(found) or "the release is whole")
    sys.exit(bool(found))
