"""The deleted trunks of an account: `…/connectivity?deleted=true`, which Kazoo lacks (docs/deviations.md)."""

from app.crossbar import crossbar_doc
from app.crossbar.context import Context
from app.documents import start_key
from app.history import timeline
from app.resources.connectivity_history import MOST_ENTRIES, seen_by_caller
from app.trunks.deleted import DeletedTrunk


def load_deleted(context: Context) -> None:
    """Answer with a page of deleted trunks, the latest deletion first. `start_key` has a time and an id."""
    key = crossbar_doc.requested_start_key(context)
    first = (key[0], key[1]) if _is_sort_key(key) else None
    trunks = context.services.trunks.deleted(context.account_id)
    rest = [trunk for trunk in trunks if first is None or trunk.sort_key <= first]
    is_paginated = crossbar_doc.is_paginated(context)
    size = min(crossbar_doc.page_size(context), MOST_ENTRIES) if is_paginated else MOST_ENTRIES
    page, following = rest[:size], rest[size : size + 1]
    if is_paginated:
        context.paging = {"page_size": len(page)} | ({"start_key": start_key.encode(key)} if first else {})
        if following:
            context.paging["next_start_key"] = start_key.encode([*following[0].sort_key])
    context.respond(seen_by_caller(context, [_entry(trunk) for trunk in page]))


def _is_sort_key(key: object) -> bool:
    return isinstance(key, list) and [type(item) for item in key] == [int, str]


def _entry(trunk: DeletedTrunk) -> timeline.Entry:
    return {
        "id": trunk.trunk_id,
        "name": trunk.name,
        "revision": trunk.revision,
        "when": trunk.by.when,
        "who": timeline.who(trunk.by),
    }
