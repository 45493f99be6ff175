// Work for the processor: bodies in motion, JSON, sorting, strings. Its last value is the same wherever it runs.
'use strict';

function random(seed) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 4294967296;
  };
}

function bodies(steps) {
  const all = [
    { x: 0, y: 0, z: 0, vx: 0, vy: 0, vz: 0, mass: 40 },
    { x: 5, y: 0, z: 1, vx: 0, vy: 2.6, vz: 0, mass: 0.04 },
    { x: 9, y: 4, z: 0, vx: -0.8, vy: 1.7, vz: 0.1, mass: 0.01 },
    { x: 0, y: 14, z: 2, vx: 1.6, vy: 0, vz: 0, mass: 0.002 },
    { x: -20, y: 3, z: 0, vx: 0.2, vy: -1.3, vz: 0, mass: 0.002 },
  ];
  for (let step = 0; step < steps; step++) {
    for (let i = 0; i < all.length; i++) {
      const a = all[i];
      for (let j = i + 1; j < all.length; j++) {
        const b = all[j];
        const dx = a.x - b.x, dy = a.y - b.y, dz = a.z - b.z;
        const square = dx * dx + dy * dy + dz * dz;
        const pull = 0.001 / (square * Math.sqrt(square));
        a.vx -= dx * b.mass * pull; a.vy -= dy * b.mass * pull; a.vz -= dz * b.mass * pull;
        b.vx += dx * a.mass * pull; b.vy += dy * a.mass * pull; b.vz += dz * a.mass * pull;
      }
    }
    for (const body of all) { body.x += 0.001 * body.vx; body.y += 0.001 * body.vy; body.z += 0.001 * body.vz; }
  }
  return all.reduce((sum, body) => sum + body.mass * (body.vx ** 2 + body.vy ** 2 + body.vz ** 2), 0);
}

function json(rounds) {
  const order = { id: 'A-1', lines: [], paid: true, note: 'für Grüße\n"quoted"' };
  for (let i = 0; i < 60; i++) order.lines.push({ sku: 'S' + i, quantity: i, price: i * 1.1, tags: ['a', 'b', null] });
  let size = 0;
  for (let round = 0; round < rounds; round++) {
    order.lines[round % 60].quantity = round;
    size += JSON.stringify(JSON.parse(JSON.stringify(order))).length;
  }
  return size;
}

function sorting(count) {
  const next = random(7);
  const rows = Array.from({ length: count }, (_, key) => ({ key, value: next(), name: 'n' + Math.floor(next() * 1000) }));
  rows.sort((a, b) => a.name < b.name ? -1 : a.name > b.name ? 1 : a.value - b.value);
  const totals = new Map();
  for (const row of rows) totals.set(row.name, (totals.get(row.name) ?? 0) + row.value);
  return totals.size + rows[count >> 1].key;
}

function strings(rounds) {
  let found = 0;
  for (let round = 0; round < rounds; round++) {
    const line = `user${round}@example.org;${round % 97};some words and ${round * 3} numbers`;
    const parts = line.split(';').map((part) => part.trim().toUpperCase());
    found += /(\w+)@(\w+)\.ORG/.exec(parts[0])[1].length + parts.join('|').replace(/\d+/g, (n) => n + '0').length;
  }
  return found;
}

`${bodies(40000).toFixed(9)} ${json(400)} ${sorting(40000)} ${strings(60000)}`;
