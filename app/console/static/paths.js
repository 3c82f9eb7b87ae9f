// Members of a document by their path, an array of names and indexes.

export const written = (path) => path.join('.');

// A written path as steps; indexes of arrays are numbers.
export const steps = (text) => text.split('.').map((step) => (/^\d+$/.test(step) ? Number(step) : step));

export function at(document, path) {
  return path.reduce((value, step) => (value === null || value === undefined ? undefined : value[step]), document);
}

// Sets a member, and makes the objects around it, also in place of PHP's empty arrays. `undefined` removes it.
export function put(document, path, value) {
  let place = document;
  for (const [index, step] of path.slice(0, -1).entries()) {
    const isList = typeof path[index + 1] === 'number';
    const isEmptyOther = Array.isArray(place[step]) && !isList && !place[step].length;
    if (place[step] === null || typeof place[step] !== 'object' || isEmptyOther) {
      if (value === undefined) return;
      place[step] = isList ? [] : {};
    }
    place = place[step];
  }
  const last = path[path.length - 1];
  if (value !== undefined) place[last] = value;
  else if (Array.isArray(place)) place.splice(last, 1);
  else delete place[last];
}

// JSON as an object. Numbers that JavaScript would change (1.0, 12345678901234567890) are kept as they are written.
export function parse(text) {
  if (!JSON.rawJSON) return JSON.parse(text);
  const exact = (_, value, context) =>
    (typeof value === 'number' && context && context.source !== String(value) ? JSON.rawJSON(context.source) : value);
  return JSON.parse(text, exact);
}

export const copy = (value) => (value === undefined ? undefined : parse(JSON.stringify(value)));

// Equal JSON, whatever the order of members.
export function same(one, other) {
  if (one === other) return true;
  if (JSON.isRawJSON && JSON.isRawJSON(one)) return JSON.isRawJSON(other) && one.rawJSON === other.rawJSON;
  if (!isObject(one) && !Array.isArray(one)) return false;
  if (Array.isArray(one) !== Array.isArray(other) || typeof other !== 'object' || other === null) return false;
  const names = Object.keys(one);
  return names.length === Object.keys(other).length && names.every((name) => name in other && same(one[name], other[name]));
}

export const isObject = (value) =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(JSON.isRawJSON && JSON.isRawJSON(value));
