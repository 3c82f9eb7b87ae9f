// The texts of the console in the browser's language. Each language is one file with the same members; what the API says
// itself is in English.

const LANGUAGES = {en: () => import('./en.js'), de: () => import('./de.js')};
const language = navigator.languages.map((each) => each.slice(0, 2)).find((each) => each in LANGUAGES) || 'en';

export const t = (await LANGUAGES[language]()).default;
document.documentElement.lang = language;

// The label of a member and a line of help, by the longest end of its path that has a text. A member without a text is
// called by its name.
export function labelOf(path, description = '') {
  const names = path.filter((step) => typeof step === 'string');
  for (let start = 0; start < names.length; start++) {
    const found = t.labels[names.slice(start).join('.')];
    if (found) return found;
  }
  const name = String(path[path.length - 1]).replaceAll('_', ' ');
  return [name.charAt(0).toUpperCase() + name.slice(1), description];
}

// The labels along a path, as in "Failover › Number", without those that only hold others together.
export function labelsOf(path) {
  const steps = path.map((_, index) => path.slice(0, index + 1));
  const named = steps.filter((each) => !['servers', 'auth', 'options', 'DIDs', 'account'].includes(each[each.length - 1]));
  return (named.length ? named : steps.slice(-1)).map((each) => {
    const last = each[each.length - 1];
    return typeof last === 'number' ? String(last + 1) : labelOf(each)[0];
  }).join(' › ');
}
