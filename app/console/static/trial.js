// Where a call to a number goes, and why: the answer of `…/calls`, which exists with the setting EXPLAIN.

import {call} from './api.js';
import {action, h, replace} from './dom.js';
import {storedNumber} from './numbers.js';
import {steps} from './paths.js';
import {t} from './texts.js';
import {trunkPath} from './trunk_requests.js';

// `place(path)` tells in words what a path of this trunk leads to, and `focus(path)` goes there.
export function tryNumber(element, id, place, focus) {
  const input = h('input', {id: 'tried', class: 'form-control', type: 'tel', autocomplete: 'off'});
  const answer = h('div', {class: 'trial mt-3', role: 'status'});
  const ask = async (event) => {
    event.preventDefault();
    replace(answer);
    try {
      const number = await storedNumber(input.value);
      if (!number) return;
      const url = `${trunkPath(id)}/calls?to=${encodeURIComponent(number)}`;
      replace(answer, outcome((await call('GET', url)).data, id, place, focus));
    } catch (error) {
      replace(answer, h('p', {class: 'error bad'}, error.status === 404 ? t.explainOff : error.message));
    }
  };
  replace(element,
    h('form', {class: 'narrow', onsubmit: ask},
      h('label', {class: 'form-label mb-1', for: 'tried'}, t.tried),
      h('div', {class: 'input-group'}, input, h('button', {class: 'btn btn-primary'}, t.try)),
      h('div', {class: 'form-text'}, t.triedHint)),
    answer);
}

// The steps, what happens, and what follows if that fails.
function outcome({steps: looked, text, then}, id, place, focus) {
  const link = ({path, document_id: trunk}) => (trunk === id
    ? action(place(steps(path)), () => focus(steps(path)))
    : h('a', {href: `#/trunks/${encodeURIComponent(trunk)}`}, `${t.anotherTrunk} (${path})`));
  return [
    h('ul', {}, looked.map((step) => h('li', {}, step.text, step.document_id ? [': ', link(step)] : null))),
    h('p', {}, h('strong', {}, text)),
    then ? [h('p', {}, t.ifThatFails), h('div', {class: 'ms-3'}, outcome(then, id, place, focus))] : null,
  ];
}
