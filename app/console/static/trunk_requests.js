// What writes trunks: creating one, and moving numbers from one to another.

import {call, inAccount} from './api.js';
import {ASK} from './findings.js';
import {copy, isObject, segment} from './paths.js';
import {numbersOf, placesOf, serversOf} from './servers.js';

export const trunkPath = (id) => inAccount(`/connectivity/${segment(id)}`);

export const ifMatch = (revision) => (revision ? {'If-Match': `"${revision}"`} : {});

// Saves over a trunk. If nobody knows whether that was done, it looks.
export async function replaced(id, revision, document) {
  const path = trunkPath(id);
  try {
    return await call('POST', path + ASK, document, ifMatch(revision));
  } catch (error) {
    if (error.status && error.status < 500) throw error;
    const now = await call('GET', path + ASK).catch(() => { throw error; });
    if (now.revision === revision || !hasNumbersOf(now.data, document)) throw error;
    return now;
  }
}

// A new trunk. Kazoo marks numbers as used only when a stored trunk gets them, so they are saved in a second step. If
// that fails, the trunk is deleted again; if that fails too, the error has what is stored as `stored`.
export async function created(document) {
  if (!placesOf(document).length) return call('PUT', inAccount(`/connectivity${ASK}`), document);
  const first = await call('PUT', inAccount('/connectivity'), withoutNumbers(document, placesOf(document).map((place) => place.number)));
  try {
    return await replaced(first.data.id, first.revision, document);
  } catch (error) {
    await call('DELETE', trunkPath(first.data.id), undefined, ifMatch(first.revision)).catch(() => { error.stored = first; });
    throw error;
  }
}

// Takes numbers out of the trunks that have them: `moves` has {id, name} by number. Resolves to a function that gives
// them back and resolves to the names of the trunks for which that failed. If a trunk cannot be written, the others get
// theirs back, and the error has its name as `trunk`, and those names as `notGivenBack`.
export async function takeAway(moves) {
  const taken = [];
  const giveBack = async () => {
    const failed = [];
    for (const {name, path, before, revision} of taken.splice(0).reverse()) {
      await call('POST', path, before, ifMatch(revision)).catch(() => failed.push(name));
    }
    return failed;
  };
  for (const holder of new Map([...moves.values()].map((each) => [each.id, each])).values()) {
    const numbers = [...moves.keys()].filter((number) => moves.get(number).id === holder.id);
    const path = trunkPath(holder.id);
    try {
      const {data, revision} = await call('GET', path);
      const answer = await call('POST', path, withoutNumbers(data, numbers), ifMatch(revision));
      taken.push({name: holder.name, path, before: data, revision: answer.revision});
    } catch (error) {
      error.trunk = holder.name;
      error.notGivenBack = await giveBack();
      throw error;
    }
  }
  return giveBack;
}

function withoutNumbers(document, numbers) {
  const result = copy(document);
  for (const server of serversOf(result)) {
    if (isObject(server) && isObject(server.DIDs)) numbers.forEach((number) => delete server.DIDs[number]);
  }
  return result;
}

function hasNumbersOf(stored, document) {
  const there = serversOf(stored).flatMap(numbersOf);
  return placesOf(document).every(({number}) => there.includes(number));
}
