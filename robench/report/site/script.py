"""The one shared file beside the pages: the library that sorts and searches their tables, and what connects it.

DataTables comes with the package itables as a module of JavaScript. A browser loads no module from a folder without a
server, so what the module exports becomes a name of a plain script here; nothing else of it is changed.
"""

from __future__ import annotations

import re
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from robench.errors import RobenchError
from robench.extras import format_install_command
from robench.paths import read_regular
from robench.report.rendering.templates import read_template

NAME = "leaderboard.js"
_BUNDLE = Path("html", "dt_bundle.js")
_EXPORT = re.compile(r"export\s*\{([^{}]*)\};?")
_DEFAULT = re.compile(r"([\w$]+)\s+as\s+default\b")


def make_script() -> str:
    """Return the content of the shared file.

    Raises:
        RobenchError: itables is not installed, or brings the library in another form.
    """
    spec = find_spec("itables")
    if spec is None or not spec.submodule_search_locations:
        install = format_install_command("site")
        raise RobenchError(f"the pages need the package itables, which sorts their tables: `{install}` installs it.")
    version = metadata.version("itables")
    bundle = read_regular(Path(spec.submodule_search_locations[0]) / _BUNDLE).decode()
    export = next(iter(_EXPORT.finditer(bundle)), None)
    default = _DEFAULT.search(export[1]) if export else None
    if export is None or default is None:
        raise RobenchError(
            f"itables {version} brings DataTables in a form that robench does not know;"
            f" `{format_install_command('site')}` installs one that it knows."
        )
    library = f"{bundle[: export.start()]}\nglobalThis.DataTable = {default[1]};\n{bundle[export.end() :]}"
    return (
        f"/* DataTables, MIT licence, from itables {version}, MIT licence; at the end, the script of the pages. */\n"
        f'(() => {{ "use strict";\n{library}\n}})();\n{read_template("site/site.js")}'
    )
