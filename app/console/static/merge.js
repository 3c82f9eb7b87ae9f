// Merges a trunk that two people have changed. It shows both versions side by side and lets the user choose.

import {differences} from './differences.js';
import {ask, button, h} from './dom.js';
import {at, copy, pathText, put, same} from './paths.js';
import {HIDDEN, hide, isSecret} from './secrets.js';
import {t} from './texts.js';

// Resolves to the merged document, or to null. If only one side changed a value, that side is preselected.
export async function merge(base, mine, theirs) {
  const paths = differences(mine, theirs);
  if (!paths.length) return copy(theirs);
  const choices = paths.map((path) => (same(at(base, path), at(theirs, path)) ? 'mine' : 'theirs'));
  return ask(t.someoneFirst, (close) => [
    h('p', {}, t.chooseWhatToKeep),
    h('div', {class: 'scrolled table-responsive', tabindex: 0}, h('table', {class: 'table merge'},
      h('thead', {}, h('tr', {}, [t.member, t.yours, t.theirs].map((text) => h('th', {scope: 'col'}, text)))),
      h('tbody', {}, paths.map((path, index) => h('tr', {},
        h('th', {scope: 'row'}, pathText(path)),
        cell(path, index, 'mine', mine, choices), cell(path, index, 'theirs', theirs, choices)))))),
    h('div', {class: 'd-flex gap-2'},
      button(t.useThese, 'primary', () => close(merged(mine, theirs, paths, choices))),
      button(t.cancel, 'outline-secondary', () => close(null))),
  ]);
}

function cell(path, index, side, document, choices) {
  const value = at(document, path);
  const isHidden = isSecret(path[path.length - 1]) && typeof value === 'string';
  const text = value === undefined ? t.nothing : isHidden ? HIDDEN : JSON.stringify(value, hide, 1);
  const radio = h('input', {type: 'radio', class: 'form-check-input me-1', name: `choice-${index}`, checked: choices[index] === side,
    'aria-label': `${side === 'mine' ? t.yours : t.theirs}: ${pathText(path)}`, onchange: () => { choices[index] = side; }});
  return h('td', {}, h('label', {}, radio, h('code', {}, text)));
}

function merged(mine, theirs, paths, choices) {
  const result = copy(theirs);
  // Start at the end, so that removing an item does not move the others.
  paths.map((path, index) => [path, choices[index]]).reverse().forEach(([path, side]) => {
    if (side === 'mine') put(result, path, copy(at(mine, path)));
  });
  return result;
}
