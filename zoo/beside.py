"""The package ``export``, which stands beside this one."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from zoo.errors import UsageError


def expect_export() -> None:
    """Refuse to go on where a file or folder of the user's, which Python finds first, hides it. Raises UsageError."""
    found = find_spec("export")
    places = [found.origin or "-", *(found.submodule_search_locations or [])] if found else []
    where = next((place for place in places if Path(place).exists()), "")
    if not where or not Path(where).samefile(Path(__file__).parent.parent / "export" / "__init__.py"):
        raise UsageError(
            f"{where!r} hides the package 'export' of denoise-zoo; rename it, or start from another folder"
        )
