// Two people have changed a trunk: what each has, side by side, and one document of both by choice.

import {ask, h} from './dom.js';
import {at, copy, isObject, put, same, written} from './paths.js';

// The places that `one` and `other` have otherwise. Arrays are compared item by item if they have the same items in the
// same places; otherwise an array is one value, so that no server is made of two.
export function differences(one, other, path = []) {
  const areObjects = isObject(one) && isObject(other);
  const areLists = Array.isArray(one) && Array.isArray(other) && one.length === other.length
    && one.every((item, index) => isObject(item) && isObject(other[index]) && same(identity(item), identity(other[index])));
  if (areObjects || areLists) {
    const names = areLists ? one.map((_, index) => index) : [...new Set([...Object.keys(one), ...Object.keys(other)])];
    return names.flatMap((name) => differences(one[name], other[name], [...path, name]));
  }
  return same(one, other) ? [] : [path];
}

function identity(item) {
  return [item.server_name, item.name, at(item, ['auth', 'auth_user']), at(item, ['auth', 'ip'])];
}

// Resolves with the merged document, or null. Where only one of both changed a place, that change is chosen already.
export async function merge(base, mine, theirs) {
  const places = differences(mine, theirs);
  if (!places.length) return copy(theirs);
  const chosen = places.map((path) => (same(at(base, path), at(theirs, path)) ? 'mine' : 'theirs'));
  return ask('Somebody else was first', (close) => [
    h('p', {}, 'This trunk was changed while you edited it. Choose what to keep.'),
    h('div', {class: 'scrolled', tabindex: 0}, h('table', {class: 'merge'},
      h('thead', {}, h('tr', {}, ['Member', 'Yours', 'Theirs'].map((text) => h('th', {scope: 'col'}, text)))),
      h('tbody', {}, places.map((path, index) => h('tr', {},
        h('th', {scope: 'row'}, written(path)),
        cell(path, index, 'mine', mine, chosen), cell(path, index, 'theirs', theirs, chosen)))))),
    h('div', {class: 'bar'},
      h('button', {type: 'button', class: 'main', onclick: () => close(merged(mine, theirs, places, chosen))}, 'Use these'),
      h('button', {type: 'button', onclick: () => close(null)}, 'Cancel')),
  ]);
}

function cell(path, index, side, document, chosen) {
  const value = at(document, path);
  const shown = value === undefined ? '(nothing)' : JSON.stringify(value, null, 1);
  const radio = h('input', {type: 'radio', name: `place-${index}`, checked: chosen[index] === side,
    'aria-label': `${side === 'mine' ? 'Yours' : 'Theirs'}: ${written(path)}`, onchange: () => { chosen[index] = side; }});
  return h('td', {}, h('label', {}, radio, h('code', {}, shown)));
}

function merged(mine, theirs, places, chosen) {
  const result = copy(theirs);
  // From the last place on, so that an item that is removed moves no other place.
  places.map((path, index) => [path, chosen[index]]).reverse().forEach(([path, side]) => {
    if (side === 'mine') put(result, path, copy(at(mine, path)));
  });
  return result;
}
