"""Lays a mail out as HTML. Every value is escaped. Styles are at the elements: mail programs drop style sheets."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from markupsafe import Markup

from ...settings import Settings

PAGE = Markup(
    '<!doctype html><html lang="{lang}"><head><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width, initial-scale=1"><title>{title}</title></head>'
    '<body style="margin:0;padding:16px;background:#f3f4f6;color:#1f2937;'
    'font:16px/1.5 system-ui,-apple-system,Segoe UI,Roboto,Helvetica,Arial,sans-serif">'
    '<div role="main" style="max-width:560px;margin:0 auto;padding:24px;background:#ffffff;'
    'border-top:4px solid {colour};overflow-wrap:anywhere">{head}{body}</div></body></html>'
)
HEAD = Markup('<p style="margin:0 0 20px;font-weight:600">{}</p>')
LOGO = Markup('<img src="{}" alt="{}" height="40" style="height:40px;max-width:100%;border:0">')
FIRST = Markup('<h1 style="margin:0 0 12px;font-size:20px;line-height:1.3">{}</h1>')
LINE = Markup('<p style="margin:0 0 8px">{}</p>')
BUTTON = Markup(
    '<p style="margin:20px 0"><a href="{}" style="display:inline-block;padding:12px 24px;border-radius:6px;'
    'background:{};color:{};font-weight:600;text-decoration:none">{}</a></p>'
)
LINK = Markup('<p style="margin:0 0 8px"><a href="{}" style="color:#1d4ed8">{}</a></p>')
QUIET = Markup('<p style="margin:12px 0 0;font-size:14px;color:#4b5563">{}</p>')
BACK = Markup('<p style="margin:20px 0 0"><a href="{}" style="color:#1d4ed8">{}</a></p>')

Link = tuple[str, str]
"""Words and URL."""


def page(
    settings: Settings,
    lang: str,
    lines: Sequence[str],
    links: Sequence[Link],
    notes: Sequence[str],
    back: Link | None,
) -> str:
    """Return a mail: its sentences, a button for the first link, the other links, and notes in smaller print."""
    colour = settings.house_colour
    body = FIRST.format(lines[0]) + Markup("").join(map(LINE.format, lines[1:]))
    for n, (words, url) in enumerate(links):
        body += LINK.format(url, words) if n else BUTTON.format(url, colour, _ink(colour), words)
    body += Markup("").join(map(QUIET.format, notes))
    if back:
        body += BACK.format(back[1], back[0])
    return str(PAGE.format(lang=lang, title=lines[0], colour=colour, head=_head(settings), body=body))


def _head(settings: Settings) -> Markup:
    """Return the logo, or the name alone."""
    name = settings.house_name or urlsplit(settings.base_url).hostname or ""
    if settings.house_logo:
        return HEAD.format(LOGO.format(settings.house_logo, name))
    return HEAD.format(settings.house_name) if settings.house_name else Markup("")


def _ink(colour: str) -> str:
    """Return white or black: the colour of text with more contrast on a colour, #rrggbb (WCAG 2.2)."""
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    luminance = sum(share * part for share, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
    return "#ffffff" if luminance < 0.179 else "#000000"
