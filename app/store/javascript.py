"""Runs the map functions of design documents, like CouchDB's view server (docs/kazoo/documents.md, section 8)."""

import json
import logging
import threading
from typing import Any

import quickjs

log = logging.getLogger(__name__)

# The limit for the values that a map function emits for a document, in characters.
MOST_EMITTED = 16_000_000
_MEMORY_LIMIT = 256 * 2**20
_SECONDS_A_DOCUMENT = 5

# As in CouchDB, a function that throws emits no rows for that document. Its rows for other documents stay.
_VIEW_SERVER = """
var emitted, left, maps = [];
function emit(key, value) {
  var text = JSON.stringify(value === undefined ? null : value) || 'null';
  left -= text.length;
  if (left < 0) throw new Error('too much');
  emitted.push([key === undefined ? null : key, text]);
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
function mapDocument(text, handle, most) {
  emitted = [];
  left = most;
  try { maps[handle](JSON.parse(text)); } catch (error) { if (left >= 0) emitted = []; }
  return left < 0 ? '' : JSON.stringify(emitted);
}
"""


class EmitsTooMuch(Exception):
    """A map function emits too much for a document."""


class MapFunctions:
    """The map functions of a process. Each is compiled only once. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._handles: dict[str, int] = {}
        self._start_engine()

    def rows(self, sources: list[str], document: dict[str, Any]) -> list[list[tuple[Any, str]]]:
        """The key and value of each row that each map function emits for a document, in the order of `sources`.

        Values are JSON texts. A function that exceeds the memory or time limit emits nothing. Raises EmitsTooMuch if
        one emits more than MOST_EMITTED.
        """
        if not sources:
            return []
        text = json.dumps(document)
        with self._lock:
            return [self._rows_of(source, text) for source in sources]

    def _rows_of(self, source: str, text: str) -> list[tuple[Any, str]]:
        try:
            emitted = self._map_document(text, self._handle(source), MOST_EMITTED)
        except (quickjs.JSException, quickjs.StackOverflow) as error:
            # The limit of memory or time. The engine's state is unknown, so the next function gets a new engine.
            log.warning("a view emits nothing for a document: %s", str(error)[:200])
            self._start_engine()
            return []
        if not emitted:
            raise EmitsTooMuch
        rows: list[tuple[Any, str]] = json.loads(emitted)
        return rows

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
