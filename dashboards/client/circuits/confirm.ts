import { byId, el, setText } from '../shared/element.js';

/** Asks before something is done that hurts. */
export class Confirm {
  readonly #dialog = byId('confirm') as HTMLDialogElement;
  readonly #title = el('h2', { id: 'confirm-title' });
  readonly #text = el('p', { id: 'confirm-text' });
  readonly #yes = el('button', { type: 'button', class: 'danger' });
  #response: ((yes: boolean) => void) | undefined;

  constructor() {
    const no = el('button', { type: 'button' }, 'Cancel');
    no.addEventListener('click', () => this.#dialog.close());
    this.#yes.addEventListener('click', () => {
      this.#response?.(true);
      this.#dialog.close();
    });
    this.#dialog.addEventListener('close', () => this.#response?.(false));
    this.#dialog.append(this.#title, this.#text, el('div', { class: 'actions' }, no, this.#yes));
  }

  /** Whether the reader says yes. Escape is no, and the focus is on no at first. */
  ask({ title, text, yes }: { title: string; text: string; yes: string }): Promise<boolean> {
    setText(this.#title, title);
    setText(this.#text, text);
    setText(this.#yes, yes);
    return new Promise((resolve) => {
      this.#response = resolve;
      this.#dialog.showModal();
    });
  }
}
