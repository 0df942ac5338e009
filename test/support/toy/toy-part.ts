import type { IncomingMessage, ServerResponse } from 'node:http';
import * as z from 'zod';
import { invalidOption } from '../../../lib/core/errors.js';
import { optionsObject, without } from '../../../lib/core/options.js';
import type { Part, SharedState } from '../../../lib/core/part.js';

/** Options of a part that greets. */
export interface ToyOptions {
  /** Name of the API. */
  name?: string;
  /**
   * Value of the header `X-Toy`.
   * @default 'hello'
   */
  word?: string;
}

/** The middleware that greets. */
export interface ToyHandler {
  (req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void): void;
  /** How often it has greeted. */
  greeted(): number;
  readonly box: ToyBox;
  close(): void;
}

/** What all toys share. */
export class ToyBox implements SharedState {
  /** Toys that are not closed. */
  open = 0;
  closed = false;
  /** APIs whose toy was taken out of the list, in order. */
  readonly unlisted: string[] = [];

  close(): void {
    this.closed = true;
  }
}

const fileShape = { word: z.string().default('hello') };
const schema = optionsObject({ ...fileShape, name: z.string().optional() });

export const toyPart: Part<'toy', Omit<ToyOptions, 'name'>, ToyHandler, ToyBox> = {
  name: 'toy',
  options: {
    schema: without(schema, ['name']),
    file: fileShape,
    preset: false,
    check({ word }, place) {
      if (word === 'rude') throw invalidOption(`${place}.word`, 'must be polite', word);
    },
  },
  madeFrom: ({ forward }) => forward.headers,
  share: () => new ToyBox(),
  make({ word = 'hello' }, { name }, box) {
    if (word === 'fault') throw new Error('This toy cannot be made');
    let greeted = 0;
    box.open++;
    function toy(_req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void): void {
      greeted++;
      res.setHeader('X-Toy', `${word} from ${name}`);
      next();
    }
    const close = () => {
      box.open--;
    };
    return Object.assign(toy, { greeted: () => greeted, box, close });
  },
  unlist: (api, box) => void box.unlisted.push(api),
  status: { route: '/toy-status', list: 'toys', read: (toy) => ({ greeted: toy.greeted() }) },
  families: (list) => [
    {
      type: 'counter',
      name: 'toy_greetings_total',
      help: 'Greetings.',
      labels: ['api'],
      rows: () => [...list()].map(([api, toy]) => [{ api }, toy.greeted()]),
    },
  ],
};
