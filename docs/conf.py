"""How Sphinx builds the documentation: `make docs` writes it to build/docs, without a network."""

import sys
from pathlib import Path

from robench.version import VERSION

sys.path.insert(0, str(Path(__file__).parent))  # for pages_from_code

project = "robench"
author = "the robench developers"
version = release = VERSION
language = "en"
smartquotes = False  # it would make one dash of the two before an option

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "pages_from_code"]
exclude_patterns = ["pages_from_code"]
myst_heading_anchors = 3
myst_links_external_new_tab = False
suppress_warnings = ["myst.header"]  # pages from code may begin at any level

default_role = "code"  # docstrings have single backticks, as Markdown has
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True  # attributes of a class as a list, not as objects beside its members
nitpick_ignore_regex = [(r"py:.*", r".*")]  # types of other projects, and names behind the faces; links of pages count

html_theme = "furo"
html_title = "robench"
html_static_path = ["_static"]
html_css_files = ["robench.css"]
html_js_files = ["robench.js"]
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {"navigation_with_keys": False}
