// Three calls of the host: one that changes the session, two that read.
const count = session.fields.increment('count');
if (session.userKey !== -1 || !session.hasRequest()) throw new Error('who is there?');
({ count });
