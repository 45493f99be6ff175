session.fields.put({ note: 'x'.repeat(500), count: 0 });
({ filled: true });
