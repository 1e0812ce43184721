"""Where the script of <pdf-download> is, for web apps that serve it."""

from __future__ import annotations

from pathlib import Path


def element_path() -> Path:
    """Return the path of pdf-download.js. Django finds it by itself, with `manypages.django` in INSTALLED_APPS."""
    return Path(__file__).parent / "django" / "static" / "manypages" / "pdf-download.js"
