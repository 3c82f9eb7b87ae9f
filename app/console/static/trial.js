// Where a call to a number goes, and why: the answer of `…/calls`, which exists with the setting EXPLAIN.

import {call, inAccount} from './api.js';
import {h, replace} from './dom.js';
import {segment, steps} from './paths.js';

// `focus(path)` goes to a field of this trunk.
export function tryNumber(element, id, focus) {
  const input = h('input', {id: 'tried', type: 'tel', autocomplete: 'off'});
  const answer = h('div', {class: 'trial', role: 'status'});
  const ask = async (event) => {
    event.preventDefault();
    try {
      const url = inAccount(`/connectivity/${segment(id)}/calls?to=${encodeURIComponent(input.value.trim())}`);
      replace(answer, outcome((await call('GET', url)).data, id, focus));
    } catch (error) {
      replace(answer, h('p', {class: 'error'}, error.status === 404 ? 'This server does not explain calls: EXPLAIN is off.' : error.message));
    }
  };
  replace(element,
    h('form', {class: 'with-button', onsubmit: ask},
      h('label', {class: 'field'}, h('span', {}, 'A number that is called, as saved'), input),
      h('button', {}, 'Try')),
    answer);
}

// The steps, what happens, and what follows if that fails.
function outcome({steps: looked, text, then}, id, focus) {
  const link = ({path, document_id: trunk}) => (trunk === id
    ? h('a', {href: '#', onclick: (event) => { event.preventDefault(); focus(steps(path)); }}, path)
    : h('a', {href: `#/trunks/${encodeURIComponent(trunk)}`}, path));
  return [
    h('ul', {}, looked.map((step) => h('li', {}, step.text, step.document_id ? [': ', link(step)] : null))),
    h('p', {}, h('strong', {}, text)),
    then ? [h('p', {}, 'If that fails:'), h('div', {}, outcome(then, id, focus))] : null,
  ];
}
