// A document as JSON text in which passwords are hidden, and back.

import {isSecret} from './fields.js';
import {isObject, parse} from './paths.js';
import {t} from './texts.js';

export class HiddenSecrets {
  constructor() {
    // Each password has a text of its own, so that it stays with its PBX if somebody changes their order.
    this.texts = new Map();
  }

  write(document) {
    return JSON.stringify(document, (name, value) => (isSecret(name) && typeof value === 'string' && value ? this.#hide(value) : value), 2);
  }

  // Throws SyntaxError.
  read(text) { return this.#shown(parse(text)); }

  #hide(secret) {
    if (!this.texts.has(secret)) this.texts.set(secret, t.hidden(this.texts.size + 1));
    return this.texts.get(secret);
  }

  #shown(value) {
    if (Array.isArray(value)) return value.map((each) => this.#shown(each));
    if (isObject(value)) return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, this.#shown(each)]));
    for (const [secret, text] of this.texts) if (text === value) return secret;
    return value;
  }
}
