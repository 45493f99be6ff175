// Promises that were rejected and that nothing has handled when an execution is over: they are logged, and change nothing.
// Only ije says which these are.
(function (p, calls, errors) {
  'use strict';
  function entry(reason) {
    const { name, message, stack } = p.parse(errors.described(reason));
    const text = 'Unhandled promise rejection: ' + name + ': ' + message;
    return stack === '' ? text : text + '\n' + p.slice(stack, 0, -1);
  }

  const log = (text) => { calls.call('Log.write', ['error', '', text]); };

  return p.freeze({
    __proto__: null,
    tell: (reason) => log(entry(reason)),
    // So many others are not told one by one.
    tellMore: (count) => log('Unhandled promise rejections: ' + count + ' more'),
  });
})
