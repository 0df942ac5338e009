/**
 * A function of an option. It may declare more exact parameters than it is called with: the request of its framework,
 * as Express' `Request`, which is what the middleware hands on.
 * @typeParam F the function, with the parameters that it is called with
 */
// Of a method TypeScript checks the parameters in both directions, of a property in one; and a method that is optional
// may not be `undefined` under exactOptionalPropertyTypes.
export type Callback<F extends (...args: never[]) => unknown> = {
  /** Called as the option says. */
  call(...args: Parameters<F>): ReturnType<F>;
}['call'];
