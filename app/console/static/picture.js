// A picture of a trunk: carrier → numbers → PBX → how it proves itself → failover. One row for each PBX, from left to
// right; on a narrow screen from top to bottom.

import {action, h} from './dom.js';
import {isObject, steps} from './paths.js';
import {authOf, isOff, nameOf, numbersOf, serversOf} from './servers.js';
import {t} from './texts.js';

const NUMBERS_SHOWN = 2;

// A click on a part calls `focus` with the path of its field. Parts with findings have the colour of the worst.
export function picture(document, findings, focus) {
  const servers = serversOf(document);
  if (!servers.length) return h('p', {class: 'text-body-secondary mb-0'}, t.noPbxYet);
  return h('div', {class: 'picture', tabindex: 0, role: 'group', 'aria-label': t.picture},
    h('div', {class: 'route heads small text-body-secondary'}, Object.values(t.columns).map((text, index) => [index > 0 && h('span', {class: 'to invisible', 'aria-hidden': 'true'}), h('span', {class: 'head'}, text)])),
    servers.map((server, index) => row(isObject(server) ? server : {}, index, findings, focus)));
}

function row(server, index, findings, focus) {
  const path = ['servers', index];
  const numbers = numbersOf(server);
  const more = numbers.length > NUMBERS_SHOWN ? t.andMore(numbers.length - NUMBERS_SHOWN) : '';
  const failovers = failoversOf(server);
  const stops = [
    ['numbers', numbers.slice(0, NUMBERS_SHOWN).join(', ') + more || t.noNumbersHere, [...path, 'DIDs'], !numbers.length],
    ['pbx', nameOf(server, index) + (isOff(server) ? ` (${t.off})` : ''), path, isOff(server)],
    ['auth', authOf(server), [...path, 'auth'], !isObject(server.auth)],
    ['failover', failovers || t.nowhere, [...path, 'options', 'failover'], !failovers],
  ];
  return h('div', {class: 'route mb-1'}, h('span', {class: 'stop faint'}, title('carrier'), t.anyCarrier),
    stops.map(([column, text, target, isFaint]) => [h('span', {class: 'to', 'aria-hidden': 'true'}),
      action([title(column), text], () => focus(column === 'numbers' && numbers.length ? [...target, numbers[0]] : target),
        {class: `stop ${isFaint ? 'faint ' : ''}${trouble(column, target, numbers, findings)}`, 'aria-label': `${t.columns[column]}: ${text}`})]));
}

// On a narrow screen, each stop says what it is.
const title = (column) => h('small', {class: 'text-body-secondary'}, t.columns[column]);

// The worst severity of what was found at a stop. The stop of a PBX is for what is at no other.
function trouble(column, target, numbers, findings) {
  const isAt = ({path}) => {
    const found = steps(path);
    if (found[0] === 'DIDs') return column === 'numbers' && numbers.includes(found.slice(1).join('.'));
    if (column === 'pbx') return found[1] === target[1] && found[0] === 'servers' && !['DIDs', 'auth'].includes(found[2]) && found[3] !== 'failover';
    return target.every((step, index) => found[index] === step);
  };
  return ['error', 'warning'].find((severity) => findings.some((finding) => finding.severity === severity && isAt(finding))) || '';
}

function failoversOf(server) {
  const ofNumbers = Object.values(isObject(server.DIDs) ? server.DIDs : {}).map((number) => isObject(number) && number.failover);
  const all = [isObject(server.options) && server.options.failover, ...ofNumbers].filter(isObject).flatMap(Object.values);
  return [...new Set(all)].slice(0, NUMBERS_SHOWN).join(', ');
}
