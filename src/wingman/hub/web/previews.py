"""The first rows of a table, for pages that are about more than its rows.

Rows of given bytes never change, so each preview is made once. A page waits for it only a moment.
"""

from dataclasses import dataclass
from math import inf

from wingman.hub.errors import HubError
from wingman.hub.repos.model import Repo
from wingman.hub.viewer.model import RowsQuery, StillPreparing, Table, TableFacts
from wingman.hub.viewer.service import ViewerService
from wingman.hub.web.counted import Counted

PREVIEW_ROWS = 8
PREVIEW_PATIENCE_S = 0.25
MAX_PREVIEW_BYTES = 200 * 10**6
"""A table larger than this is read only for whoever opens it."""


@dataclass(frozen=True, slots=True)
class Preview:
    """`facts` is None while the table is being read."""

    facts: TableFacts | None = None
    rows: tuple[tuple[str | None, ...], ...] = ()


_previews: Counted[Preview] = Counted(size=256, fresh_s=inf)


def preview_of(viewer: ViewerService, repo: Repo, revision: str, table: Table) -> Preview | None:
    """None where the table is too large to be read unasked, or cannot be read."""
    if table.size > MAX_PREVIEW_BYTES:
        return None

    def make() -> Preview:
        facts = viewer.facts(repo, revision, table)
        return Preview(facts, viewer.rows(table, facts, RowsQuery(limit=PREVIEW_ROWS)).rows)

    key = (id(viewer), table.format, tuple(part.key for part in table.parts))
    try:
        return _previews.get(key, make, patience_s=PREVIEW_PATIENCE_S) or Preview()
    except StillPreparing:
        return Preview()
    except HubError:  # the viewer's own page says what is wrong with it
        return None
