// Calls of host functions. Only this file has hold of natives.send.
(function (p, codec, errors, send) {
  'use strict';
  const DEFAULT_ROOM = 8388608;
  let room = DEFAULT_ROOM;
  let sequence = 0;
  // Results of host functions without arguments that the host has told before they were asked for, by name.
  let facts = { __proto__: null };

  // The result of the host function name, after the number of the instance that it is called on if it is a method of one;
  // raises what it raised.
  function call(name, args, handle) {
    if (args.length === 0 && handle === undefined && p.hasOwn(facts, name)) return facts[name];
    // Writing an argument runs its getters, and these may call the host: only then is it this call's turn.
    let list = handle === undefined ? '' : '' + handle;
    for (let i = 0; i < args.length; i++) list += (list === '' ? '' : ',') + codec.write(args[i], room - list.length);
    const number = sequence + 1;
    sequence = number;
    const reply = exchanged('{"op":"call","q":' + number + ',"n":' + p.stringify(name) + ',"a":[' + list + ']}');
    if (reply.q !== number) throw new p.Error('the host did not answer');
    if (p.hasOwn(reply, 'f')) facts = reply.f;
    if (p.hasOwn(reply, 'e')) throw errors.made(reply.e);
    return reply.v;
  }

  // An error of the runtime itself, a stack overflow inside of it above all, never gets to a script: it may be an object
  // of another realm.
  function exchanged(packet) {
    let text;
    try {
      text = send(packet);
    } catch {
      text = '';
    }
    if (typeof text !== 'string' || text === '') throw new p.Error('the host cannot be called');
    return codec.read(text);
  }

  return p.freeze({
    __proto__: null,
    call,
    // How many bytes one value may have, in calls and as the outcome.
    room: () => room,
    setRoom(bytes) { room = bytes; },
    setFacts(told) { facts = told; },
  });
})
