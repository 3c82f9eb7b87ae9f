// What a trunk says of its PBXs ("servers"): read from documents of any shape.

import {isObject, textOf} from './paths.js';
import {labelsOf, t} from './texts.js';

export const serversOf = (document) => (Array.isArray(document.servers) ? document.servers : []);

export const numbersOf = (server) => Object.keys(isObject(server) && isObject(server.DIDs) ? server.DIDs : {});

// Clients call it `server_name` or `name`.
export function nameOf(server, index) {
  return (isObject(server) && (server.server_name || server.name) && textOf(server.server_name || server.name)) || t.pbx(index + 1);
}

// How a PBX proves itself, in lower case; what it leaves out is a password.
export const methodOf = (server) => textOf((isObject(server) && isObject(server.auth) && server.auth.auth_method) || 'password').toLowerCase();

export function authOf(server) {
  const auth = (isObject(server) && server.auth) || {};
  return methodOf(server) === 'ip' ? t.addressIs(textOf(auth.ip || '–')) : t.userIs(textOf(auth.auth_user || '–'));
}

export const isOff = (server) => isObject(server) && (server.enabled === false || (isObject(server.options) && server.options.enabled === false));

// The numbers of a trunk, each with the index of its PBX.
export const placesOf = (document) => serversOf(document).flatMap((server, index) => numbersOf(server).map((number) => ({number, index})));

// What a path leads to, in people's words: "Office › Address", or a number.
export function placeText(document, [first, index, ...inside]) {
  if (first === 'DIDs') return [index, ...inside].join('.') || t.numbers;
  if (first !== 'servers' || typeof index !== 'number') return labelsOf([first, index, ...inside].filter((step) => step !== undefined));
  const name = nameOf(serversOf(document)[index], index);
  if (!inside.length) return name;
  if (inside[0] === 'DIDs') return [name, inside.slice(1).join('.') || t.numbers].join(' › ');
  return `${name} › ${labelsOf(['servers', ...inside])}`;
}
