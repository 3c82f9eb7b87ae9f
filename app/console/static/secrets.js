// Passwords: which members are some, and documents as JSON text in which they are hidden.

import {isObject, parse} from './paths.js';
import {t} from './texts.js';

export const HIDDEN = '••••';

export const isSecret = (name) => /password/.test(String(name));

// For JSON.stringify: hides each password.
export const hide = (name, value) => (isSecret(name) && typeof value === 'string' && value ? HIDDEN : value);

export class HiddenSecrets {
  constructor() {
    // Each password has a text of its own, so that it stays with its PBX if somebody changes their order. The texts of
    // another trunk are others, so that a copy of its JSON is noticed.
    this.texts = new Map();
    this.mark = crypto.getRandomValues(new Uint16Array(1))[0].toString(36);
  }

  write(document) {
    return JSON.stringify(document, (name, value) => (hide(name, value) === HIDDEN ? this.#textOf(value) : value), 2);
  }

  // Throws SyntaxError, and Error for the hidden password of another trunk.
  read(text) { return this.#shown(parse(text)); }

  #textOf(secret) {
    if (!this.texts.has(secret)) this.texts.set(secret, `${HIDDEN} ${this.mark}-${this.texts.size + 1}`);
    return this.texts.get(secret);
  }

  #shown(value) {
    if (Array.isArray(value)) return value.map((each) => this.#shown(each));
    if (isObject(value)) return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, this.#shown(each)]));
    if (typeof value !== 'string' || !value.startsWith(HIDDEN)) return value;
    for (const [secret, text] of this.texts) if (text === value) return secret;
    throw new Error(t.unknownHidden(value));
  }
}
