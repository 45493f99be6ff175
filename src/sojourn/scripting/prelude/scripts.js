// Global scripts: what they declare at top level stays for the next one. A script that declares again what is there, the
// same script in the next request above all, runs in a block instead: its let, const and class are its own then, var and
// functions are global as before.
(function (p, evaluate) {
  'use strict';

  // Both runtimes find out before the first statement runs. Who throws such an error himself runs twice, in his own scope.
  function redeclares(error) {
    try {
      if (p.getPrototypeOf(error) !== p.SyntaxErrorPrototype) return false;
      const message = p.getOwnPropertyDescriptor(error, 'message').value;
      return p.startsWith(message, 'redeclaration of ') || p.endsWith(message, ' has already been declared');
    } catch {
      return false;
    }
  }

  const isBlank = (letter) => letter === ' ' || letter === '\t' || letter === '\r' || letter === '\n' || letter === '\ufeff';

  // Where the first statement begins.
  function begin(code) {
    let at = 0;
    for (;;) {
      while (at < code.length && isBlank(code[at])) at += 1;
      const opening = p.slice(code, at, at + 2);
      const closing = opening === '//' ? '\n' : opening === '/*' ? '*/' : '';
      const end = closing === '' ? -1 : p.indexOf(code, closing, at + 2);
      if (end < 0) return at;
      at = end + closing.length;
    }
  }

  // A block has no directives, so the one that counts is put before it.
  function inBlock(code) {
    const first = p.slice(code, begin(code), begin(code) + 12);
    const strict = first === "'use strict'" || first === '"use strict"';
    return (strict ? "'use strict';{" : '{') + code + '\n}';
  }

  return function (code, file) {
    try {
      return evaluate(code, file);
    } catch (error) {
      if (!redeclares(error)) throw error;
    }
    return evaluate(inBlock(code), file);
  };
})
