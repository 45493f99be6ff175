-- The tables of the shop. `sojourn demo` makes them; elsewhere: sojourn data define --file schema.sql
CREATE TABLE shop_order (
  "iKey" BIGINT PRIMARY KEY,
  "iVersion" BIGINT,
  buyer VARCHAR(100) NOT NULL,
  sku VARCHAR(20) NOT NULL,
  qty INTEGER NOT NULL,
  cents BIGINT NOT NULL
);
