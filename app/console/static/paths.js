// Paths: members of a document by a path, which is an array of names and indexes, and ids in the paths of URLs.

export const pathText = (path) => path.join('.');

// The path from its text. Indexes of arrays are numbers.
export const steps = (text) => text.split('.').map((step) => (/^\d+$/.test(step) ? Number(step) : step));

export function at(document, path) {
  return path.reduce((value, step) => (value !== null && typeof value === 'object' && Object.hasOwn(value, step) ? value[step] : undefined), document);
}

// Sets a member and creates the objects around it. PHP writes empty objects as arrays, which are replaced too. The value
// `undefined` removes the member.
export function put(document, path, value) {
  let parent = document;
  for (const [index, step] of path.slice(0, -1).entries()) {
    const isList = typeof path[index + 1] === 'number';
    const inner = at(parent, [step]);
    const isEmptyArray = Array.isArray(inner) && !isList && !inner.length;
    if (inner === null || typeof inner !== 'object' || isEmptyArray) {
      if (value === undefined) return;
      define(parent, step, isList ? [] : {});
    }
    parent = parent[step];
  }
  const last = path[path.length - 1];
  if (value !== undefined) define(parent, last, value);
  else if (Array.isArray(parent)) parent.splice(last, 1);
  else delete parent[last];
}

// Sets a member of any name, also of one that objects inherit.
function define(parent, name, value) {
  Object.defineProperty(parent, name, {value, writable: true, enumerable: true, configurable: true});
}

// A value of a document as text: a string as it is, anything else as JSON.
export const textOf = (value) => (typeof value === 'string' ? value : JSON.stringify(value));

// An id as a segment of a URL. The API decodes segments twice.
export function segment(id) { return encodeURIComponent(id.replaceAll('%', '%25')); }

// Parses JSON. Numbers that JavaScript would change (1.0, 12345678901234567890) stay as they are written.
export function parse(text) {
  if (!JSON.rawJSON) return JSON.parse(text);
  const exact = (_, value, context) =>
    (typeof value === 'number' && context && context.source !== String(value) ? JSON.rawJSON(context.source) : value);
  return JSON.parse(text, exact);
}

export const copy = (value) => (value === undefined ? undefined : parse(JSON.stringify(value)));

// Whether two JSON values are equal. The order of members does not matter.
export function same(a, b) {
  if (a === b) return true;
  if (JSON.isRawJSON && JSON.isRawJSON(a)) return JSON.isRawJSON(b) && a.rawJSON === b.rawJSON;
  if (!isObject(a) && !Array.isArray(a)) return false;
  if (Array.isArray(a) !== Array.isArray(b) || typeof b !== 'object' || b === null) return false;
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => Object.hasOwn(b, name) && same(a[name], b[name]));
}

export const isObject = (value) =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(JSON.isRawJSON && JSON.isRawJSON(value));
