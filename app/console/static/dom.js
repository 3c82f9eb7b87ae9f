// Builds elements. Text stays text: no code in the console parses HTML.

import {t} from './texts.js';

const SVG = 'http://www.w3.org/2000/svg';

// h('button', {class: 'btn', onclick: save}, 'Save'). Names that start with `on` add event listeners.
export function h(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

// The same for SVG elements.
export function s(name, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, name), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, '');
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export function replace(element, ...children) {
  element.replaceChildren(...children.flat(Infinity).filter(Boolean));
}

// A button that submits nothing. `look` is a class of Bootstrap's, such as `primary`.
export function button(text, look, act, attributes = {}) {
  return h('button', {type: 'button', class: `btn btn-${look}`, onclick: () => attempt(act), ...attributes}, text);
}

// Does something, and shows why if it fails. After a 401, the form for logging in says enough.
export async function attempt(act) {
  try {
    await act();
  } catch (error) {
    if (error.status !== 401) notify(error.message);
  }
}

// A link that does something on this page.
export function action(text, act, attributes = {}) {
  return h('a', {href: '#', onclick: (event) => { event.preventDefault(); attempt(act); }, ...attributes}, text);
}

export function badge(text, look) { return h('span', {class: `badge text-bg-${look}`}, text); }

// A section whose content is created when it is opened, because documents may be large.
export function section(summary, content, attributes = {}) {
  const body = h('div', {class: 'body'});
  const details = h('details', attributes, h('summary', {}, summary), body);
  details.fill = () => { if (!body.childElementCount) replace(body, content()); };
  details.addEventListener('toggle', () => { if (details.open) details.fill(); });
  if (details.open) details.fill();
  return details;
}

// Shows a short message, which screen readers read out. It disappears later if it offers an action.
export function notify(text, offer = null) {
  const close = () => notice.remove();
  const act = () => { close(); offer.run(); };
  const notice = h('div', {class: 'notice toast show d-flex align-items-center gap-2 p-2'},
    h('span', {class: 'flex-grow-1'}, text),
    offer && button(offer.label, 'sm btn-primary', act),
    button('×', 'sm btn-outline-secondary', close, {'aria-label': t.dismiss}));
  document.getElementById('notices').append(notice);
  setTimeout(close, offer ? 60000 : 8000);
}

// Shows a dialog with the elements of `content(close)`. Resolves to the argument of `close`, or to null.
export function ask(title, content) {
  return new Promise((resolve) => {
    let answer = null;
    const close = (value) => { answer = value; dialog.close(); };
    const heading = h('h2', {id: 'dialog-title', class: 'h4'}, title);
    const dialog = h('dialog', {'aria-labelledby': 'dialog-title', class: 'border rounded-3 p-4 bg-body text-body'}, heading, content(close));
    dialog.addEventListener('close', () => { dialog.remove(); resolve(answer); });
    document.body.append(dialog);
    dialog.showModal();
  });
}

export function formatTime(gregorianSeconds) {
  if (!gregorianSeconds) return '';
  return new Date((gregorianSeconds - 62167219200) * 1000).toLocaleString(document.documentElement.lang);
}
