// Changes that are not saved yet, which survive a reload of the tab. They end with the session (`api.js`).

import {PREFIX, session} from './api.js';
import {parse} from './paths.js';

const key = (id) => `${PREFIX}draft-${session.accountId}-${id || ''}`;

export function keepDraft(id, draft) {
  try {
    if (session) sessionStorage.setItem(key(id), JSON.stringify(draft));
  } catch {
    // The tab has no room for a document as large as this, which the person still sees as not saved.
    dropDraft(id);
  }
}

export const dropDraft = (id) => session && sessionStorage.removeItem(key(id));

export const draftOf = (id) => parse(sessionStorage.getItem(key(id)) || 'null');
