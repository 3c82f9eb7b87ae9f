// What the service knows about a trunk: the findings of `audit`, before and after a save.

import {call, inAccount} from './api.js';
import {h, replace} from './dom.js';
import {steps} from './paths.js';

// Asks for findings in the envelope of an answer.
export const ASK = '?findings=true';
// A trunk may have thousands.
const MOST_SHOWN = 50;
const KINDS = {error: 'Will not work', warning: 'May not work', note: 'Good to know'};

// What would be found in a document if it were saved. Empty if the API would refuse it: a save tells why.
export async function findingsOf(document) {
  try {
    return (await call('PUT', inAccount(`/schemas/connectivity/validation${ASK}`), document)).findings || [];
  } catch (error) {
    if (error.status === 401) throw error;
    return [];
  }
}

export const errorsIn = (findings) => findings.filter((finding) => finding.severity === 'error');

// Tells findings apart, wherever they are from.
export const keyOf = (finding) => `${finding.rule} ${finding.path} ${finding.message}`;

// Shows findings, the worst first. `focus(path)` goes to a field.
export function showFindings(element, findings, focus) {
  const line = (finding) => h('li', {class: finding.severity},
    h('strong', {}, KINDS[finding.severity]), ': ',
    finding.path ? h('a', {href: '#', onclick: (event) => { event.preventDefault(); focus(steps(finding.path)); }}, finding.path) : null,
    finding.path ? ': ' : null, finding.message);
  const rest = findings.length - MOST_SHOWN;
  replace(element, findings.length ? h('ul', {}, findings.slice(0, MOST_SHOWN).map(line)) : null,
    rest > 0 ? h('p', {}, `And ${rest} more: audit shows all.`) : null);
}
