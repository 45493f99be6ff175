/**
 * Call a function later, in milliseconds; gives the number by which `clearTimeout` takes it back. The execution goes on
 * until no timer is left and the promise that is its value is settled, or until a limit of the realm is hit; no timer
 * outlives it. Throws `RangeError` beyond 1000 timers. Nothing to do with `session.setTimeout`.
 */
declare function setTimeout(callback: (...args: any[]) => void, delay?: number, ...args: any[]): number;

/** As `setTimeout`, again and again until `clearInterval`. */
declare function setInterval(callback: (...args: any[]) => void, delay?: number, ...args: any[]): number;

/** Take a timer back; a number that is none is ignored. */
declare function clearTimeout(id?: number): void;

/** Take a timer back; a number that is none is ignored. */
declare function clearInterval(id?: number): void;
