// request.body and request.saveToStream: what of a request is handier in JavaScript.
(function (host) {
  'use strict';
  const { call, primordials: p } = host;
  const { HttpError } = p.global;
  const MADE = {};

  class RequestBody {
    constructor(made) {
      if (made !== MADE) throw new p.TypeError('scripts cannot make a RequestBody');
      p.freeze(this);
    }

    asText() {
      return call('Request.content', []);
    }

    // What is no JSON is the client's mistake: 400 where nobody catches it.
    asJson() {
      const text = call('Request.content', []);
      try {
        return p.parse(text);
      } catch (error) {
        throw new HttpError.BadRequest('The body is not valid JSON.', '', p.isError(error) ? '' + error.message : '');
      }
    }
  }

  const body = new RequestBody(MADE);

  function saveToStream(stream) {
    if (typeof stream !== 'object' || stream === null || typeof stream.write !== 'function') {
      throw new p.TypeError('saveToStream takes an object with a method write(bytes)');
    }
    stream.write(new p.Uint8Array(call('Request.bytes', [])));
  }

  host.finish('Request.body', () => body);
  host.finish('Request.saveToStream', () => saveToStream);
  p.freeze(saveToStream);
  host.defineClass(RequestBody, 'lib/http/RequestBody');
})
