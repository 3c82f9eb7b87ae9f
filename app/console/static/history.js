// The versions of a trunk, if the service keeps them.

import {call, inAccount} from './api.js';
import {formatTime, h, notify, replace} from './dom.js';
import {segment} from './paths.js';

const PAGE = 10;

// The newest version of a trunk; null if there is none, or if the service keeps no versions.
export async function newestVersion(id) {
  try {
    return (await call('GET', inAccount(`/connectivity/${segment(id)}/history?page_size=1`))).data[0] || null;
  } catch (error) {
    if (error.status === 404) return null;
    throw error;
  }
}

// Puts a version back. Resolves to the envelope of the new version.
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
    for (const version of page.data) {
      list.append(item(version, isNewest ? null : () => restore(version.revision)));
      isNewest = false;
    }
    startKey = page.next_start_key;
    more.hidden = !startKey;
  };
  const restore = async (revision) => {
    try {
      whenPutBack(await putBack(id, revision, etag ? {'If-Match': etag} : {}));
    } catch (error) {
      notify(error.status === 412 ? 'Someone else has changed the trunk. Reload it.' : error.message);
    }
  };
  more.addEventListener('click', load);
  replace(element, list, more);
  await load();
}

function item(version, restore) {
  const who = Object.entries(version.who).filter(([, value]) => value).map(([name, value]) => `${name} ${value}`).join(', ');
  const verb = version.deleted ? 'deleted' : version.verb || 'written elsewhere';
  return h('li', {},
    h('strong', {}, formatTime(version.when)), ` ${verb}`, version.restored ? `, puts back ${version.restored}` : '',
    h('small', {}, who),
    version.not_compared ? h('p', {}, version.not_compared.message) : null,
    h('ul', {class: 'patch'}, (version.patch || []).map((operation) => h('li', {class: operation.op},
      `${operation.op} ${operation.path}`, 'value' in operation ? ` ${valueText(operation)}` : ''))),
    restore && !version.deleted ? h('button', {type: 'button', onclick: restore}, 'Put back') : null);
}

function valueText(operation) {
  const text = JSON.stringify(operation.value);
  return /password/.test(operation.path + text) ? '(secret)' : text;
}
