// The versions of a trunk, if the service keeps them.

import {call, inAccount} from './api.js';
import {changes} from './changes.js';
import {button, formatTime, h, notify, replace} from './dom.js';
import {t} from './texts.js';
import {ifMatch, trunkPath} from './trunk_requests.js';

const PAGE = 10;
const LOOKS = {add: 'good', remove: 'bad', replace: 'doubt'};

// The newest version of a trunk; null if there is none, or if the service keeps no versions.
export async function newestVersion(id) {
  try {
    return (await call('GET', `${trunkPath(id)}/history?page_size=1`)).data[0] || null;
  } catch (error) {
    if (error.status === 404) return null;
    throw error;
  }
}

// The account's deleted trunks, if the service keeps versions. Without them, the answer is the list of all others.
export async function deletedTrunks() {
  const answer = await call('GET', inAccount('/connectivity?deleted=true&paginate=false'));
  return answer.data.filter((each) => typeof each === 'object');
}

// Puts a version of the trunk at this path back, if the trunk is still at the revision `current`.
export function putBack(path, revision, current) { return call('POST', `${path}/history/${revision}`, {}, ifMatch(current)); }

// `mayPutBack` is asked before, and `whenPutBack` is called afterwards.
export async function showVersions(element, id, current, mayPutBack, whenPutBack) {
  const list = h('ol', {class: 'versions list-group list-group-flush mb-2', reversed: true});
  let startKey = null;
  let newer = null;
  const restore = async (revision) => {
    if (!mayPutBack()) return;
    try {
      await putBack(trunkPath(id), revision, current);
    } catch (error) {
      if (error.status === 412) return notify(t.changedElsewhere);
      throw error;
    }
    await whenPutBack();
  };
  const load = async () => {
    const query = startKey ? `&start_key=${encodeURIComponent(startKey)}` : '';
    const page = await call('GET', `${trunkPath(id)}/history?page_size=${PAGE}${query}`);
    startKey = page.next_start_key;
    more.hidden = !startKey;
    for (const version of page.data) {
      const document = version.deleted ? null : await call('GET', `${trunkPath(id)}/history/${version.revision}`).then((answer) => answer.data).catch(() => null);
      if (newer) replace(newer.place, whatChanged(newer, document));
      const place = h('div');
      list.append(item(version, place, newer ? () => restore(version.revision) : null));
      newer = {version, document, place};
    }
    if (newer && !startKey) replace(newer.place, h('p', {class: 'mb-0'}, t.first));
  };
  const more = button(t.older, 'outline-secondary', load);
  replace(element, list, more);
  await load();
}

function whatChanged({version, document}, before) {
  if (version.deleted) return null;
  if (!document || !before) return h('p', {class: 'mb-0'}, version.not_compared ? version.not_compared.message : t.unknownChange);
  const found = changes(before, document);
  return h('ul', {class: 'patch mb-0'}, found.length ? found.map(({kind, text}) => h('li', {class: LOOKS[kind]}, text)) : h('li', {}, t.noChange));
}

export const whoOf = ({name, user_id: user, account_id: account}) => name || user || account || '';

function item(version, place, restore) {
  const verb = version.deleted ? t.deleted : t.verbs[version.verb] || t.elsewhere;
  const who = whoOf(version.who);
  return h('li', {class: 'list-group-item'},
    h('div', {class: 'd-flex flex-wrap gap-2 align-items-baseline'},
      h('strong', {}, formatTime(version.when)), h('span', {}, verb), who && h('span', {}, t.by(who)), version.restored && h('span', {}, t.putsBack(version.restored)),
      version.who.ip && h('small', {class: 'text-body-secondary'}, version.who.ip),
      restore && !version.deleted && button(t.putBack, 'sm btn-outline-primary ms-auto', restore)),
    place);
}
