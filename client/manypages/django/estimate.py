"""How long a PDF of rows will take, from those of the past weeks."""

from __future__ import annotations

from math import ceil

from django.utils.formats import number_format
from django.utils.translation import gettext, ngettext

from .models import PdfRequest

BEGIN, ROWS_A_SECOND = 4.0, 5000.0  # until there is a better one: with workers up, see the decision
SAMPLES = 5


def seconds(model: str, rows: int) -> float:
    """Return the time of the last exports of a model, scaled to this number of rows."""
    past = PdfRequest.objects.filter(spec__model=model, seconds__isnull=False, rows__gt=0)
    seen = list(past.order_by("-created").values_list("rows", "seconds")[:SAMPLES])
    if not seen:
        return BEGIN + rows / ROWS_A_SECOND
    a_row = sum(max(0.0, taken - BEGIN) for _, taken in seen) / sum(count for count, _ in seen)
    return min(taken for _, taken in seen) if rows <= min(count for count, _ in seen) else BEGIN + rows * a_row


def in_words(model: str, rows: int) -> str:
    """Return the rows and the time, such as "50,000 rows, about 20 seconds"."""
    counted = ngettext("%s row", "%s rows", rows) % number_format(rows, use_l10n=True, force_grouping=True)
    taken = seconds(model, rows)
    if taken < 100:
        about = ceil(taken / 5) * 5
        time = ngettext("about %d second", "about %d seconds", about) % about
    else:
        minutes = ceil(taken / 60)
        time = ngettext("about %d minute", "about %d minutes", minutes) % minutes
    return gettext("%(rows)s, %(time)s") % {"rows": counted, "time": time}
