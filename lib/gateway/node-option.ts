/** Whether whoever started the process has chosen an option of Node, in its arguments or by NODE_OPTIONS. */
export function isNodeOptionGiven(name: string): boolean {
  return [...process.execArgv, process.env.NODE_OPTIONS ?? ''].some((option) => option.includes(name));
}
