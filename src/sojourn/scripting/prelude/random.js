// Math.random() of its own: xoshiro128** with a state that comes from the host for each execution, so that no two scopes
// that began as copies of one another ever give the same numbers.
(function (p) {
  'use strict';
  const { imul, parseInt } = p;
  let a = 1, b = 2, c = 3, d = 4;

  const rotated = (x, k) => (x << k) | (x >>> (32 - k));

  function next() {
    const result = imul(rotated(imul(b, 5), 7), 9);
    const t = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= t;
    d = rotated(d, 11);
    return result >>> 0;
  }

  p.define(Math, 'random', { random: () => ((next() >>> 5) * 67108864 + (next() >>> 6)) / 9007199254740992 }.random);

  // Begin anew with 32 hexadecimal digits.
  return function (digits) {
    a = parseInt(p.slice(digits, 0, 8), 16) | 0;
    b = parseInt(p.slice(digits, 8, 16), 16) | 0;
    c = parseInt(p.slice(digits, 16, 24), 16) | 0;
    d = parseInt(p.slice(digits, 24, 32), 16) | 1;
  };
})
