// Makes Swagger UI usable for people who cannot see it or have no mouse.

const NAMES = [
  ['#servers', 'Server'], ['.examples-select-element', 'Example'], ['.close-modal', 'Close'], ['textarea', 'Request body'],
  ['.json-schema-2020-12-accordion', 'Members'],
];

// A plugin. The summary of an operation is a button, in which nobody can reach a link by keyboard.
export function withoutLinksInButtons({React}) {
  return {components: {DeepLink: ({text}) => React.createElement('span', null, text)}};
}

// Names what has no name, and lets the keyboard scroll what is wide. It does so again with what appears later.
export function mend(root) {
  const mendAll = () => {
    root.querySelectorAll('select, textarea, input, button').forEach(name);
    root.querySelectorAll('pre').forEach((text) => { text.tabIndex = 0; });
  };
  new MutationObserver(mendAll).observe(root, {childList: true, subtree: true});
  mendAll();
}

function name(element) {
  if (element.hasAttribute('aria-label') || element.matches('button') && element.textContent.trim()) return;
  const [, known] = NAMES.find(([selector]) => element.matches(selector)) || [];
  const parameter = element.closest('[data-param-name]');
  const text = parameter ? parameter.dataset.paramName : known;
  // The label of the list of servers is empty.
  if (text) element.setAttribute('aria-label', text);
}
