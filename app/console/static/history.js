// The versions of a trunk, where the service keeps them.

import {call, inAccount} from './api.js';
import {formatTime, h, notify, replace} from './dom.js';
import {segment} from './trunks.js';

const PAGE = 10;

// The newest version of a trunk; null where no versions are kept, or there are none.
export async function newestVersion(id) {
  try {
    return (await call('GET', inAccount(`/connectivity/${segment(id)}/history?page_size=1`))).data[0] || null;
  } catch (error) {
    if (error.status === 404) return null;
    throw error;
  }
}

// Puts a version back; resolves with the envelope of the new one.
export function putBack(id, revision, headers = {}) {
  return call('POST', inAccount(`/connectivity/${segment(id)}/history/${revision}`), {}, headers);
}

// `whenPutBack` is called with the envelope.
export async function showVersions(element, id, etag, whenPutBack) {
  const list = h('ol', {class: 'versions'});
  const more = h('button', {type: 'button'}, 'Older versions');
  let startKey = null;
  let isNewest = true;
  const load = async () => {
    const query = startKey ? `&start_key=${encodeURIComponent(startKey)}` : '';
    const page = await call('GET', inAccount(`/connectivity/${segment(id)}/history?page_size=${PAGE}${query}`));
    for (const entry of page.data) {
      list.append(version(entry, isNewest ? null : () => restore(entry.revision)));
      isNewest = false;
    }
    startKey = page.next_start_key;
    more.hidden = !startKey;
  };
  const restore = async (revision) => {
    try {
      whenPutBack(await putBack(id, revision, etag ? {'If-Match': etag} : {}));
    } catch (error) {
      notify(error.status === 412 ? 'Somebody else has changed the trunk. Load it again.' : error.message);
    }
  };
  more.addEventListener('click', load);
  replace(element, list, more);
  await load();
}

function version(entry, restore) {
  const who = Object.entries(entry.who).filter(([, value]) => value).map(([name, value]) => `${name} ${value}`).join(', ');
  const verb = entry.deleted ? 'deleted' : entry.verb || 'written elsewhere';
  return h('li', {},
    h('strong', {}, formatTime(entry.when)), ` ${verb}`, entry.restored ? `, puts back ${entry.restored}` : '',
    h('small', {}, who),
    h('ul', {class: 'patch'}, (entry.patch || []).map((operation) => h('li', {class: operation.op},
      `${operation.op} ${operation.path}`, 'value' in operation ? ` ${shown(operation)}` : ''))),
    restore && !entry.deleted ? h('button', {type: 'button', onclick: restore}, 'Put back') : null);
}

function shown(operation) {
  const text = JSON.stringify(operation.value);
  return /password/.test(operation.path + text) ? '(secret)' : text;
}
