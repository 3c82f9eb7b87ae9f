// Where two documents differ.

import {at, isObject, same} from './paths.js';

// The paths where the two values differ. Arrays with the same items in the same order are compared item by item. Any
// other array counts as one value, so that a merge never mixes two servers.
export function differences(mine, theirs, path = []) {
  const areObjects = isObject(mine) && isObject(theirs);
  const areLists = Array.isArray(mine) && Array.isArray(theirs) && mine.length === theirs.length
    && mine.every((item, index) => isObject(item) && isObject(theirs[index]) && same(identity(item), identity(theirs[index])));
  if (areObjects || areLists) {
    const names = areLists ? mine.map((_, index) => index) : [...new Set([...Object.keys(mine), ...Object.keys(theirs)])];
    return names.flatMap((name) => differences(at(mine, [name]), at(theirs, [name]), [...path, name]));
  }
  return same(mine, theirs) ? [] : [path];
}

function identity(item) {
  return ['server_name', 'name', 'auth.auth_user', 'auth.ip'].map((path) => at(item, path.split('.')));
}
