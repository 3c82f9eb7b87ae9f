// Members of a document by their path, an array of names and indexes.

export const written = (path) => path.join('.');

export function at(document, path) {
  return path.reduce((value, step) => (value === null || value === undefined ? undefined : value[step]), document);
}

// Sets a member, and makes the objects around it. `undefined` removes it.
export function put(document, path, value) {
  let place = document;
  for (const [index, step] of path.slice(0, -1).entries()) {
    if (place[step] === null || typeof place[step] !== 'object') {
      if (value === undefined) return;
      place[step] = typeof path[index + 1] === 'number' ? [] : {};
    }
    place = place[step];
  }
  const last = path[path.length - 1];
  if (value !== undefined) place[last] = value;
  else if (Array.isArray(place)) place.splice(last, 1);
  else delete place[last];
}

export const copy = (value) => (value === undefined ? undefined : JSON.parse(JSON.stringify(value)));

// Equal JSON, whatever the order of members.
export function same(one, other) {
  if (one === other) return true;
  if (!isObject(one) && !Array.isArray(one)) return false;
  if (Array.isArray(one) !== Array.isArray(other) || typeof other !== 'object' || other === null) return false;
  const names = Object.keys(one);
  return names.length === Object.keys(other).length && names.every((name) => name in other && same(one[name], other[name]));
}

export const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);
