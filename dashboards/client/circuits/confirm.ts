import { byId, el, setText } from '../shared/element.js';

/** A confirmation dialog before a disruptive action. */
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

  /** Resolves with whether the user confirms. Escape cancels, and the focus starts on Cancel. */
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
