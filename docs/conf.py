"""How the documentation is built: ``make docs``, strict and without a network.

Pages are Markdown. What can be read from the code is generated before each build by `generate` (commands, keys of
files, settings, API) and lies in ``docs/generated``, which is not kept. Notebooks are shown with the outputs that they
were committed with; the tests run them.
"""

import os
import re
import sys
from pathlib import Path

os.environ["NUMBA_DISABLE_JIT"] = "1"  # compiled functions are documented as the plain functions that they are
sys.path.insert(0, str(Path(__file__).parent))

import generate

project = "CSMOIFSA"
author = "the CSMOIFSA authors"
project_copyright = "the CSMOIFSA authors, Apache-2.0"

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinxcontrib.katex"]
exclude_patterns = ["_ext", "README.md"]

myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence", "deflist"]
myst_heading_anchors = 3
myst_dmath_double_inline = True
nb_execution_mode = "off"  # the tests run the notebooks and compare their pictures

suppress_warnings = ["ref.python"]  # classes of one name in two packages: the page names both and links neither
smartquotes = False  # --out stays --out
default_role = "code"  # `name` in a docstring is code
autodoc_typehints = "none"  # docstrings state types, shapes and units
autodoc_member_order = "bysource"
napoleon_numpy_docstring = True
napoleon_google_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False

html_theme = "furo"
html_title = "CSMOIFSA"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
katex_css_path = "katex/katex.min.css"  # katex 0.16.22, the version whose script sphinxcontrib-katex brings


def setup(app):
    """Generate the reference before Sphinx looks for pages, and leave out what says nothing."""
    app.connect("builder-inited", lambda _: generate.generate_all(Path(__file__).parent / "generated"))
    app.connect("autodoc-skip-member", skip_member)
    app.connect("autodoc-process-docstring", mend_docstring)


def skip_member(app, what, name, value, skip, options):
    """Leave out the fields of named tuples, which Python documents as "Alias for field number 0"."""
    return True if str(getattr(value, "__doc__", "")).startswith("Alias for field number") else None


def mend_docstring(app, what, name, value, options, lines):
    """Keep the bars of |x|, which would name a substitution, and names that share a description: ``a, b : float``."""
    for number, line in enumerate(lines):
        if field := re.match(r":(param|type|ivar|vartype|raises) ([^:]+):", line):
            names = re.sub(r",\s+", ",", field[2])
            line = f":{field[1]} {names}:{line[field.end() :]}"
        parts = line.split("``")
        lines[number] = "``".join(part if k % 2 else part.replace("|", "\\|") for k, part in enumerate(parts))
