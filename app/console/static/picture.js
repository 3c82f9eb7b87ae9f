// A picture of a trunk: carrier → numbers → server → authentication → failover.

import {h, s} from './dom.js';
import {isObject} from './paths.js';
import {authOf, nameOf, numbersOf} from './trunks.js';

const ROW = 56;
const COLUMNS = [[0, 100, 'Carrier'], [140, 220, 'Numbers'], [400, 180, 'Server'], [620, 220, 'Authentication'], [880, 200, 'Fails over to']];
const NUMBERS_SHOWN = 2;

// A click on a part calls `focus` with the path of its field.
export function picture(document, focus) {
  const servers = Array.isArray(document.servers) ? document.servers : [];
  const height = 30 + ROW * Math.max(servers.length, 1);
  const image = s('svg', {viewBox: `0 0 1080 ${height}`, class: 'picture', role: 'group', 'aria-label': 'Where calls go'});
  COLUMNS.forEach(([x, , title]) => image.append(s('text', {x, y: 16, class: 'title'}, title)));
  if (!servers.length) image.append(s('text', {x: 0, y: 50}, 'There are no servers.'));
  servers.forEach((server, index) => image.append(...row(isObject(server) ? server : {}, index, 30 + ROW * index, focus)));
  return h('div', {class: 'scrolled', tabindex: 0, role: 'region', 'aria-label': 'Picture of the trunk'}, image);
}

function row(server, index, y, focus) {
  const path = ['servers', index];
  const numbers = numbersOf(server);
  const more = numbers.length > NUMBERS_SHOWN ? ` and ${numbers.length - NUMBERS_SHOWN} more` : '';
  const isOff = server.enabled === false || (isObject(server.options) && server.options.enabled === false);
  const failovers = failoversOf(server);
  const boxes = [
    [1, numbers.slice(0, NUMBERS_SHOWN).join(', ') + more || 'no numbers', [...path, 'DIDs'], !numbers.length],
    [2, nameOf(server, index) + (isOff ? ' (off)' : ''), path, isOff],
    [3, authOf(server), [...path, 'auth'], !isObject(server.auth)],
    [4, failovers || 'nowhere', [...path, 'options', 'failover'], !failovers],
  ];
  return [
    index ? null : box(0, 'any carrier', y, false),
    ...boxes.map(([column]) => arrow(column, index, y)),
    ...boxes.map(([column, text, target, isFaint]) => link(box(column, text, y, isFaint), `${COLUMNS[column][2]}: ${text}`, target, focus)),
  ].filter(Boolean);
}

function failoversOf(server) {
  const ofNumbers = Object.values(isObject(server.DIDs) ? server.DIDs : {}).map((number) => isObject(number) && number.failover);
  const all = [isObject(server.options) && server.options.failover, ...ofNumbers].filter(isObject).flatMap(Object.values);
  return [...new Set(all)].slice(0, NUMBERS_SHOWN).join(', ');
}

function box(column, text, y, isFaint) {
  const [x, width] = COLUMNS[column];
  const most = Math.floor(width / 8.6);
  const shown = text.length > most ? `${text.slice(0, most - 1)}…` : text;
  return s('g', {class: isFaint ? 'faint' : null}, s('title', {}, text),
    s('rect', {x, y, width, height: 36, rx: 6}), s('text', {x: x + 8, y: y + 23}, shown));
}

// An arrow from the box on the left. All rows start at the same carrier.
function arrow(column, index, y) {
  const [left, width] = COLUMNS[column - 1];
  const start = left + width;
  const end = COLUMNS[column][0];
  const startY = column === 1 ? 30 + 18 : y + 18;
  return s('path', {d: `M${start} ${startY} C${start + 20} ${startY} ${end - 20} ${y + 18} ${end} ${y + 18}`});
}

function link(content, label, path, focus) {
  const go = (event) => { event.preventDefault(); focus(path); };
  return s('a', {href: '#', 'aria-label': label, onclick: go}, content);
}
