// What the bridge uses of the language, taken before a script can change it. hidesFrames: whether stacks would show what runs
// the scripts, with its place on disk, as they do on v8.
(function (hidesFrames) {
  'use strict';
  const { apply, defineProperty, getOwnPropertyDescriptor, getPrototypeOf, ownKeys, set, setPrototypeOf } = Reflect;
  const NOTHING = Object.freeze([]);
  const method0 = (f) => (self) => apply(f, self, NOTHING);
  const method1 = (f) => (self, a) => apply(f, self, [a]);
  const method2 = (f) => (self, a, b) => apply(f, self, [a, b]);
  const getter = (prototype, name) => method0(getOwnPropertyDescriptor(prototype, name).get);
  const TypedArray = getPrototypeOf(Uint8Array.prototype);

  const errorText = method0(Error.prototype.toString);
  const startsWith = method1(String.prototype.startsWith);
  const asText = String;

  // Scripts never get hold of a call site, so that its methods are as they were.
  function isOwn(site) {
    const file = asText(site.getFileName());
    const ours = startsWith(file, 'sojourn:') || startsWith(file, 'ext:') || startsWith(file, 'node:');
    return !(ours || startsWith(file, 'file:') || startsWith(file, '/'));
  }

  function ownFrames(error, sites) {
    let stack;
    try {
      stack = '' + errorText(error);
    } catch {
      stack = 'Error';
    }
    for (let i = 0; i < sites.length; i++) {
      if (isOwn(sites[i])) stack += '\n    at ' + asText(sites[i]);
    }
    return stack;
  }

  // A stack is text. A hook that a script sets would be handed the functions of the bridge.
  delete Error.prepareStackTrace;
  delete Error.stackTraceLimit;
  defineProperty(Error, 'stackTraceLimit', { __proto__: null, value: 50 });
  defineProperty(Error, 'prepareStackTrace', { __proto__: null, value: hidesFrames ? ownFrames : undefined });

  // A property of data that no setter of a prototype can catch.
  function define(target, name, value, enumerable) {
    defineProperty(target, name, { __proto__: null, value, enumerable, writable: true, configurable: true });
  }

  // A property that nobody changes any more.
  function fix(target, name, value) {
    defineProperty(target, name, { __proto__: null, value, enumerable: true });
  }

  return Object.freeze({
    __proto__: null,
    global: globalThis,
    Array, ArrayBuffer, Date, Error, Map, Promise, RangeError, TypeError, Uint8Array, WeakMap,
    apply, define, defineProperty, fix, getOwnPropertyDescriptor, getPrototypeOf, ownKeys, set, setPrototypeOf,
    abs: Math.abs,
    imul: Math.imul,
    trunc: Math.trunc,
    parse: JSON.parse,
    stringify: JSON.stringify,
    parseInt: Number.parseInt,
    isFinite: Number.isFinite,
    isInteger: Number.isInteger,
    isSafeInteger: Number.isSafeInteger,
    Number, BigInt, String,
    toStringTag: Symbol.toStringTag,
    isArray: Array.isArray,
    isError: Error.isError ?? ((value) => value instanceof Error),
    isView: ArrayBuffer.isView,
    create: Object.create,
    freeze: Object.freeze,
    keys: Object.keys,
    hasOwn: Object.hasOwn,
    isPrototypeOf: method1(Object.prototype.isPrototypeOf),
    ObjectPrototype: Object.prototype,
    DatePrototype: Date.prototype,
    PromisePrototype: Promise.prototype,
    dateTime: method0(Date.prototype.getTime),
    dateText: method0(Date.prototype.toISOString),
    mapGet: method1(Map.prototype.get),
    mapSet: method2(Map.prototype.set),
    weakGet: method1(WeakMap.prototype.get),
    weakSet: method2(WeakMap.prototype.set),
    startsWith,
    endsWith: method1(String.prototype.endsWith),
    includes: method1(String.prototype.includes),
    indexOf: method2(String.prototype.indexOf),
    lastIndexOf: method1(String.prototype.lastIndexOf),
    slice: method2(String.prototype.slice),
    toLowerCase: method0(String.prototype.toLowerCase),
    isWellFormed: method0(String.prototype.isWellFormed),
    toWellFormed: method0(String.prototype.toWellFormed),
    bufferLength: getter(ArrayBuffer.prototype, 'byteLength'),
    viewBuffer: getter(TypedArray, 'buffer'),
    viewOffset: getter(TypedArray, 'byteOffset'),
    viewLength: getter(TypedArray, 'byteLength'),
    dataBuffer: getter(DataView.prototype, 'buffer'),
    dataOffset: getter(DataView.prototype, 'byteOffset'),
    dataLength: getter(DataView.prototype, 'byteLength'),
    toBase64: method0(Uint8Array.prototype.toBase64),
    fromBase64: method1(Uint8Array.fromBase64).bind(null, Uint8Array),
  });
})
