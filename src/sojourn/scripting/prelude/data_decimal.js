// Decimal numbers as text, exact. Loaded at its first use.
(function (host) {
  'use strict';
  const p = host.primordials;
  const DIGITS = '0123456789';
  // Characters of a number, and its largest exponent.
  const LONGEST = 2000;

  // How many characters of text from at on are digits.
  function run(text, at) {
    let end = at;
    while (end < text.length && p.includes(DIGITS, text[end])) end++;
    return end - at;
  }

  // A decimal number as { digits, scale } with the value digits / 10^scale; undefined for another text.
  function decimal(text) {
    const at = text[0] === '-' || text[0] === '+' ? 1 : 0;
    const whole = run(text, at);
    let end = at + whole;
    let fraction = 0;
    if (text[end] === '.') {
      fraction = run(text, end + 1);
      end += 1 + fraction;
    }
    if (whole + fraction === 0) return undefined;
    let exponent = 0;
    if (text[end] === 'e' || text[end] === 'E') {
      const signed = text[end + 1] === '-' || text[end + 1] === '+' ? 1 : 0;
      const length = run(text, end + 1 + signed);
      if (length === 0 || length > 3) return undefined;
      exponent = +p.slice(text, end + 1, end + 1 + signed + length);
      end += 1 + signed + length;
    }
    if (end !== text.length || text.length > LONGEST) return undefined;
    const shown = p.slice(text, at, at + whole) + (fraction > 0 ? p.slice(text, at + whole + 1, at + whole + 1 + fraction) : '');
    const digits = p.BigInt(shown);
    const scale = fraction - exponent;
    return {
      __proto__: null,
      digits: (text[0] === '-' ? -digits : digits) * (scale < 0 ? 10n ** p.BigInt(-scale) : 1n),
      scale: scale < 0 ? 0 : scale,
    };
  }

  function written({ digits, scale }) {
    const negative = digits < 0n;
    let text = '' + (negative ? -digits : digits);
    while (text.length <= scale) text = '0' + text;
    const point = text.length - scale;
    return (negative ? '-' : '') + p.slice(text, 0, point) + (scale > 0 ? '.' + p.slice(text, point, text.length) : '');
  }

  function aligned(a, b) {
    const x = decimal(a);
    const y = decimal(b);
    if (x.scale < y.scale) x.digits *= 10n ** p.BigInt(y.scale - x.scale);
    else y.digits *= 10n ** p.BigInt(x.scale - y.scale);
    return { __proto__: null, a: x.digits, b: y.digits, scale: x.scale < y.scale ? y.scale : x.scale };
  }

  // Whether a is less than (-1), the same as (0) or more than (1) b.
  function order(a, b) {
    const both = aligned(a, b);
    return both.a < both.b ? -1 : both.a > both.b ? 1 : 0;
  }

  // The same text for all that are the same number.
  function normal(text) {
    let { digits, scale } = decimal(text);
    while (scale > 0 && digits % 10n === 0n) {
      digits /= 10n;
      scale -= 1;
    }
    return digits + '/' + scale;
  }

  function exactAdder() {
    let digits = 0n;
    let scale = 0;
    return {
      __proto__: null,
      add(kept) {
        const one = decimal(kept);
        if (one.scale > scale) {
          digits *= 10n ** p.BigInt(one.scale - scale);
          scale = one.scale;
        }
        digits += one.scale === scale ? one.digits : one.digits * 10n ** p.BigInt(scale - one.scale);
      },
      sum: () => written({ __proto__: null, digits, scale }),
    };
  }

  return p.freeze({ __proto__: null, run, decimal, written, order, normal, exactAdder });
})
