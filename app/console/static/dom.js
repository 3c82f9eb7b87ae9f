// Builds elements. Text stays text: no code in the console parses HTML.

const SVG = 'http://www.w3.org/2000/svg';

// h('button', {class: 'main', onclick: save}, 'Save'). Names that start with `on` add event listeners.
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

// Shows a short message, which screen readers read out. It disappears later if it offers an action.
export function notify(text, action = null) {
  const notice = h('div', {class: 'notice'}, h('span', {}, text));
  const close = () => notice.remove();
  if (action) notice.append(h('button', {type: 'button', onclick: () => { close(); action.run(); }}, action.label));
  notice.append(h('button', {type: 'button', class: 'plain', 'aria-label': 'Dismiss', onclick: close}, '×'));
  document.getElementById('notices').append(notice);
  setTimeout(close, action ? 60000 : 8000);
}

// Shows a dialog with the elements of `content(close)`. Resolves to the argument of `close`, or to null.
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
