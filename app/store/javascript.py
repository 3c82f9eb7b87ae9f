"""Runs the map functions of design documents, as CouchDB's view server does (docs/kazoo/documents.md, section 8)."""

import json
import threading
from typing import Any

import quickjs

_MEMORY_LIMIT = 256 * 2**20
_SECONDS_A_DOCUMENT = 5

# As in CouchDB, a function that throws an error emits no rows for that document, but keeps its other rows.
_VIEW_SERVER = """
var emitted, maps = [];
function emit(key, value) {
  emitted.push([key === undefined ? null : key, value === undefined ? null : value]);
}
function isArray(value) { return Array.isArray(value); }
function toJSON(value) { return JSON.stringify(value); }
function log() {}
function sum(values) { return values.reduce(function (total, value) { return total + value; }, 0); }
function addMap(source) {
  var map = null;
  try { map = (0, eval)('(' + source + ')'); } catch (error) {}
  return maps.push(map) - 1;
}
function mapDocument(text, handles) {
  var rows = JSON.parse(handles).map(function (handle) {
    emitted = [];
    try { maps[handle](JSON.parse(text)); } catch (error) { return []; }
    return emitted;
  });
  return JSON.stringify(rows);
}
"""


class MapFunctions:
    """The map functions of one process. Each is compiled only once. Safe with threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._handles: dict[str, int] = {}
        self._start_engine()

    def rows(self, sources: list[str], document: dict[str, Any]) -> list[list[tuple[Any, Any]]]:
        """The (key, value) pairs that each map function emits for a document, in the order of `sources`.

        If the functions exceed the limits of memory or time, none of them emits anything.
        """
        if not sources:
            return []
        text = json.dumps(document)
        with self._lock:
            try:
                handles = json.dumps([self._handle(source) for source in sources])
                rows: list[list[tuple[Any, Any]]] = json.loads(self._map_document(text, handles))
                return rows
            except (quickjs.JSException, quickjs.StackOverflow):
                # Out of memory or time. The engine's state is unknown, so the next document gets a new engine.
                self._start_engine()
                return [[] for _ in sources]

    def _handle(self, source: str) -> int:
        if source not in self._handles:
            self._handles[source] = self._add_map(source)
        return self._handles[source]

    def _start_engine(self) -> None:
        context = quickjs.Context()
        context.set_memory_limit(_MEMORY_LIMIT)
        context.set_time_limit(_SECONDS_A_DOCUMENT)
        context.eval(_VIEW_SERVER)
        self._handles.clear()
        self._add_map = context.get("addMap")
        self._map_document = context.get("mapDocument")
