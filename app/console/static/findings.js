// What the service knows about a trunk: the findings of `audit`, before and after a save.

import {call, inAccount} from './api.js';
import {action, h, replace} from './dom.js';
import {steps} from './paths.js';
import {placeText} from './servers.js';
import {t} from './texts.js';

// Asks for findings in the envelope of an answer.
export const ASK = '?findings=true';
// A trunk may have thousands.
const MOST_SHOWN = 50;
// What the messages of `audit` end with: where the fact stands.
const SOURCE = / \((?:routing, views|(?:routing )?\d+(?:, \d+)*)\)/g;
// The classes of severities.
export const LOOKS = {error: 'bad', warning: 'doubt', note: 'text-body-secondary'};

// What would be found in a document if it were saved as the trunk with this id. Empty if the API would refuse it: a save
// tells why.
export async function findingsOf(document, id) {
  const asked = id ? {...document, id} : document;
  try {
    return (await call('PUT', inAccount(`/schemas/connectivity/validation${ASK}`), asked)).findings || [];
  } catch (error) {
    if (error.status === 401) throw error;
    return [];
  }
}

export const errorsIn = (findings) => findings.filter((finding) => finding.severity === 'error');

// Tells findings apart, wherever they are from.
export const keyOf = (finding) => `${finding.rule} ${finding.path} ${finding.message}`;

export const messageOf = ({rule, message}) => t.rules[rule] || message.replace(SOURCE, '');

// Shows what was found in a document, the worst first. `focus(path)` goes to a field.
export function showFindings(element, document, findings, focus) {
  const line = (finding) => h('li', {class: `list-group-item ${finding.severity}`},
    h('strong', {class: LOOKS[finding.severity]}, t[finding.severity]), ': ', messageOf(finding),
    finding.path ? [' (', action(placeText(document, steps(finding.path)), () => focus(steps(finding.path)), {'data-to': finding.path}), ')'] : null);
  const rest = findings.length - MOST_SHOWN;
  replace(element, findings.length ? h('ul', {class: 'list-group my-3'}, findings.slice(0, MOST_SHOWN).map(line)) : null,
    rest > 0 ? h('p', {}, t.moreFindings(rest)) : null);
}
