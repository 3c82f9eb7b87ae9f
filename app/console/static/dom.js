// Builds elements. Texts are always texts: nothing here or elsewhere parses HTML.

const SVG = 'http://www.w3.org/2000/svg';

// h('button', {class: 'main', onclick: save}, 'Save'): attributes, and properties for functions and booleans.
export function h(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

// The same for the elements of SVG.
export function s(name, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

function filled(element, attributes, children) {
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

// A short message that is read out, and goes after a while unless it offers something to do.
export function notify(text, action = null) {
  const notice = h('div', {class: 'notice'}, h('span', {}, text));
  const close = () => notice.remove();
  if (action) notice.append(h('button', {type: 'button', onclick: () => { close(); action.run(); }}, action.label));
  notice.append(h('button', {type: 'button', class: 'plain', 'aria-label': 'Dismiss', onclick: close}, '×'));
  document.getElementById('notices').append(notice);
  setTimeout(close, action ? 60000 : 8000);
}

// Asks in a dialog. `content(close)` gives its elements; resolves with what `close` was called with, or null.
export function ask(title, content) {
  return new Promise((resolve) => {
    let answer = null;
    const close = (value) => { answer = value; dialog.close(); };
    const heading = h('h2', {id: 'dialog-title'}, title);
    const dialog = h('dialog', {'aria-labelledby': 'dialog-title'}, heading, content((value) => close(value)));
    dialog.addEventListener('close', () => { dialog.remove(); resolve(answer); });
    document.body.append(dialog);
    dialog.showModal();
  });
}

export function formatTime(gregorianSeconds) {
  if (!gregorianSeconds) return '';
  return new Date((gregorianSeconds - 62167219200) * 1000).toLocaleString();
}
