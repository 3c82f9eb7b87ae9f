// What differs between two states of a trunk, in people's words.

import {differences} from './differences.js';
import {at, isObject, pathText, same} from './paths.js';
import {HIDDEN, hide, isSecret} from './secrets.js';
import {nameOf, numbersOf, placesOf, serversOf} from './servers.js';
import {labelsOf, t} from './texts.js';

const LONGEST = 200;

// Sentences: {kind, text}, of the kind `add`, `remove` or `replace`.
export function changes(before, after) {
  const {added, removed, kept} = pairs(serversOf(before), serversOf(after));
  const found = [
    ...members(without(before, 'servers'), without(after, 'servers'), []),
    ...added.map(([server, index]) => ({kind: 'add', text: t.whole(nameOf(server, index), [t.wasAdded, ...contents(server)].join(', '))})),
    ...removed.map(([server, index]) => ({kind: 'remove', text: t.whole(nameOf(server, index), t.wasRemoved)})),
    ...kept.flatMap(([old, now, index]) => members(without(old, 'DIDs'), without(now, 'DIDs'), ['servers'])
      .map((change) => ({...change, text: t.whole(nameOf(now, index), change.text)}))),
    ...ofNumbers(before, after, new Map(kept.map(([, , index, old]) => [old, index]))),
    ...(kept.some(([, , index, old], place) => place && old < kept[place - 1][3]) ? [{kind: 'replace', text: t.order}] : []),
  ];
  if (found.length || same(before, after)) return found;
  // What has no words of its own is told by its path.
  return differences(before, after).map((path) => ({kind: 'replace', text: t.whole(pathText(path), t.changed)}));
}

const without = (value, name) => (isObject(value) ? Object.fromEntries(Object.entries(value).filter(([each]) => each !== name)) : {});

// Which PBX became which: by name, user and address; else by its place in the list.
function pairs(before, after) {
  const key = (server) => JSON.stringify([nameOf(server, 0), at(server, ['auth', 'auth_user']), at(server, ['auth', 'ip'])]);
  const left = before.map((server, index) => [server, index]);
  const take = (wanted) => {
    const found = left.findIndex(wanted);
    return found < 0 ? null : left.splice(found, 1)[0];
  };
  const matched = after.map((server) => take(([old]) => key(old) === key(server)));
  after.forEach((_, index) => { matched[index] = matched[index] || take(([, place]) => place === index); });
  return {
    added: after.map((server, index) => [server, index]).filter(([, index]) => !matched[index]),
    removed: left,
    // The PBX before and after, and its places after and before.
    kept: after.map((server, index) => matched[index] && [matched[index][0], server, index, matched[index][1]]).filter(Boolean),
  };
}

function members(before, after, around) {
  return differences(before, after).flatMap((path) => {
    const [old, now] = [at(before, path), at(after, path)];
    if (isObject(old === undefined ? now : old) && (old === undefined || now === undefined)) return members(old || {}, now || {}, [...around, ...path]);
    const label = labelsOf([...around, ...path]);
    if (now === undefined) return {kind: 'remove', text: t.fromTo(label, shown(path, old), t.nothing)};
    if (old === undefined || isSecret(path[path.length - 1])) return {kind: 'add', text: t.nowIs(label, old === undefined ? shown(path, now) : t.changed)};
    return {kind: 'replace', text: t.fromTo(label, shown(path, old), shown(path, now))};
  });
}

function shown(path, value) {
  if (isSecret(path[path.length - 1]) && typeof value === 'string') return HIDDEN;
  if (value === true) return t.yes;
  if (value === false) return t.no;
  const text = typeof value === 'string' ? value : JSON.stringify(value, hide);
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}

// What is in a PBX.
function contents(server) {
  const named = ['name', 'server_name', 'DIDs'].reduce(without, server);
  const leaves = members({}, named, ['servers']).map((change) => change.text);
  return [...leaves, t.numbersCount(numbersOf(server).length)];
}

// A number moves if its PBX becomes another one: `places` has the new place of a PBX by its old one.
function ofNumbers(before, after, places) {
  const [old, now] = [before, after].map((document) => new Map(placesOf(document).map(({number, index}) => {
    const server = serversOf(document)[index];
    return [number, {index, pbx: nameOf(server, index), settings: server.DIDs[number]}];
  })));
  const gone = [...old].filter(([number]) => !now.has(number)).map(([number, {pbx}]) => ({kind: 'remove', text: t.numberRemoved(number, pbx)}));
  return gone.concat([...now].flatMap(([number, {index, pbx, settings}]) => {
    if (!old.has(number)) return [{kind: 'add', text: t.numberAdded(number, pbx)}];
    const was = old.get(number);
    const moved = places.get(was.index) === index ? [] : [{kind: 'replace', text: t.numberMoved(number, was.pbx, pbx)}];
    const inside = same(was.settings, settings) ? [] : members(without(was.settings, ''), without(settings, ''), ['servers', 'DIDs']);
    return [...moved, ...inside.map((change) => ({...change, text: t.whole(number, change.text)}))];
  }));
}
